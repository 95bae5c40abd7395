"""Kokoro-82M (Apache-2.0), run by ONNX Runtime in a process of its own: it takes 560 MB while it speaks."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final, cast

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from alya_mcp.runtime.python_process import module_command
from alya_mcp.tools.youtube.video.voices.voice import Spoken, VoiceFailed

_DEADLINE: Final = 120.0
"""Seconds that loading, or a sentence, may take."""
_LONGEST_HEAD: Final = 4000


class Kokoro:
    """The voice `af_heart`; its process starts with the first sentence and ends with `close`."""

    name = "Kokoro-82M (af_heart)"

    def __init__(self) -> None:
        self._process: Process | None = None
        self._answers: BufferedByteReceiveStream | None = None

    async def speak(self, sentence: str) -> Spoken:
        """See `Voice.speak`."""
        try:
            with anyio.fail_after(_DEADLINE):
                return await self._speak(sentence)
        except TimeoutError:
            raise VoiceFailed(f"{self.name} took more than {_DEADLINE:g} s for a sentence") from None
        except (anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError, OSError):
            raise VoiceFailed(f"the process of {self.name} ended") from None

    async def aclose(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with anyio.CancelScope(shield=True):
            if process.returncode is None:
                process.kill()
            await process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError, anyio.BrokenResourceError):
                        await stream.aclose()

    async def _speak(self, sentence: str) -> Spoken:
        if self._process is None:
            command = module_command("alya_mcp.tools.youtube.video.voices.kokoro_child")
            self._process = await anyio.open_process(command, stderr=None)
            self._answers = BufferedByteReceiveStream(cast("ByteReceiveStream", self._process.stdout))
        asked = json.dumps({"text": sentence}).encode() + b"\n"
        await cast("ByteSendStream", self._process.stdin).send(asked)
        answers = cast("BufferedByteReceiveStream", self._answers)
        head = cast("Mapping[str, Any]", json.loads(await answers.receive_until(b"\n", _LONGEST_HEAD)))
        if "error" in head:
            raise VoiceFailed(str(head["error"]))
        return Spoken(await answers.receive_exactly(int(head["bytes"])), int(head["rate"]))
