"""Captions as images: one for each word of a cue, with that word in the accent colour."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alya_mcp.tools.youtube.logic.captions import LINE, Cue
from alya_mcp.tools.youtube.logic.timing import FPS
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import VideoFrame
from alya_mcp.tools.youtube.video.palette import Palette

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

VERTICAL_LINE: Final = 26
"""Characters of a caption's line on a vertical picture."""
_SIZE: Final = 31
_PADDING: Final = (20, 9)
_COVER: Final = 205
"""How opaque the box behind the words is, of 255."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Where the captions lie on the frame, in even pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StripState:
    """What the strip shows from one frame on: `word` of `cue`, or nothing."""

    frame: int
    cue: Cue | None
    word: int


def line_length(frame: VideoFrame) -> int:
    """The characters of a caption's line."""
    return VERTICAL_LINE if frame.vertical else LINE


def strip_of(frame: VideoFrame) -> Strip:
    """The place of the captions: low, and on a vertical picture above what players lay over it."""
    height = frame.px(2 * (_SIZE * 1.3 + 2 * _PADDING[1])) // 2 * 2
    width = round(frame.width * 0.9) // 2 * 2
    y = round(frame.height * (0.74 if frame.vertical else 0.805)) // 2 * 2
    return Strip((frame.width - width) // 4 * 2, y, width, height)


def states(cues: Sequence[Cue], frames: int) -> list[StripState]:
    """Every change of the strip within so many frames, beginning at frame 0."""
    made = [StripState(0, None, 0)]
    for cue in cues:
        for index, word in enumerate(cue.words):
            made.append(StripState(round((cue.start if index == 0 else word.start) * FPS), cue, index))
        made.append(StripState(round(cue.end * FPS), None, 0))
    kept: list[StripState] = []
    for state in made:
        if state.frame >= frames:
            break
        if kept and kept[-1].frame >= state.frame:
            kept[-1] = StripState(kept[-1].frame, state.cue, state.word)
        else:
            kept.append(state)
    return kept


class CaptionRenderer:
    """Draws the states of a strip; the words of a cue are set once."""

    def __init__(self, frame: VideoFrame, palette: Palette, fonts: Fonts) -> None:
        self._frame = frame
        self._palette = palette
        self._fonts = fonts
        self._strip = strip_of(frame)

    def paint(self, state: StripState) -> "Image":
        """The strip of one state."""
        from PIL import Image, ImageDraw

        palette, strip = self._palette, self._strip
        image = Image.new("RGBA", (strip.width, strip.height), (*palette.ground, 0))
        if state.cue is None:
            return image
        pen = ImageDraw.Draw(image)
        lines = list(self._set(state.cue))
        number = 0
        for font, left, top, words, box in lines:
            pen.rounded_rectangle(box, self._frame.px(9), (*palette.ground, _COVER))
            at = float(left)
            for word in words:
                colour = palette.accent if number == state.word else palette.text
                pen.text((round(at), top), word, font=font, fill=(*colour, 255))
                at += font.getlength(word + " ")
                number += 1
        return image

    def _set(
        self, cue: Cue
    ) -> Iterator[tuple["FreeTypeFont", int, int, list[str], tuple[int, int, int, int]]]:
        """Font, left, top, words and box of each line, the last line at the strip's foot."""
        size = self._frame.px(_SIZE)
        across, down = self._frame.px(_PADDING[0]), self._frame.px(_PADDING[1])
        room = self._strip.width - 2 * across
        lines = [[self._fonts.shown(word.text) for word in line] for line in cue.lines]
        font = self._fonts.sized("text", size)
        widest = max(font.getlength(" ".join(words)) for words in lines)
        if widest > room:
            size = int(size * room / widest)
            font = self._fonts.sized("text", size)
        high = round(size * 1.3) + 2 * down - self._frame.px(6)
        for index, words in enumerate(lines):
            width = round(font.getlength(" ".join(words)))
            left = (self._strip.width - width) // 2
            top = self._strip.height - high * (len(lines) - index)
            yield font, left, top + down - self._frame.px(3), words, (
                left - across, top, left + width + across, top + high - 1
            )  # fmt: skip
