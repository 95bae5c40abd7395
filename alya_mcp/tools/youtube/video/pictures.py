"""Pictures by the image engine: one for the thumbnail, and one for each scene where a model can draw them.

The small bundled model knows simple shapes and scenes alone, so it draws the thumbnail's picture only, and
scenes get designed slides.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alya_mcp.errors import Failure, InvalidInput
from alya_mcp.images.engine import Engine, Job, JobProgress
from alya_mcp.images.models import SKETCH
from alya_mcp.text.words import terms
from alya_mcp.tools.youtube.video.palette import Palette, Rgb

if TYPE_CHECKING:
    from PIL.Image import Image

    from alya_mcp.images.engine import Picture

_WIDE: Final = (1344, 768)
_TALL: Final = (768, 1344)
"""The sides nearest to 16:9 and 9:16 that FLUX models take: multiples of 64."""
_STEPS: Final = 4
_STYLE: Final = "editorial photograph, soft natural light, one clear subject, no text, no letters"
_GIVE_UP: Final = 2
"""Failures in a row after which no more pictures are asked for."""
_NAMED: Final[dict[str, Rgb]] = {
    "navy": (16, 28, 70), "black": (12, 12, 14), "teal": (0, 110, 110), "purple": (90, 40, 130),
    "brown": (95, 55, 30), "green": (40, 150, 70), "white": (250, 250, 250), "blue": (40, 90, 220),
    "orange": (250, 140, 30), "yellow": (250, 215, 60), "pink": (250, 130, 180), "cyan": (90, 215, 235),
    "red": (215, 40, 40),
}  # fmt: skip
"""Colours by the names that the small model knows."""

Report = Callable[[float, str], Awaitable[None]]
"""Told how far a phase is, from 0 to 1, and what is being done."""


@dataclass(slots=True)
class VideoPictures:
    """The pictures of a video: `thumbnail`, `whole` where it may fill the frame, and those of its scenes."""

    thumbnail: "Image | None" = None
    whole: bool = False
    scenes: "list[Image | None]" = field(default_factory=list["Image | None"])
    model: str | None = None
    notices: list[str] = field(default_factory=list[str])


async def draw(
    engine: Engine, topic: str, prompt: str, scenes: Sequence[str], palette: Palette,
    *, vertical: bool, report: Report,
) -> VideoPictures:  # fmt: skip
    """Draw the picture of `prompt` for the thumbnail, then those of the scenes' prompts.

    What can't be drawn is missing in the result, and told in its notices.
    """
    drawn = VideoPictures(scenes=[None] * len(scenes))
    total = 1 + len(scenes)
    try:
        first = await _first(engine, topic, prompt, palette, report, total)
    except Failure as failure:
        drawn.notices.append(f"No pictures were drawn, so slides are designed ones: {failure}")
        return drawn
    drawn.model = first.model
    drawn.thumbnail = _image(first)
    drawn.whole = first.model != SKETCH
    if first.model == SKETCH:
        drawn.notices.append(
            f"Slides are designed ones: {SKETCH}, the small model that comes with alya-mcp, draws simple "
            "shapes alone, and drew the thumbnail's picture. 'alya-mcp model status' shows how to get "
            "FLUX.1-schnell"
        )
        return drawn
    if first.notice:
        drawn.notices.append(first.notice)
    failed, in_a_row, reason = 0, 0, ""
    for index, scene in enumerate(scenes):
        if in_a_row >= _GIVE_UP:
            failed += 1
            continue
        try:
            picture = await _render(
                engine, f"{scene}, {_STYLE}", _seed(topic, index + 1), _TALL if vertical else _WIDE,
                report, index + 1, total,
            )  # fmt: skip
        except Failure as failure:
            failed, in_a_row, reason = failed + 1, in_a_row + 1, str(failure)
            continue
        in_a_row = 0
        drawn.scenes[index] = _image(picture)
    if failed:
        drawn.notices.append(
            f"{failed} of {len(scenes)} pictures were not drawn, and designed slides stand there: {reason}"
        )
    return drawn


async def _first(
    engine: Engine, topic: str, prompt: str, palette: Palette, report: Report, total: int
) -> "Picture":
    """The thumbnail's picture; plain shapes where the model in use knows nothing of the topic."""
    try:
        first = await _render(engine, prompt, _seed(topic, 0), _WIDE, report, 0, total)
        if first.model != SKETCH or _known(topic, first):
            return first
    except InvalidInput:
        pass  # what the small model says to a prompt without a word that it knows
    shapes = f"two {_named(palette.accent)} rings on a {_named(palette.ground)} background"
    return await _render(engine, shapes, _seed(topic, 0), (1024, 1024), report, 0, total)


async def _render(
    engine: Engine, prompt: str, seed: int, size: tuple[int, int], report: Report, done: int, total: int
) -> "Picture":
    async def progress(step: JobProgress) -> None:
        await report((done + step.done / step.total) / total, step.message)

    width, height = size
    job = Job(prompt=prompt[:1900], seed=seed, steps=_STEPS, width=width, height=height)
    return await engine.render(job, progress)


def _image(picture: "Picture") -> "Image":
    from PIL import Image

    return Image.frombytes("RGB", (picture.width, picture.height), picture.pixels)


def _known(topic: str, picture: "Picture") -> bool:
    """Whether the model knew a telling word of the topic."""
    ignored = {word.casefold() for word in picture.ignored}
    return any(word.casefold() not in ignored for word in topic.split() if terms(word, "en"))


def _seed(topic: str, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{number}\n{topic}".encode()).digest()[:4])


def _named(colour: Rgb) -> str:
    """The name of the nearest colour."""
    return min(_NAMED, key=lambda name: sum((a - b) ** 2 for a, b in zip(_NAMED[name], colour, strict=True)))
