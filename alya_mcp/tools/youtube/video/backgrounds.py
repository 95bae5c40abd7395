"""Backgrounds of scenes: designed ones of gradients and forms, and pictures under a shade for the words."""

import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from alya_mcp.tools.youtube.video.frame import VideoFrame
from alya_mcp.tools.youtube.video.palette import Palette, Rgb, mixed

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

_FINER: Final = 2
"""Forms are drawn so many times larger and made smaller, for smooth edges."""
_Motif = Callable[["ImageDraw", VideoFrame, Palette, random.Random], None]


def designed(frame: VideoFrame, palette: Palette, seed: int) -> "Image":
    """A background of the palette's colours; another one for each `seed`."""
    from PIL import Image, ImageDraw

    chance = random.Random(seed)  # noqa: S311 - decoration
    large = VideoFrame(frame.width * _FINER, frame.height * _FINER)
    forms = Image.new("RGBA", (large.width, large.height), (0, 0, 0, 0))
    MOTIFS[seed % len(MOTIFS)](ImageDraw.Draw(forms), large, palette, chance)
    ground = _gradient(frame, palette, chance)
    forms = forms.resize((frame.width, frame.height), Image.Resampling.BOX)
    ground.paste(forms, (0, 0), forms)
    return ground


def plain(frame: VideoFrame, palette: Palette, seed: int) -> "Image":
    """The ground of the palette's colours without forms."""
    return _gradient(frame, palette, random.Random(seed))  # noqa: S311 - decoration


def pictured(picture: "Image", frame: VideoFrame, palette: Palette) -> "Image":
    """The picture, cut to the frame, darkened where words and captions go."""
    from PIL import Image, ImageOps

    cut = ImageOps.fit(picture.convert("RGB"), (frame.width, frame.height), Image.Resampling.LANCZOS)
    shade = Image.new("RGB", cut.size, palette.ground)
    return Image.composite(shade, cut, _shade(frame))


def _shade(frame: VideoFrame) -> "Image":
    """How much of the ground covers a picture: most where the words are, 0 to 255."""
    from PIL import Image, ImageChops

    side = Image.linear_gradient("L")
    if frame.vertical:
        upper = side.rotate(180).resize((frame.width, frame.height)).point(_steps(60, 225))
    else:
        upper = side.rotate(270).resize((frame.width, frame.height)).point(_steps(0, 230))
    lower = side.resize((frame.width, frame.height)).point(_steps(150, 235, floor=0))
    return ImageChops.lighter(upper, lower)


def _steps(begin: int, most: int, *, floor: int = 24) -> list[int]:
    """A table from lightness to cover: nothing up to `begin`, then smoothly up to `most`."""
    table: list[int] = []
    for value in range(256):
        share = max(0.0, (value - begin) / (255 - begin))
        table.append(round(floor + (most - floor) * share * share * (3 - 2 * share)))
    return table


def _gradient(frame: VideoFrame, palette: Palette, chance: random.Random) -> "Image":
    """Soft lights on the ground, dithered so that no bands show."""
    from PIL import Image

    width, height = 48, max(16, round(48 * frame.height / frame.width))
    tall = max(1.0, frame.height / frame.width)
    lights = [
        (chance.uniform(0.55, 1.05), chance.uniform(-0.1, 0.5), 0.75, palette.depth, 0.95),
        (chance.uniform(-0.1, 0.35), chance.uniform(0.75, 1.15), 0.6, palette.depth, 0.7),
        (chance.uniform(0.6, 1.0), chance.uniform(0.7, 1.1), 0.45, palette.accent, 0.13),
    ]
    channels: tuple[list[float], list[float], list[float]] = ([], [], [])
    for row in range(height):
        for column in range(width):
            colour = [float(part) for part in palette.ground]
            for x, y, reach, light, strength in lights:
                far = math.hypot(column / width - x, (row / height - y) * tall) / reach
                share = strength * math.exp(-2.2 * far * far)
                colour = [one + (other - one) * share for one, other in zip(colour, light, strict=True)]
            for channel, value in zip(channels, colour, strict=True):
                channel.append(value)
    size = (frame.width, frame.height)
    grain = Image.frombytes("L", size, chance.randbytes(frame.width * frame.height))
    bands = [_dithered(channel, (width, height), grain) for channel in channels]
    return Image.merge("RGB", bands)


def _dithered(values: Sequence[float], size: tuple[int, int], grain: "Image") -> "Image":
    """The `values` of a small picture in the size of `grain`, rounded up or down by chance."""
    from PIL import Image, ImageMath

    small = Image.new("F", size)
    small.putdata(values)
    large = small.resize(grain.size, Image.Resampling.BICUBIC)

    def rounded(given: dict[str, Any]) -> Any:
        return given["convert"](given["large"] + given["grain"] / 256.0, "L")

    return cast("Picture", ImageMath.lambda_eval(rounded, large=large, grain=grain.convert("F")))


def _focus(frame: VideoFrame) -> tuple[float, float, float]:
    """Where forms gather: the centre, right of the words or under them, and their reach in pixels."""
    if frame.vertical:
        return frame.width * 0.55, frame.height * 0.53, frame.width * 0.46
    return frame.width * 0.79, frame.height * 0.42, frame.height * 0.46


def _see_through(colour: Rgb, share: float) -> tuple[int, int, int, int]:
    return (*colour, round(255 * share))


def _rings(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    start = chance.uniform(0, 360)
    for number in range(7):
        radius = reach * (0.22 + 0.14 * number)
        box = (x - radius, y - radius, x + radius, y + radius)
        colour = (palette.accent, palette.second)[number % 2]
        span = 150 + 30 * (number % 4)
        begin = start + 67 * number
        pen.arc(box, begin, begin + span, _see_through(colour, 0.92 - 0.1 * number), round(reach * 0.055))
    core = reach * 0.09
    pen.ellipse((x - core, y - core, x + core, y + core), _see_through(palette.accent, 1))


def _dots(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    step = reach * 0.155
    phase = chance.uniform(0, 6)
    for row in range(-7, 8):
        for column in range(-7, 8):
            wave = 0.5 + 0.5 * math.sin(phase + column * 0.55 + math.cos(row * 0.5 + phase) * 1.6)
            far = math.hypot(row, column) / 9.5
            radius = step * (0.06 + 0.36 * wave) * max(0.0, 1 - far)
            if radius < 1:
                continue
            colour = mixed(palette.second, palette.accent, wave)
            at_x, at_y = x + column * step, y + row * step
            box = (at_x - radius, at_y - radius, at_x + radius, at_y + radius)
            pen.ellipse(box, _see_through(colour, 0.35 + 0.6 * wave))


def _columns(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    count, width = 6, reach * 0.19
    base = y + reach * 0.8
    for number in range(count):
        rise = (0.25 + 0.75 * (number + chance.uniform(-0.35, 0.35)) / (count - 1)) * reach * 1.35
        left = x - reach * 0.98 + number * width * 1.5
        colour = mixed(palette.second, palette.accent, number / (count - 1))
        box = (left, base - max(width, rise), left + width, base)
        pen.rounded_rectangle(box, width / 2, _see_through(colour, 0.9 if number % 2 else 0.55))


def _waves(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    phase = chance.uniform(0, 6)
    for number in range(13):
        points = [
            (
                x - reach * 0.85 + step * reach * 2.0 / 60,
                y
                - reach * 0.75
                + number * reach * 0.125
                + reach
                * 0.13
                * math.sin(phase + step * 0.13 + number * 0.42)
                * math.sin(step * math.pi / 60),
            )
            for step in range(61)
        ]
        colour = mixed(palette.accent, palette.second, number / 12)
        pen.line(points, _see_through(colour, 0.25 + 0.055 * number), round(reach * 0.022), joint="curve")


def _orbits(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    for number in range(4):
        radius = reach * (0.35 + 0.22 * number)
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, outline=_see_through(palette.text, 0.22), width=max(2, round(reach * 0.008)))
        for _ in range(1 + number % 2):
            angle = chance.uniform(0, 2 * math.pi)
            size = reach * chance.uniform(0.05, 0.11)
            at_x, at_y = x + radius * math.cos(angle), y + radius * math.sin(angle)
            colour = chance.choice((palette.accent, palette.second))
            pen.ellipse((at_x - size, at_y - size, at_x + size, at_y + size), _see_through(colour, 0.95))
    core = reach * 0.2
    pen.ellipse((x - core, y - core, x + core, y + core), _see_through(palette.accent, 0.95))


def _tiles(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    size = reach * 0.42
    colours = (palette.accent, palette.second, palette.depth, palette.text)
    for row in range(4):
        for column in range(4):
            left, top = x + (column - 2) * size, y + (row - 2) * size
            colour = _see_through(chance.choice(colours), chance.choice((0.9, 0.6, 0.3)))
            corner = chance.randrange(4)
            if chance.random() < 0.3:
                continue
            if chance.random() < 0.25:
                inset = size * 0.14
                pen.ellipse((left + inset, top + inset, left + size - inset, top + size - inset), colour)
                continue
            across, down = corner % 2, corner // 2
            quarter = (
                left - across * size,
                top - down * size,
                left + (2 - across) * size,
                top + (2 - down) * size,
            )
            begin = {(1, 1): 0, (0, 1): 90, (0, 0): 180, (1, 0): 270}[(across, down)]
            pen.pieslice(quarter, begin, begin + 90, colour)


def _peaks(pen: "ImageDraw", frame: VideoFrame, palette: Palette, chance: random.Random) -> None:
    x, y, reach = _focus(frame)
    sun = reach * 0.26
    sun_x, sun_y = x + chance.uniform(-0.3, 0.3) * reach, y - reach * 0.42
    pen.ellipse((sun_x - sun, sun_y - sun, sun_x + sun, sun_y + sun), _see_through(palette.accent, 0.95))
    base = y + reach * 0.85
    for number in range(3):
        colour = mixed(palette.second, palette.depth, 0.25 + 0.3 * number)
        shift = (number - 1) * reach * 0.42 + chance.uniform(-0.1, 0.1) * reach
        high = reach * (1.1 - 0.28 * number)
        width = reach * (0.85 + 0.1 * number)
        points = ((x + shift - width, base), (x + shift, base - high), (x + shift + width, base))
        pen.polygon(points, _see_through(colour, 0.92))


MOTIFS: Final[Sequence[_Motif]] = (_rings, _dots, _orbits, _columns, _tiles, _waves, _peaks)
"""What a designed background may show."""
