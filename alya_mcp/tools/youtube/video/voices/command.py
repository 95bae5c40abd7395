"""A voice that is a program of the user's: it reads a sentence on stdin and makes a WAV file.

A word `{file}` of the command stands for the file that it writes; without one the sound is read from its
stdout. A Piper voice is such a command: `piper -m VOICE.onnx -f {file}`.
"""

import contextlib
import io
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import anyio

from alya_mcp.tools.youtube.video.voices.voice import Spoken, VoiceFailed

_DEADLINE: Final = 120.0
"""Seconds that a sentence may take."""
_LARGEST: Final = 200_000_000
_FILE: Final = "{file}"


class CommandVoice:
    """The voice of `command`, its words."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        self._command = list(command)

    async def speak(self, sentence: str) -> Spoken:
        """See `Voice.speak`."""
        with tempfile.TemporaryDirectory(prefix="alya-voice-") as folder, tempfile.TemporaryFile() as text:
            text.write(sentence.encode() + b"\n")
            text.seek(0)
            target = Path(folder) / "speech.wav"
            words = [word.replace(_FILE, str(target)) for word in self._command]
            try:
                with anyio.fail_after(_DEADLINE):
                    # A file, and not a pipe: a program may end without having read all of it.
                    ended = await anyio.run_process(words, stdin=text, stderr=subprocess.DEVNULL, check=False)
            except TimeoutError:
                raise VoiceFailed(f"{self.name} took more than {_DEADLINE:g} s for a sentence") from None
            except OSError as error:
                raise VoiceFailed(f"{self.name} can't be started: {error.strerror or error}") from None
            if ended.returncode != 0:
                raise VoiceFailed(f"{self.name} ended with status {ended.returncode}")
            data = ended.stdout
            if any(_FILE in word for word in self._command):
                data = b""
                with contextlib.suppress(OSError):
                    data = target.read_bytes() if target.stat().st_size <= _LARGEST else b""
        return self._read(data)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _read(self, data: bytes) -> Spoken:
        """The first channel of a WAV file of 16-bit samples."""
        try:
            with wave.open(io.BytesIO(data)) as file:
                channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
                # A program that writes to a pipe can't know the length, and claims one that is too large.
                frames = file.readframes(min(file.getnframes(), len(data)))
        except (wave.Error, EOFError):
            raise VoiceFailed(f"{self.name} made no WAV file") from None
        if width != 2 or not frames or not 8000 <= rate <= 192_000:
            raise VoiceFailed(f"{self.name} made a WAV file without 16-bit sound")
        samples = memoryview(frames[: len(frames) // (2 * channels) * 2 * channels]).cast("h")[::channels]
        return Spoken(samples.tobytes(), rate)
