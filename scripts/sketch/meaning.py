"""What a picture is about: the attributes a prompt can name, and random scenes for training."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (222, 41, 44),
    "orange": (247, 141, 30),
    "yellow": (252, 216, 52),
    "green": (46, 164, 79),
    "blue": (41, 98, 222),
    "purple": (134, 66, 194),
    "pink": (247, 132, 184),
    "brown": (132, 84, 46),
    "black": (24, 24, 30),
    "white": (250, 250, 248),
    "grey": (140, 142, 148),
    "cyan": (48, 200, 216),
}
SHAPES = ("circle", "square", "triangle", "star", "heart", "ring")
ITEMS = ("house", "tree", "boat", "sun", "moon", "cloud")
SIZES = ("small", "large")
POSITIONS: dict[str, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "top": (0, -1),
    "bottom": (0, 1),
    "centre": (0, 0),
    "top left": (-1, -1),
    "top right": (1, -1),
    "bottom left": (-1, 1),
    "bottom right": (1, 1),
}
BACKDROPS = ("open", "plain", "gradient", "stripes", "dots", "checks", "sky", "abstract")
DIRECTIONS = ("vertical", "horizontal", "diagonal")
SKIES = ("day", "sunset", "night", "rain")
GROUNDS = ("sea", "meadow", "mountains", "road", "snow", "desert")
MAX_THINGS = 3

HELD_OUT = frozenset(
    {
        ("purple", "triangle"),
        ("orange", "ring"),
        ("green", "star"),
        ("pink", "square"),
        ("brown", "heart"),
        ("cyan", "circle"),
        ("red", "square"),
        ("black", "star"),
    }
)
"""Colour and shape pairs that training never draws; the evaluation asks for them."""


@dataclass(frozen=True)
class Thing:
    """One object; None is an attribute the prompt leaves open."""

    shape: str
    colour: str | None = None
    size: str | None = None
    position: str | None = None


@dataclass(frozen=True)
class Scene:
    """Everything a prompt says, as far as the model knows the words."""

    backdrop: str = "open"
    first: str | None = None
    second: str | None = None
    direction: str | None = None
    sky: str | None = None
    ground: str | None = None
    things: tuple[Thing, ...] = field(default=())


def class_of(options: tuple[str, ...] | dict[str, tuple[int, ...]], value: str | None) -> int:
    """Index of a value among options, 0 for None."""
    return 0 if value is None else 1 + list(options).index(value)


BACKDROP_HEADS: dict[str, int] = {
    "backdrop": len(BACKDROPS),
    "first": len(COLOURS) + 1,
    "second": len(COLOURS) + 1,
    "direction": len(DIRECTIONS) + 1,
    "sky": len(SKIES) + 1,
    "ground": len(GROUNDS) + 1,
    "count": MAX_THINGS + 1,
}
THING_HEADS: dict[str, int] = {
    "shape": len(SHAPES) + len(ITEMS) + 1,
    "colour": len(COLOURS) + 1,
    "size": len(SIZES) + 1,
    "position": len(POSITIONS) + 1,
}


def labels(scene: Scene) -> list[int]:
    """Class indices of a scene: the backdrop's heads, then four for each of the three object slots."""
    row = [
        BACKDROPS.index(scene.backdrop),
        class_of(COLOURS, scene.first),
        class_of(COLOURS, scene.second),
        class_of(DIRECTIONS, scene.direction),
        class_of(SKIES, scene.sky),
        class_of(GROUNDS, scene.ground),
        len(scene.things),
    ]
    for slot in range(MAX_THINGS):
        if slot < len(scene.things):
            thing = scene.things[slot]
            row += [
                class_of(SHAPES + ITEMS, thing.shape),
                class_of(COLOURS, thing.colour),
                class_of(SIZES, thing.size),
                class_of(POSITIONS, thing.position),
            ]
        else:
            row += [0, 0, 0, 0]
    return row


def _colour(rng: Random, avoid: tuple[str | None, ...] = (), open_chance: float = 0.12) -> str | None:
    if rng.random() < open_chance:
        return None
    return rng.choice([name for name in COLOURS if name not in avoid])


def _shape_thing(rng: Random, position: str | None, avoid: tuple[str | None, ...]) -> Thing:
    while True:
        shape = rng.choice(SHAPES)
        colour = _colour(rng, avoid)
        if (colour, shape) not in HELD_OUT:
            return Thing(shape, colour, rng.choice((None, None, "small", "large")), position)


def _positions(rng: Random, count: int) -> list[str | None]:
    if count == 1:
        return [rng.choice((None, *POSITIONS)) if rng.random() < 0.75 else None]
    if rng.random() < 0.3:
        return [None] * count
    pairs = (
        ("left", "right"),
        ("top", "bottom"),
        ("top left", "bottom right"),
        ("top right", "bottom left"),
        ("top left", "top right"),
        ("bottom left", "bottom right"),
        ("left", "centre"),
        ("centre", "right"),
        ("top", "centre"),
        ("top left", "right"),
        ("left", "bottom right"),
        ("top left", "bottom left"),
    )
    triples = (
        ("left", "centre", "right"),
        ("top", "centre", "bottom"),
        ("left", "right", "top"),
        ("left", "right", "bottom"),
        ("top left", "top right", "bottom"),
        ("bottom left", "bottom right", "top"),
        ("top left", "centre", "bottom right"),
        ("top right", "centre", "bottom left"),
        ("top left", "top right", "bottom left"),
        ("left", "top right", "bottom right"),
    )
    places: list[str | None] = list(rng.choice(pairs if count == 2 else triples))
    rng.shuffle(places)
    if rng.random() < 0.3:
        places[rng.randrange(count)] = None
    return places


def _backdrop(rng: Random) -> tuple[str, str | None, str | None, str | None]:
    kind = rng.choices(("open", "plain", "gradient", "stripes", "dots", "checks"), (30, 34, 12, 8, 8, 8))[0]
    if kind == "open":
        return kind, None, None, None
    if kind == "plain":
        return kind, rng.choice(list(COLOURS)), None, None
    first, second = rng.sample(list(COLOURS), 2)
    if kind == "gradient":
        direction = rng.choice((None, *DIRECTIONS))
        known = rng.random()
        if known < 0.15:
            return kind, None, None, direction
        return kind, first, second if known > 0.3 else None, direction
    direction = rng.choice((None, *DIRECTIONS)) if kind == "stripes" else None
    known = rng.random()
    if known < 0.1:
        return kind, None, None, direction
    return kind, first, second if known > 0.3 else None, direction


def _landscape(rng: Random) -> Scene:
    ground = rng.choices((None, *GROUNDS), (16, 26, 22, 18, 9, 6, 6))[0]
    sky = rng.choices((None, *SKIES), (22, 18, 26, 22, 12))[0]
    if ground is None and sky is None:
        sky = rng.choice(SKIES)
    first = rng.choice(list(COLOURS)) if sky in (None, "day") and rng.random() < 0.12 else None
    things: list[Thing] = []
    pick = rng.random()
    if ground != "road" and pick < 0.6:
        count = rng.choices((1, 2), (80, 20))[0]
        places: list[str | None] = [rng.choice((None, None, "left", "right", "centre"))]
        if count == 2:
            places = list(rng.choice(((None, None), ("left", "right"), ("right", "left"))))
        for place in places:
            standing = ("boat",) if ground == "sea" else ("house", "tree")
            kinds = (*standing, *standing, *SHAPES[:5]) if ground else ("moon", "cloud", "sun", *SHAPES[:5])
            if count == 2 and ground:
                kinds = standing
            shape = rng.choice(kinds)
            if rng.random() < 0.06:
                shape = rng.choice(("sun", "moon", "cloud"))
            colour = _colour(rng, open_chance=0.5)
            if (colour, shape) in HELD_OUT:
                colour = None
            things.append(Thing(shape, colour, rng.choice((None, None, None, "small", "large")), place))
    return Scene("sky", first=first, sky=sky, ground=ground, things=tuple(things))


def random_scene(rng: Random) -> Scene:
    """A random scene from the training distribution, without the held-out pairs."""
    pick = rng.random()
    if pick < 0.04:
        return Scene("abstract")
    if pick < 0.36:
        return _landscape(rng)
    backdrop, first, second, direction = _backdrop(rng)
    ground_colours = (first, second) if backdrop != "plain" else (first,)
    if backdrop not in ("open", "plain") and rng.random() < 0.2:
        return Scene(backdrop, first, second, direction)
    if rng.random() < 0.03 and backdrop == "plain":
        return Scene(backdrop, first, second, direction)
    count = rng.choices((1, 2, 3), (45, 33, 22))[0]
    if count > 1 and rng.random() < 0.35:
        model = _shape_thing(rng, None, ground_colours)
        if rng.random() < 0.12:
            model = Thing(rng.choice(ITEMS), _colour(rng, ground_colours, 0.5))
        things = [model] * count
        if count == 3 and rng.random() < 0.2:
            other = _shape_thing(rng, None, ground_colours)
            things = [model, model, other] if rng.random() < 0.5 else [other, model, model]
        return Scene(backdrop, first, second, direction, things=tuple(things))
    things = [_shape_thing(rng, place, ground_colours) for place in _positions(rng, count)]
    if rng.random() < 0.14:
        old = things[0]
        things[0] = Thing(
            rng.choice(ITEMS), old.colour if rng.random() < 0.6 else None, old.size, old.position
        )
    return Scene(backdrop, first, second, direction, things=tuple(things))
