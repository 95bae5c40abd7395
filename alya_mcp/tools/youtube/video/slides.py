"""What stands on a scene: a kicker, a heading, a line under it; drawn once, laid over a moving background."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from alya_mcp.tools.youtube.logic.script import Scene
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import VideoFrame
from alya_mcp.tools.youtube.video.palette import Palette
from alya_mcp.tools.youtube.video.typesetting import Block, draw, fitted

if TYPE_CHECKING:
    from PIL.Image import Image

_MARGIN: Final = 76
"""Units between the words and the picture's edge."""
_BAR: Final = (64, 8)
_HALO: Final = 28
"""Units around the letters in which the ground shines through forms and pictures."""
_HALO_STRENGTH: Final = 2
_HALO_COVER: Final = 150
"""How much of what is behind the letters the halo covers at most, of 255."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture with alpha and the pixel at which its top left corner lies on the frame; both even."""

    image: "Image"
    x: int
    y: int


def words_of(scene: Scene, frame: VideoFrame, palette: Palette, fonts: Fonts, *, opening: bool) -> Layer:
    """The words of a scene as a layer; those of the `opening` are larger."""
    from PIL import Image, ImageDraw

    width = round(frame.width * (0.84 if frame.vertical else 0.52))
    largest = frame.px(92 if opening else 78)
    heading = fitted(
        scene.heading,
        fonts,
        "display",
        width=width,
        lines=5 if frame.vertical else 4,
        largest=largest,
        smallest=frame.px(40),
    )
    kicker = _line(scene.kicker, fonts, frame, 26 if frame.vertical else 23, width)
    point = _line(scene.point, fonts, frame, 36 if frame.vertical else 31, width)
    gap = frame.px(26)
    bar_width, bar_height = frame.px(_BAR[0]), frame.px(_BAR[1])
    parts = [bar_height + gap]
    parts += [kicker.height + frame.px(12)] if kicker else []
    parts += [heading.height]
    parts += [gap - frame.px(6) + point.height] if point else []
    layer = Image.new("RGBA", (width + frame.px(8), sum(parts) + frame.px(8)), (*palette.ground, 0))
    pen = ImageDraw.Draw(layer)
    pen.rounded_rectangle((0, 0, bar_width, bar_height), bar_height // 2, (*palette.accent, 255))
    y = bar_height + gap
    if kicker:
        draw(layer, kicker, 0, y, palette.accent)
        y += kicker.height + frame.px(12)
    draw(layer, heading, 0, y, palette.text)
    y += heading.height
    if point:
        draw(layer, point, 0, y + gap - frame.px(6), palette.muted)
    halo = frame.px(_HALO)
    layer = _even(_with_halo(layer, halo, palette))
    if frame.vertical:
        top = round(frame.height * 0.09) - halo
    else:
        top = max(frame.px(_MARGIN) - halo, round(frame.height * 0.43 - layer.height / 2))
    return Layer(layer, (frame.px(_MARGIN) - halo) // 2 * 2, top // 2 * 2)


def _line(text: str, fonts: Fonts, frame: VideoFrame, size: int, width: int) -> Block | None:
    if not text:
        return None
    block = fitted(
        text, fonts, "text", width=width, lines=2, largest=frame.px(size), smallest=frame.px(size * 0.8)
    )
    return block if block.lines else None


def _with_halo(words: "Image", halo: int, palette: Palette) -> "Image":
    """The words over a soft cloud of the ground's colour, `halo` pixels larger on each side."""
    from PIL import Image, ImageFilter

    size = (words.width + 2 * halo, words.height + 2 * halo)
    cover = Image.new("L", size, 0)
    cover.paste(words.getchannel("A"), (halo, halo))
    cover = cover.filter(ImageFilter.GaussianBlur(halo / 2.4))
    cover = cover.point([min(_HALO_COVER, value * _HALO_STRENGTH) for value in range(256)])
    image = Image.new("RGBA", size, (*palette.ground, 0))
    image.putalpha(cover)
    image.alpha_composite(words, (halo, halo))
    return image


def _even(image: "Image") -> "Image":
    """The image with even sides: colours are kept for two pixels at once."""
    from PIL import Image

    width, height = (side + side % 2 for side in image.size)
    if (width, height) == image.size:
        return image
    larger = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    larger.paste(image, (0, 0))
    return larger
