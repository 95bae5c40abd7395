"""Text in lines: broken between words, sized to fit, drawn with even line spacing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alya_mcp.tools.youtube.video.fonts import Fonts, Weight

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    from alya_mcp.tools.youtube.video.palette import Rgb


@dataclass(frozen=True, slots=True)
class Block:
    """Text set in lines; `leading` is the distance of two base lines, all in pixels."""

    lines: tuple[str, ...]
    font: "FreeTypeFont"
    leading: int
    width: int

    @property
    def height(self) -> int:
        """From the top of the first line to the bottom of the last."""
        return self.leading * (len(self.lines) - 1) + round(self.font.size * 1.22)


def fitted(
    text: str, fonts: Fonts, weight: Weight, *, width: int, lines: int, largest: int, smallest: int
) -> Block:
    """`text` in the largest size at which it takes at most so many lines of `width` pixels.

    At the smallest size the last line is cut and marked with an ellipsis.
    """
    text = fonts.shown(text)
    size = largest
    while True:
        font = fonts.sized(weight, size)
        broken = _balanced(text, font, width)
        fits = len(broken) <= lines and all(font.getlength(line) <= width for line in broken)
        if fits or size <= smallest:
            break
        size = max(smallest, size - max(1, size // 16))
    if not fits:
        broken = [_cut(line, font, width) for line in broken[: lines - 1]] + [
            _cut(" ".join(broken[lines - 1 :]), font, width)
        ]
    widest = max((round(font.getlength(line)) for line in broken), default=0)
    spacing = 1.12 if weight == "display" else 1.35
    return Block(tuple(broken), font, round(size * spacing), widest)


def draw(image: "Image", block: Block, x: int, y: int, colour: "Rgb", *, centred: bool = False) -> None:
    """Draw the block with its top left corner at (x, y); `centred` lines lie around x."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(image)
    for number, line in enumerate(block.lines):
        left = x - block.font.getlength(line) / 2 if centred else x
        pen.text((round(left), y + number * block.leading), line, font=block.font, fill=(*colour, 255))


def _balanced(text: str, font: "FreeTypeFont", width: int) -> list[str]:
    """The text in as few lines as it needs, of about equal length."""
    lines = _broken(text, font, width)
    if len(lines) < 2:
        return lines
    low, high = width // len(lines), width
    while high - low > 8:
        middle = (low + high) // 2
        if len(_broken(text, font, middle)) <= len(lines):
            high = middle
        else:
            low = middle
    return _broken(text, font, high)


def _broken(text: str, font: "FreeTypeFont", width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _cut(line: str, font: "FreeTypeFont", width: int) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "\u2026") > width:
        line = line[:-1]
    return line.rstrip() + "\u2026"
