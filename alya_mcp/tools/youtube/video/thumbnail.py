"""The thumbnail: a picture or a designed background, and the title in letters that a phone's list shows."""

import io
from typing import TYPE_CHECKING, Final

from alya_mcp.tools.youtube.video import backgrounds
from alya_mcp.tools.youtube.video.fonts import Fonts
from alya_mcp.tools.youtube.video.frame import VideoFrame
from alya_mcp.tools.youtube.video.palette import Palette
from alya_mcp.tools.youtube.video.typesetting import draw, fitted

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE: Final = VideoFrame(1280, 720)
LARGEST: Final = 2_000_000
"""Bytes; YouTube takes files under 2 MB (thumbnails.set)."""


def thumbnail(
    title: str, palette: Palette, fonts: Fonts, *, picture: "Image | None", whole: bool, seed: int
) -> bytes:
    """A JPEG of 1280x720 pixels with the `title` on it.

    `whole` pictures fill it; others, such as those of the small model, stand in a panel on the right.
    """
    from PIL import Image, ImageDraw

    frame = SIZE
    if picture is not None and whole:
        image = backgrounds.pictured(picture, frame, palette)
    elif picture is not None:
        image = _with_panel(picture, frame, palette, seed)
    else:
        image = backgrounds.designed(frame, palette, seed)
    image = image.convert("RGBA")
    block = fitted(title, fonts, "display", width=660, lines=4, largest=116, smallest=52)
    top = (frame.height - block.height) // 2
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((64, top - 44, 64 + 110, top - 28), 8, (*palette.accent, 255))
    draw(image, block, 64, top, palette.text)
    rgb = Image.new("RGB", image.size, palette.ground)
    rgb.paste(image, (0, 0), image)
    for quality in (90, 82, 70, 55):
        file = io.BytesIO()
        rgb.save(file, "JPEG", quality=quality, subsampling="4:4:4", optimize=True)
        if file.tell() < LARGEST:
            break
    return file.getvalue()


def _with_panel(picture: "Image", frame: VideoFrame, palette: Palette, seed: int) -> "Image":
    """A plain ground with the picture on a tile with round corners."""
    from PIL import Image, ImageDraw, ImageOps

    image = backgrounds.plain(frame, palette, seed)
    side = 456
    tile = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
    mask = Image.new("L", (2 * side, 2 * side), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 2 * side - 1, 2 * side - 1), 72, 255)
    mask = mask.resize((side, side), Image.Resampling.BOX)
    left, top = frame.width - side - 64, (frame.height - side) // 2
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle(
        (left - 12, top - 12, left + side + 11, top + side + 11), 46, outline=palette.accent, width=6
    )
    image.paste(tile, (left, top), mask)
    return image
