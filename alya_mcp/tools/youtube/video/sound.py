"""The narration as one sound file, and the filter that brings it to the loudness of YouTube."""

import json
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alya_mcp.tools.youtube.logic.timing import TimedScene
from alya_mcp.tools.youtube.video import ffmpeg
from alya_mcp.tools.youtube.video.voices import Spoken

LOUDNESS: Final = -14.0
"""LUFS to which YouTube turns louder videos down."""
_CEILING: Final = -1.5
"""dBFS above which the limiter lets nothing; leaves room for what the encoder adds."""
_NEAR: Final = 0.2
"""LU from the target at which the gain is right."""
_TRIES: Final = 4
_SILENT: Final = -60.0


def write(path: Path, scenes: Sequence[TimedScene], spoken: Sequence[Sequence[Spoken]]) -> None:
    """Write the spoken sentences, each where its scene has it, as a WAV file as long as the video."""
    rate = next(each.rate for scene in spoken for each in scene)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        written = 0
        for scene, parts in zip(scenes, spoken, strict=True):
            for sentence, part in zip(scene.sentences, parts, strict=True):
                begins = round(sentence.start * rate)
                file.writeframes(bytes(2 * max(0, begins - written)))
                file.writeframes(part.samples)
                written = max(written, begins) + len(part.samples) // 2
        file.writeframes(bytes(2 * max(0, round(scenes[-1].end * rate) - written)))


async def loudness_filter(folder: Path, name: str) -> str:
    """The filter that brings the file `name` in `folder` to `LOUDNESS`: a gain and a limiter.

    The limiter takes some loudness back, so the gain is measured with it, and corrected.

    Raises:
        RenderFailed: it can't be measured.
    """
    chain = "anull"
    gain = LOUDNESS - await _measured(folder, name, chain)
    for _ in range(_TRIES):
        chain = _chain(gain)
        missing = LOUDNESS - await _measured(folder, name, chain)
        if abs(missing) <= _NEAR:
            break
        gain += missing
    return chain


def _chain(gain: float) -> str:
    ceiling = 10 ** (_CEILING / 20)
    limited = f"alimiter=limit={ceiling:.4f}:attack=5:release=60:level=0"
    return f"aformat=channel_layouts=stereo,aresample=48000,volume={gain:.2f}dB,{limited}"


async def _measured(folder: Path, name: str, chain: str) -> float:
    """The integrated loudness of the file after the `chain`, in LUFS (EBU R 128)."""
    said = await ffmpeg.run(
        (
            *("-hide_banner", "-nostats", "-nostdin", "-i", name),
            *("-af", f"{chain},loudnorm=print_format=json", "-f", "null", "-"),
        ),
        folder,
    )
    try:
        loudness = float(json.loads(said[said.rindex("{") : said.rindex("}") + 1])["input_i"])
    except (ValueError, KeyError, TypeError) as error:
        raise ffmpeg.RenderFailed("the loudness of the narration can't be measured") from error
    if not loudness > _SILENT:
        raise ffmpeg.RenderFailed("the narration holds no sound")
    return loudness
