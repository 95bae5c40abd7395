"""From a scene and a latent noise to the layered picture that the noise is to become.

A picture is 16 channels on a grid of cells of 32 x 32 pixels: background colour (3), layer 1: field and
colour (4), layer 2: two fields and colour (5), layer 3: field and colour (4). A field is a signed distance
in pixels, d, kept as tanh(d / 64), positive inside; layer 2 is inside where both its fields are positive,
which makes sharp corners. Colours are red, green and blue from 0 to 1, 0.5 where a layer is absent.

Whatever the scene leaves open is read off the noise, so that a prompt and a noise have exactly one picture.
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np
from meaning import COLOURS, DIRECTIONS, ITEMS, POSITIONS, Scene, Thing
from numpy.typing import NDArray

Array = NDArray[np.float32]
Colour = tuple[float, float, float]

CELLS = 32
CELL = 32.0
SIZE = CELLS * CELL
CHANNELS = 16
REACH = 64.0
OVERLAP = 64.0
COLOUR_REACH = 72.0
CARRIERS = 16

_axis = (np.arange(CELLS, dtype=np.float32) + 0.5) * CELL
X, Y = np.meshgrid(_axis, _axis)
X = X.astype(np.float32)
Y = Y.astype(np.float32)

MEAN = np.array(
    [0.55] * 3 + [-0.6] + [0.5] * 3 + [-0.7, -0.6] + [0.5] * 3 + [-0.85] + [0.5] * 3, dtype=np.float32
)
SPREAD = np.array(
    [0.33] * 3 + [0.75] + [0.28] * 3 + [0.65, 0.7] + [0.28] * 3 + [0.5] + [0.2] * 3, dtype=np.float32
)
"""Latents are (channel - MEAN) / SPREAD: about zero mean and unit variance over the training scenes."""


def carriers(noise: Array) -> list[float]:
    """Sixteen numbers, uniform on 0 to 1, read off the first 2 x 2 cells of a (16, 32, 32) Gaussian noise."""
    means = noise[:, :2, :2].mean(axis=(1, 2)) * 2.0
    return [0.5 * (1.0 + math.erf(float(value) / math.sqrt(2.0))) for value in means]


@dataclass
class Patch:
    """A primitive of a layer: two signed distances in pixels and a colour, one or one per cell."""

    first: Array
    second: Array
    colour: Array


@dataclass
class Placed:
    """An object with everything decided: centre and half extent in pixels, colour."""

    shape: str
    x: float
    y: float
    reach: float
    colour: Colour


def rgb(name: str) -> Colour:
    """A named colour as red, green, blue from 0 to 1."""
    red, green, blue = COLOURS[name]
    return red / 255.0, green / 255.0, blue / 255.0


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """The colour that is `share` of the way from one to the other."""
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


def hue(turn: float, saturation: float, value: float) -> Colour:
    """A colour by hue (in turns), saturation and value."""
    return colorsys.hsv_to_rgb(turn % 1.0, saturation, value)


def flat(colour: Colour) -> Array:
    """One colour over all cells."""
    return np.broadcast_to(np.array(colour, dtype=np.float32)[:, None, None], (3, CELLS, CELLS)).astype(
        np.float32
    )


def ramp(one: Colour, other: Colour, share: Array) -> Array:
    """A colour field that goes from one to the other as share goes from 0 to 1."""
    part = np.clip(share, 0.0, 1.0)[None]
    start = np.array(one, dtype=np.float32)[:, None, None]
    end = np.array(other, dtype=np.float32)[:, None, None]
    return (start + (end - start) * part).astype(np.float32)


def disc(x: float, y: float, radius: float) -> Array:
    return radius - np.hypot(X - x, Y - y)


def line(x: float, y: float, nx: float, ny: float) -> Array:
    """Signed distance to the line through (x, y), positive on the side its normal points to."""
    length = math.hypot(nx, ny)
    return ((X - x) * nx + (Y - y) * ny) / length


def smooth(distance: Array, colour: Colour | Array) -> Patch:
    """A primitive without sharp corners."""
    return sharp(distance, distance + 4 * OVERLAP, colour)


def sharp(first: Array, second: Array, colour: Colour | Array) -> Patch:
    """A primitive that is inside where both distances are positive; each is cut off outside the other's
    reach.
    """
    inner = np.minimum(first, second)
    field = colour if isinstance(colour, np.ndarray) else flat(colour)
    return Patch(np.minimum(first, inner + OVERLAP), np.minimum(second, inner + OVERLAP), field)


def triangle(x: float, y: float, reach: float) -> tuple[Array, Array]:
    """The two fields of an upright triangle; each holds one flank and the far half of the base."""
    top, base, half = y - reach * 0.95, y + reach * 0.75, reach
    left = line(x, top, base - top, half)
    right = line(x, top, -(base - top), half)
    floor = base - Y
    bend = 0.15 * reach
    first = np.minimum(left, floor + np.maximum(-(X - x) - bend, 0.0))
    second = np.minimum(right, floor + np.maximum((X - x) - bend, 0.0))
    return first, second


def star(x: float, y: float, reach: float) -> tuple[Array, Array]:
    """The two fields of a five-pointed star; each holds one edge of every tip."""
    firsts: list[Array] = []
    seconds: list[Array] = []
    inner = reach * 0.45
    for tip in range(5):
        angle = -math.pi / 2 + tip * 2 * math.pi / 5
        ax, ay = math.cos(angle), math.sin(angle)
        tx, ty = x + ax * reach, y + ay * reach
        lx, ly = x + inner * math.cos(angle - math.pi / 5), y + inner * math.sin(angle - math.pi / 5)
        rx, ry = x + inner * math.cos(angle + math.pi / 5), y + inner * math.sin(angle + math.pi / 5)
        left = line(tx, ty, -(ty - ly), tx - lx)
        right = line(tx, ty, ty - ry, -(tx - rx))
        along = (X - x) * ax + (Y - y) * ay
        bend = np.maximum(along - 0.68 * reach, 0.0) * 0.8
        beyond = along + 0.1 * reach
        firsts.append(np.minimum(np.minimum(left, right + bend), beyond))
        seconds.append(np.minimum(np.minimum(right, left + bend), beyond))
    near = reach + 40.0 - np.hypot(X - x, Y - y)
    return np.minimum(np.max(firsts, axis=0), near), np.minimum(np.max(seconds, axis=0), near)


def heart(x: float, y: float, reach: float) -> tuple[Array, Array]:
    """The two fields of a heart; each holds one straight flank down to the tip, and both lobes."""
    lobe, aside, up, down = 0.56 * reach, 0.48 * reach, 0.34 * reach, 0.95 * reach
    lobes = np.maximum(disc(x - aside, y - up, lobe), disc(x + aside, y - up, lobe))
    far = math.hypot(aside, up + down)
    turn = math.atan2(aside, up + down) + math.asin(lobe / far)
    along_x, along_y = math.sin(turn), -math.cos(turn)
    tip = y + down
    left = line(x, tip, -along_y, -along_x)
    right = line(x, tip, along_y, -along_x)
    touch = tip + along_y * math.sqrt(far * far - lobe * lobe)
    bend = np.maximum(Y - (y + 0.45 * reach), 0.0) * 0.8
    limits = np.minimum(Y - touch, tip + 40.0 - Y)
    first = np.maximum(lobes, np.minimum(np.minimum(left, right + bend), limits))
    second = np.maximum(lobes, np.minimum(np.minimum(right, left + bend), limits))
    return first, second


def shape_patches(thing: Placed) -> tuple[list[Patch], list[Patch]]:
    """The primitives of an object for layer 2 and layer 3."""
    x, y, reach, colour = thing.x, thing.y, thing.reach, thing.colour
    if thing.shape == "circle":
        return [smooth(disc(x, y, reach), colour)], []
    if thing.shape == "sun":
        return [smooth(disc(x, y, 0.9 * reach), colour)], []
    if thing.shape == "square":
        half = 0.88 * reach
        return [sharp(half - np.abs(X - x), half - np.abs(Y - y), colour)], []
    if thing.shape == "triangle":
        first, second = triangle(x, y, 1.08 * reach)
        return [sharp(first, second, colour)], []
    if thing.shape == "star":
        first, second = star(x, y + 0.05 * reach, 1.22 * reach)
        return [sharp(first, second, colour)], []
    if thing.shape == "heart":
        first, second = heart(x, y, reach)
        return [sharp(first, second, colour)], []
    if thing.shape == "ring":
        far = np.hypot(X - x, Y - y)
        width = max(0.40 * reach, 44.0)
        return [sharp(reach - far, far - (reach - width), colour)], []
    if thing.shape == "moon":
        return [sharp(disc(x, y, reach), -disc(x + 0.42 * reach, y - 0.22 * reach, 0.82 * reach), colour)], []
    if thing.shape == "cloud":
        puffs = np.maximum(
            disc(x, y - 0.05 * reach, 0.52 * reach), disc(x - 0.55 * reach, y + 0.12 * reach, 0.38 * reach)
        )
        puffs = np.maximum(puffs, disc(x + 0.52 * reach, y + 0.10 * reach, 0.42 * reach))
        puffs = np.maximum(puffs, disc(x + 0.95 * reach, y + 0.24 * reach, 0.26 * reach))
        puffs = np.maximum(puffs, disc(x - 0.95 * reach, y + 0.26 * reach, 0.24 * reach))
        return [sharp(puffs, (y + 0.38 * reach) - Y, colour)], []
    if thing.shape == "house":
        return house(x, y, reach, colour)
    if thing.shape == "tree":
        trunk = sharp(
            0.13 * reach + 8.0 - np.abs(X - x), reach / 2 - np.abs(Y - (y + reach / 2)), rgb("brown")
        )
        crown = np.maximum(
            disc(x, y - 0.40 * reach, 0.60 * reach), disc(x - 0.40 * reach, y - 0.02 * reach, 0.44 * reach)
        )
        crown = np.maximum(crown, disc(x + 0.40 * reach, y - 0.02 * reach, 0.44 * reach))
        return [trunk], [smooth(crown, colour)]
    return boat(x, y, reach, colour)


def house(x: float, y: float, reach: float, colour: Colour) -> tuple[list[Patch], list[Patch]]:
    """Walls on layer 2; roof, door and two windows on layer 3."""
    middle = y + 0.45 * reach
    walls = sharp(0.78 * reach - np.abs(X - x), 0.55 * reach - np.abs(Y - middle), colour)
    slope = np.minimum(line(x, y - 0.98 * reach, 0.88, 1.0), line(x, y - 0.98 * reach, -0.88, 1.0))
    roof = smooth(
        np.minimum(slope, y + 0.02 * reach - Y),
        (0.62, 0.22, 0.18) if colour[0] < 0.75 else (0.42, 0.27, 0.25),
    )
    door = np.minimum(
        0.18 * reach - np.abs(X - (x - 0.36 * reach)), 0.34 * reach - np.abs(Y - (y + 0.76 * reach))
    )
    window = 0.19 * reach - np.maximum(np.abs(X - (x + 0.34 * reach)), np.abs(Y - (y + 0.55 * reach)))
    return [walls], [roof, smooth(door, (0.38, 0.24, 0.16)), smooth(window, (1.0, 0.90, 0.55))]


def boat(x: float, y: float, reach: float, colour: Colour) -> tuple[list[Patch], list[Patch]]:
    """The hull on layer 2, two sails on layer 3."""
    middle = y + 0.58 * reach
    slant = 0.95 * reach - 0.55 * (Y - (middle - 0.24 * reach)) - np.abs(X - x)
    hull = sharp(slant * 0.88, 0.24 * reach - np.abs(Y - middle), colour)
    foot = y + 0.22 * reach - Y
    big = np.minimum(
        np.minimum(X - (x + 0.02 * reach), foot), line(x + 0.02 * reach, y - 1.05 * reach, -1.22, 0.72)
    )
    small = np.minimum(
        np.minimum((x - 0.12 * reach) - X, foot), line(x - 0.12 * reach, y - 0.70 * reach, 0.92, 0.62)
    )
    return [hull], [smooth(np.maximum(big, small), (0.99, 0.97, 0.92))]


@dataclass
class Layer:
    """The fields and the colour of one layer, on the grid."""

    first: Array
    second: Array
    colour: Array


def compose(patches: list[Patch]) -> Layer:
    """One layer out of primitives: each cell belongs to the one that it is deepest in or nearest to."""
    grey = np.full((3, CELLS, CELLS), 0.5, dtype=np.float32)
    if not patches:
        nothing = np.full((CELLS, CELLS), -1.0, dtype=np.float32)
        return Layer(nothing, nothing, grey)
    depth = np.stack([np.minimum(patch.first, patch.second) for patch in patches])
    best = depth.argmax(axis=0)
    first, second, colour = patches[0].first, patches[0].second, patches[0].colour
    for index in range(1, len(patches)):
        mine = best == index
        first = np.where(mine, patches[index].first, first)
        second = np.where(mine, patches[index].second, second)
        colour = np.where(mine[None], patches[index].colour, colour)
    colour = np.where(depth.max(axis=0)[None] > -COLOUR_REACH, colour, grey)
    return Layer(np.tanh(first / REACH), np.tanh(second / REACH), colour)


REACHES = {1: (100.0, 168.0, 270.0), 2: (92.0, 138.0, 192.0), 3: (86.0, 114.0, 152.0)}
"""Half extents in pixels of a small, an unspecified and a large object, by the number of objects."""


def _reach(thing: Thing, count: int, chance: float) -> float:
    small, medium, large = REACHES[count]
    base = {None: medium, "small": small, "large": large}[thing.size]
    return base * (0.97 + 0.06 * chance)


def _spots(things: tuple[Thing, ...], u: list[float]) -> list[tuple[float, float]]:
    """Where objects go before jitter, in units from -1 to 1: what the prompt says, else away from the
    others.
    """
    count = len(things)
    given = [POSITIONS[thing.position] if thing.position is not None else None for thing in things]
    if all(spot is None for spot in given):
        if count == 1:
            return [(0.0, 0.0)]
        if count == 2:
            angle = (u[14] - 0.5) * 0.5
            return [(-math.cos(angle), -math.sin(angle)), (math.cos(angle), math.sin(angle))]
        angle = -math.pi / 2 + (u[14] - 0.5) * 0.5
        return [
            (math.cos(angle + turn) * 1.02, math.sin(angle + turn) * 1.02 + 0.1)
            for turn in (-2.094, 0.0, 2.094)
        ]
    spots: list[tuple[float, float] | None] = [
        None if spot is None else (float(spot[0]), float(spot[1])) for spot in given
    ]
    for index in range(count):
        if spots[index] is None:
            taken = [spot for spot in spots if spot is not None]
            options = [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (0.0, 0.0)]
            spots[index] = max(
                options, key=lambda o: min(math.hypot(o[0] - t[0], o[1] - t[1]) for t in taken)
            )
    return [spot if spot is not None else (0.0, 0.0) for spot in spots]


def object_colour(thing: Thing, chance: float) -> Colour:
    """The named colour, the usual one of an item, or a lively hue by chance."""
    if thing.colour is not None:
        return rgb(thing.colour)
    usual: dict[str, Colour] = {
        "tree": (0.22, 0.56, 0.27),
        "boat": (0.72, 0.25, 0.20),
        "sun": (1.0, 0.83, 0.25),
        "moon": (0.98, 0.94, 0.78),
        "cloud": (0.97, 0.98, 1.0),
    }
    if thing.shape == "house":
        return mix((0.96, 0.86, 0.70), (0.93, 0.70, 0.58), chance)
    return usual.get(thing.shape, hue(chance, 0.72, 0.92))


def place(things: tuple[Thing, ...], u: list[float]) -> list[Placed]:
    """Objects on a plain picture: positions with jitter, sizes that keep them apart and inside."""
    count = len(things)
    placed: list[Placed] = []
    for slot, ((sx, sy), thing) in enumerate(zip(_spots(things, u), things, strict=True)):
        jitter_x, jitter_y, chance, tint = u[2 + 4 * slot : 6 + 4 * slot]
        reach = _reach(thing, count, chance)
        spread = 262.0 if count > 1 else 250.0
        loose = 48.0 if count == 1 and thing.position is None else 24.0
        x = 512.0 + sx * spread + (jitter_x - 0.5) * loose
        y = 512.0 + sy * spread + (jitter_y - 0.5) * loose
        placed.append(Placed(thing.shape, x, y, reach, object_colour(thing, tint)))
    for one in range(count):
        for other in range(one + 1, count):
            gap = math.hypot(placed[one].x - placed[other].x, placed[one].y - placed[other].y) - 64.0
            fit = min(1.0, gap / (1.08 * (placed[one].reach + placed[other].reach)))
            placed[one].reach *= fit
            placed[other].reach *= fit
    for thing in placed:
        edge = 1.12 * thing.reach + 30.0
        thing.x = min(max(thing.x, edge), SIZE - edge)
        thing.y = min(max(thing.y, edge), SIZE - edge)
    return placed


def place_in_sky(scene: Scene, u: list[float]) -> list[Placed]:
    """Objects of a landscape: houses, trees and boats stand on the ground, all else hangs in the sky."""
    placed: list[Placed] = []
    count = len(scene.things)
    for slot, thing in enumerate(scene.things):
        jitter_x, jitter_y, chance, tint = u[2 + 4 * slot : 6 + 4 * slot]
        small, medium, large = (95.0, 165.0, 235.0) if count == 1 else (85.0, 140.0, 180.0)
        reach = {None: medium, "small": small, "large": large}[thing.size] * (0.97 + 0.06 * chance)
        across = POSITIONS[thing.position][0] if thing.position is not None else 0
        if thing.position is None and count > 1:
            across = slot * 2.0 / (count - 1) - 1.0
        x = 512.0 + across * 262.0 + (jitter_x - 0.5) * 32.0
        if thing.shape in ("house", "tree", "boat"):
            reach *= 1.12
            y = (730.0 if thing.shape == "boat" else 770.0) - reach + (jitter_y - 0.5) * 24.0
        else:
            reach *= 0.72
            down = 0.0 if thing.position is None else max(POSITIONS[thing.position][1], -1)
            y = 250.0 + 60.0 * down + (jitter_y - 0.5) * 24.0
        edge = 1.12 * reach + 24.0
        placed.append(
            Placed(
                thing.shape, min(max(x, edge), SIZE - edge), max(y, edge), reach, object_colour(thing, tint)
            )
        )
    return placed


LIGHT = ("white", "yellow", "pink", "cyan")


def open_colours(scene: Scene, u: list[float]) -> tuple[Colour, Colour]:
    """The colours of a background the prompt leaves open: soft pastels, deeper behind light objects."""
    light = any(thing.colour in LIGHT or thing.shape in ("cloud", "moon") for thing in scene.things)
    if light:
        return hue(u[0], 0.45, 0.42), hue(u[0] + 0.08, 0.45, 0.50)
    return hue(u[0], 0.10, 0.98), hue(u[0] + 0.10, 0.20, 0.94)


def share_along(direction: str | None) -> Array:
    """0 to 1 along a gradient's direction."""
    if direction == "horizontal":
        return X / SIZE
    if direction == "diagonal":
        return (X + Y) / (2 * SIZE)
    return Y / SIZE


def backdrop(scene: Scene, u: list[float]) -> tuple[Array, list[Patch]]:
    """Background colours and layer 1 of a picture that is no landscape."""
    soft, soft_other = open_colours(scene, u)
    first = rgb(scene.first) if scene.first is not None else None
    second = rgb(scene.second) if scene.second is not None else None
    if scene.backdrop == "open":
        return ramp(soft, soft_other, Y / SIZE), []
    if scene.backdrop == "plain":
        return flat(first or soft), []
    if scene.backdrop == "gradient":
        start = first or hue(u[0], 0.45, 0.95)
        end = second or (mix(start, (1.0, 1.0, 1.0), 0.85) if first != rgb("white") else (0.55, 0.75, 0.95))
        if first is None:
            end = hue(u[0] + 0.15 + 0.2 * u[1], 0.35, 0.98)
        return ramp(start, end, share_along(scene.direction)), []
    if scene.backdrop == "abstract":
        sky = ramp(hue(u[0], 0.30, 0.97), hue(u[0] + 0.12, 0.18, 1.0), Y / SIZE)
        wave = Y - (640.0 + 70.0 * np.sin(X / SIZE * 4.4 + u[1] * 6.283)).astype(np.float32)
        return sky, [
            smooth(wave, ramp(hue(u[0] + 0.45, 0.38, 0.86), hue(u[0] + 0.5, 0.5, 0.70), (Y - 600.0) / 424.0))
        ]
    start = first or soft
    other = second or (
        mix(start, (1.0, 1.0, 1.0), 0.55) if sum(start) < 2.0 else mix(start, (0.25, 0.35, 0.55), 0.35)
    )
    wave = math.pi / 64.0
    if scene.backdrop == "stripes":
        phase = {None: (X + Y) / 2 + 48.0, "diagonal": (X + Y) / 2 + 48.0, "vertical": X, "horizontal": Y}[
            scene.direction
        ]
        field = 62.0 * np.sin(phase * wave)
    elif scene.backdrop == "checks":
        field = 62.0 * np.sin(X * wave) * np.sin(Y * wave)
    else:
        field = 34.0 - np.hypot((X % 128.0) - 64.0, (Y % 128.0) - 64.0)
    return flat(start), [Patch(field.astype(np.float32), field.astype(np.float32), flat(other))]


SKY_COLOURS: dict[str, tuple[Colour, Colour]] = {
    "day": ((0.30, 0.62, 0.93), (0.82, 0.93, 0.99)),
    "sunset": ((0.36, 0.27, 0.52), (1.0, 0.66, 0.32)),
    "night": ((0.04, 0.05, 0.17), (0.17, 0.19, 0.42)),
    "rain": ((0.42, 0.46, 0.52), (0.70, 0.73, 0.77)),
}
GROUND_COLOURS: dict[str, tuple[Colour, Colour]] = {
    "sea": ((0.33, 0.66, 0.86), (0.07, 0.30, 0.60)),
    "meadow": ((0.55, 0.79, 0.33), (0.20, 0.52, 0.22)),
    "road": ((0.55, 0.79, 0.33), (0.20, 0.52, 0.22)),
    "snow": ((0.97, 0.98, 1.0), (0.80, 0.86, 0.94)),
    "desert": ((0.95, 0.82, 0.55), (0.85, 0.63, 0.36)),
}
SKY_TINTS: dict[str, tuple[Colour, float]] = {
    "day": ((1.0, 1.0, 1.0), 0.0),
    "sunset": ((0.50, 0.26, 0.34), 0.42),
    "night": ((0.05, 0.07, 0.20), 0.66),
    "rain": ((0.42, 0.46, 0.50), 0.40),
}
"""How the light of a sky colours what is below it: towards which colour, and how far."""


def ground_height(scene: Scene, u: list[float]) -> Array:
    """The height in pixels where the ground begins, per column."""
    if scene.ground == "sea":
        return np.full((CELLS, CELLS), 590.0 + 60.0 * (u[15] - 0.5), dtype=np.float32)
    if scene.ground == "mountains":
        shift = (u[15] - 0.5) * 160.0
        peaks = np.minimum(
            300.0 + 0.95 * np.abs(X - 350.0 - shift), 380.0 + 0.9 * np.abs(X - 790.0 - shift * 0.5)
        )
        return np.minimum(peaks, 520.0 + 0.8 * np.abs(X - 60.0 - shift)).astype(np.float32)
    if scene.ground == "road":
        return np.full((CELLS, CELLS), 520.0 + 40.0 * (u[15] - 0.5), dtype=np.float32)
    return (620.0 + 42.0 * np.sin(X / SIZE * 4.6 + u[15] * 6.283)).astype(np.float32)


def ground_patch(scene: Scene, sky: str, height: Array, sun_x: float | None) -> Patch:
    """The ground of a landscape on layer 1, in the light of its sky."""
    tint, share = SKY_TINTS[sky]
    depth = (Y - height) / 400.0
    if scene.ground == "mountains":
        tall = float(height.min())
        snow = mix((0.98, 0.99, 1.0), tint, share * 0.8)
        rock = mix((0.42, 0.47, 0.58), tint, share)
        foot = mix((0.26, 0.34, 0.42), tint, share)
        colour = ramp(snow, rock, (Y - (tall + 130.0) - 30.0 * np.sin(X / 40.0)) / 70.0)
        colour = np.where(Y[None] > tall + 230.0, ramp(rock, foot, (Y - tall - 230.0) / 380.0), colour)
        slope = (Y - height) * 0.74
        return smooth(slope.astype(np.float32), colour.astype(np.float32))
    near, far = GROUND_COLOURS[scene.ground or "meadow"]
    colour = ramp(mix(near, tint, share), mix(far, tint, share), depth)
    if scene.ground == "sea" and sun_x is not None:
        glow = mix((1.0, 0.80, 0.45), tint, 0.12)
        light = np.exp(-(((X - sun_x) / 90.0) ** 2)) * np.clip(1.15 - depth, 0.0, 1.0) * 0.75
        colour = colour + (np.array(glow, dtype=np.float32)[:, None, None] - colour) * light[None]
    return smooth((Y - height).astype(np.float32), colour.astype(np.float32))


def landscape(scene: Scene, u: list[float], noise: Array) -> tuple[Array, list[list[Patch]]]:
    """Background colours and the three layers of a landscape."""
    sky = scene.sky or "day"
    top, low = SKY_COLOURS[sky]
    if scene.first is not None:
        top = rgb(scene.first)
        low = mix(top, (1.0, 1.0, 1.0), 0.6)
    placed = place_in_sky(scene, u)
    height = (
        ground_height(scene, u)
        if scene.ground is not None
        else np.full((CELLS, CELLS), 1200.0, dtype=np.float32)
    )
    clear = all(thing.shape in ("house", "tree", "boat") for thing in placed)
    layers: list[list[Patch]] = [[], [], []]
    sun_x: float | None = None
    if sky == "sunset" and scene.ground != "mountains":
        sun_x = 512.0 + (u[14] - 0.5) * 260.0
        if placed:
            sun_x = 170.0 + 40.0 * u[14] if placed[0].x > 540.0 else 814.0 + 40.0 * u[14]
        horizon = float(min(height.mean(), 760.0))
        if scene.ground is None:
            layers[1].append(smooth(disc(sun_x, 640.0, 130.0), (1.0, 0.90, 0.55)))
        else:
            below = height - Y if scene.ground != "sea" else horizon - Y
            layers[1].append(
                sharp(disc(sun_x, horizon - 40.0, 120.0), below.astype(np.float32), (1.0, 0.90, 0.55))
            )
    background = ramp(top, low, Y / (1024.0 if scene.ground is None else 640.0))
    if scene.ground is not None:
        layers[0].append(ground_patch(scene, sky, height, sun_x))
    if clear and sky in ("day", "night"):
        high_x = 240.0 + 544.0 * u[14]
        if sky == "day":
            if scene.first is None:
                layers[1].append(smooth(disc(high_x, 165.0, 74.0), (1.0, 0.85, 0.30)))
        else:
            layers[1] += shape_patches(Placed("moon", high_x, 190.0, 92.0, (0.98, 0.94, 0.78)))[0]
    if clear and sky == "rain" and scene.ground != "mountains":
        cloud = shape_patches(Placed("cloud", 400.0 + 224.0 * u[14], 170.0, 170.0, (0.33, 0.36, 0.42)))[0]
        layers[1] += cloud
    if scene.ground == "road":
        horizon = float(height[0, 0])
        side = (30.0 + (Y - horizon) * 0.62 - np.abs(X - 512.0)) * 0.85
        asphalt = mix((0.36, 0.37, 0.41), SKY_TINTS[sky][0], SKY_TINTS[sky][1])
        layers[1].append(sharp(side.astype(np.float32), Y - horizon, asphalt))
        dash = np.full((CELLS, CELLS), -4.0 * REACH, dtype=np.float32)
        for start, end, half in ((86.0, 146.0, 21.0), (206.0, 286.0, 25.0), (362.0, 472.0, 31.0)):
            inside = np.minimum(Y - horizon - start, horizon + end - Y)
            dash = np.maximum(dash, np.minimum(half - np.abs(X - 512.0), inside))
        layers[2].append(smooth(dash.astype(np.float32), (0.98, 0.95, 0.85)))
    for thing in placed:
        second, third = shape_patches(thing)
        tint, share = SKY_TINTS[sky]
        if thing.shape in ("house", "tree", "boat"):
            for patch in (*second, *third):
                patch.colour = (
                    patch.colour
                    + (np.array(tint, dtype=np.float32)[:, None, None] - patch.colour) * share * 0.45
                )
        layers[1] += second
        layers[2] += third
    if sky in ("night", "rain"):
        layers[2].append(sprinkle(sky, noise, height, layers[1] + layers[2]))
    return background, layers


def sprinkle(sky: str, noise: Array, height: Array, taken: list[Patch]) -> Patch:
    """Stars or rain: each token of 2 x 2 cells decides by its own noise whether it holds one."""
    blocks = noise[15].reshape(16, 2, 16, 2).mean(axis=(1, 3)) * 2.0
    chosen = (blocks > (1.05 if sky == "night" else 0.45)).repeat(2, axis=0).repeat(2, axis=1)
    column = (np.arange(CELLS) % 2 == 0)[None, :] & np.ones((CELLS, 1), dtype=bool)
    if sky == "night":
        spot = chosen & column & column.T & (height - Y > 90.0)
        inside, outside, colour = 66.0, -46.0, (1.0, 0.97, 0.85)
    else:
        spot = chosen & column
        inside, outside, colour = 34.0, -44.0, (0.86, 0.91, 0.96)
    spot = spot & (X > CELL) & (Y > CELL) & (X < SIZE - CELL) & (Y < SIZE - CELL)
    for patch in taken:
        spot = spot & (np.minimum(patch.first, patch.second) < -40.0)
    grown = np.zeros_like(spot)
    grown[:, 1:] |= spot[:, :-1]
    grown[:, :-1] |= spot[:, 1:]
    grown[1:] |= grown[:-1] | spot[:-1]
    grown[:-1] |= grown[1:] | spot[1:]
    field = np.where(spot, inside, np.where(grown, outside, -3.0 * REACH)).astype(np.float32)
    return Patch(field, field, flat(colour))


def draw(scene: Scene, noise: Array) -> Array:
    """The (16, 32, 32) layered picture of a scene for a noise, not yet standardised."""
    u = carriers(noise)
    layers: list[list[Patch]] = [[], [], []]
    if scene.backdrop == "sky":
        background, layers = landscape(scene, u, noise)
    else:
        background, layers[0] = backdrop(scene, u)
        if scene.backdrop == "abstract":
            layers[1] += shape_patches(
                Placed("circle", 300.0 + 424.0 * u[2], 330.0, 150.0, hue(u[0] + 0.6, 0.5, 0.95))
            )[0]
        for thing in place(scene.things, u) if scene.things else []:
            second, third = shape_patches(thing)
            layers[1] += second
            layers[2] += third
    one, two, three = (compose(patches) for patches in layers)
    return np.concatenate(
        [
            background,
            one.first[None],
            one.colour,
            two.first[None],
            two.second[None],
            two.colour,
            three.first[None],
            three.colour,
        ]
    ).astype(np.float32)


def standardise(picture: Array) -> Array:
    """Latents of a layered picture."""
    return (picture - MEAN[:, None, None]) / SPREAD[:, None, None]


TARGETS = 6


def targets(scene: Scene, noise: Array) -> Array:
    """Where and what each object is, for the slot loss: (3, 7) of present, x, y, reach, red, green, blue."""
    u = carriers(noise)
    rows = np.zeros((3, 1 + TARGETS), dtype=np.float32)
    placed = (
        place_in_sky(scene, u) if scene.backdrop == "sky" else place(scene.things, u) if scene.things else []
    )
    for slot, thing in enumerate(placed):
        rows[slot] = (
            1.0,
            thing.x / 512.0 - 1.0,
            thing.y / 512.0 - 1.0,
            thing.reach / 128.0 - 1.0,
            *thing.colour,
        )
    return rows


__all__ = ["CARRIERS", "CHANNELS", "DIRECTIONS", "ITEMS", "MEAN", "SPREAD", "draw", "standardise", "targets"]
