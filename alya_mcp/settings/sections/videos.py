"""How videos sound and look."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from alya_mcp.settings import parsers
from alya_mcp.settings.setting import Setting


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """How videos sound and look."""

    video_voice: Annotated[
        str,
        Setting(
            parse=parsers.voice,
            meaning="who speaks in videos: `auto` (Kokoro, where `alya-mcp[voices]` is installed), `off`, "
            "or the absolute path of a Piper voice, an `.onnx` file",
            page="tools/videos.md#voices",
        ),
    ] = "auto"
    video_voice_command: Annotated[
        str | None,
        Setting(
            parse=parsers.command_line,
            meaning="a program of yours that speaks instead: it reads a sentence on stdin and writes a WAV "
            "file to `{file}`, or to stdout",
        ),
    ] = None
    video_font: Annotated[
        Path | None,
        Setting(
            parse=parsers.path("the absolute path of a font file"),
            meaning="the absolute path of a font file for slides and captions",
            unset="Inter",
        ),
    ] = None
