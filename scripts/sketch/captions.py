"""Many ways to ask for a scene in words."""

from __future__ import annotations

from random import Random

from meaning import Scene, Thing

SHAPE_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "circle": (
        ("circle", "circles"),
        ("circle", "circles"),
        ("disc", "discs"),
        ("disk", "disks"),
        ("ball", "balls"),
        ("balloon", "balloons"),
    ),
    "square": (("square", "squares"), ("square", "squares"), ("box", "boxes"), ("block", "blocks")),
    "triangle": (("triangle", "triangles"), ("triangle", "triangles"), ("pyramid", "pyramids")),
    "star": (("star", "stars"),),
    "heart": (("heart", "hearts"),),
    "ring": (
        ("ring", "rings"),
        ("ring", "rings"),
        ("hoop", "hoops"),
        ("donut", "donuts"),
        ("doughnut", "doughnuts"),
    ),
    "house": (
        ("house", "houses"),
        ("house", "houses"),
        ("cottage", "cottages"),
        ("cabin", "cabins"),
        ("home", "homes"),
        ("hut", "huts"),
    ),
    "tree": (("tree", "trees"), ("tree", "trees"), ("oak", "oaks")),
    "boat": (
        ("boat", "boats"),
        ("boat", "boats"),
        ("sailboat", "sailboats"),
        ("ship", "ships"),
        ("yacht", "yachts"),
    ),
    "sun": (("sun", "suns"),),
    "moon": (("moon", "moons"), ("crescent moon", "crescent moons"), ("crescent", "crescents")),
    "cloud": (("cloud", "clouds"),),
}
COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "red", "red", "scarlet", "crimson"),
    "orange": ("orange",),
    "yellow": ("yellow", "yellow", "yellow", "golden", "gold"),
    "green": ("green",),
    "blue": ("blue", "blue", "blue", "navy"),
    "purple": ("purple", "purple", "purple", "violet"),
    "pink": ("pink", "pink", "pink", "rose", "magenta"),
    "brown": ("brown",),
    "black": ("black",),
    "white": ("white",),
    "grey": ("grey", "gray"),
    "cyan": ("cyan", "cyan", "turquoise", "aqua", "teal"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "small", "tiny", "little", "mini"),
    "large": ("large", "large", "big", "huge", "giant", "enormous"),
}
_CENTRES = ("centre", "center", "middle")
_WHOLE = ("", "", "", " of the picture", " of the image", " of the canvas", " side")
_ROW = {"top": ("top", "upper"), "bottom": ("bottom", "lower")}
PREFIXES = (
    "",
    "",
    "",
    "",
    "",
    "",
    "draw ",
    "draw me ",
    "please draw ",
    "a picture of ",
    "an image of ",
    "a drawing of ",
    "paint ",
    "show me ",
    "create ",
    "make ",
    "generate ",
    "i want ",
    "i would like ",
    "there is ",
    "can you draw ",
    "an illustration of ",
    "a simple picture of ",
    "create an image with ",
    "a flat illustration of ",
    "make me a picture with ",
    "a painting of ",
    "sketch ",
    "a photo of ",
    "a scene with ",
    "generate an image of ",
    "can you make a picture of ",
)
SUFFIXES = (
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    " please",
    ", flat design",
    ", flat style",
    ", digital art",
    ", high quality",
    ", minimal",
    ", minimalist",
    ", very beautiful",
    ", simple shapes",
    " thank you",
    ", clean and crisp",
    ", vector art",
    ", 4k",
)
_FILLERS = ("nice", "pretty", "bright", "simple", "beautiful", "single", "lovely", "perfect", "cute", "solid")
NUMBERS = {2: ("two", "two", "2", "a pair of", "a couple of"), 3: ("three", "three", "3", "several", "a few")}


def article(word: str) -> str:
    """A or an."""
    return "an" if word[0] in "aeiou" else "a"


def position_phrase(rng: Random, position: str) -> str:
    """Where, as a phrase: "on the left side"."""
    if position == "centre":
        return (
            rng.choice(("in the", "at the", "in the")) + " " + rng.choice(_CENTRES) + rng.choice(_WHOLE[:6])
        )
    if " " in position:
        row, side = position.split()
        spot = rng.choice(_ROW[row]) + rng.choice((" ", " ", "-")) + side
        return rng.choice(
            (
                f"in the {spot} corner",
                f"in the {spot} corner",
                f"at the {spot}",
                f"in the {spot}",
                f"on the {spot}",
                f"to the {spot}",
                f"near the {spot} corner",
            )
        )
    if position in _ROW:
        return rng.choice(
            (
                f"at the {position}",
                f"at the {position}",
                f"near the {position}",
                f"on the {position}",
                f"towards the {position}",
            )
        ) + rng.choice(_WHOLE[:6])
    return rng.choice(
        (
            f"on the {position}",
            f"on the {position}",
            f"at the {position}",
            f"to the {position}",
            f"on the {position} hand side",
            f"near the {position}",
        )
    ) + rng.choice(_WHOLE)


def bare_position(rng: Random, position: str) -> str:
    """Where, as a word or two: "top left"."""
    if position == "centre":
        return rng.choice(_CENTRES)
    return position


def noun(rng: Random, thing: Thing, plural: bool = False) -> str:
    """Size, colour and shape: "small red star"."""
    pair = rng.choice(SHAPE_WORDS[thing.shape])
    words: list[str] = []
    if rng.random() < 0.08:
        words.append(rng.choice(_FILLERS))
    if thing.size is not None:
        words.append(rng.choice(SIZE_WORDS[thing.size]))
    colour = rng.choice(COLOUR_WORDS[thing.colour]) if thing.colour is not None else None
    tail = ""
    if colour is not None:
        style = rng.random()
        if style < 0.90:
            if rng.random() < 0.12:
                words.insert(0, colour)
            else:
                words.append(colour)
        elif style < 0.95 and not plural:
            tail = f" that is {colour}"
        else:
            tail = f" in {colour}"
    words.append(pair[1] if plural else pair[0])
    return " ".join(words) + tail


def thing_phrase(rng: Random, thing: Thing, terse: bool, position: bool = True) -> str:
    """One object with its place."""
    base = noun(rng, thing)
    if not terse:
        base = f"{rng.choice((article(base), article(base), article(base), 'one'))} {base}"
        if thing.shape in ("sun", "moon") and base.startswith("a ") and rng.random() < 0.5:
            base = "the " + base[2:]
    if thing.position is None or not position:
        return base
    if terse:
        where = bare_position(rng, thing.position)
        return rng.choice(
            (
                f"{base}, {where}",
                f"{base} {where}",
                f"{where}, {base}",
                f"{base} {position_phrase(rng, thing.position)}",
            )
        )
    where = position_phrase(rng, thing.position)
    pick = rng.random()
    if pick < 0.75:
        return f"{base} {where}"
    if pick < 0.9:
        return f"{where} {base}"
    return f"{base}, {where}"


_RELATIONS = {
    ("left", "right"): ("to the left of", "left of", "on the left of"),
    ("right", "left"): ("to the right of", "right of", "on the right of"),
    ("top", "bottom"): ("above", "over", "on top of"),
    ("bottom", "top"): ("below", "under", "beneath", "underneath"),
    (None, None): ("next to", "beside", "and", "with"),
}


def things_phrase(rng: Random, things: tuple[Thing, ...], terse: bool) -> str:
    """All objects in the order of the slots."""
    if len(things) == 2 and things[0] != things[1]:
        relation = _RELATIONS.get((things[0].position, things[1].position))
        if relation is not None and rng.random() < 0.45:
            one = thing_phrase(rng, things[0], terse, position=False)
            other = thing_phrase(rng, things[1], terse, position=False)
            return f"{one} {rng.choice(relation)} {other}"
    groups: list[list[Thing]] = []
    for thing in things:
        if groups and groups[-1][0] == thing and thing.position is None:
            groups[-1].append(thing)
        else:
            groups.append([thing])
    parts: list[str] = []
    for group in groups:
        if len(group) == 1:
            parts.append(thing_phrase(rng, group[0], terse))
        else:
            parts.append(f"{rng.choice(NUMBERS[len(group)])} {noun(rng, group[0], plural=True)}")
    if terse:
        return rng.choice(("; ", ", ", "; ", " ")).join(parts)
    if len(parts) == 1:
        return parts[0]
    joint = rng.choice((" and ", " and ", " and ", ", and ", ", ", " with ", " plus "))
    return rng.choice((", ", ", ", " and ")).join(parts[:-1]) + joint + parts[-1]


def backdrop_phrase(rng: Random, scene: Scene) -> str:
    """What is behind the objects, as a phrase that follows them."""
    ground = rng.choice(("background", "background", "background", "backdrop"))
    one = rng.choice(COLOUR_WORDS[scene.first]) if scene.first is not None else ""
    two = rng.choice(COLOUR_WORDS[scene.second]) if scene.second is not None else ""
    on = rng.choice(("on", "on", "against", "over", "with", "in front of"))
    way = f"{scene.direction} " if scene.direction is not None else ""
    if scene.backdrop == "plain":
        return rng.choice(
            (
                f"{on} {article(one)} {one} {ground}",
                f"on {one}",
                f"{on} {article(one)} {one} {ground}",
                f"{on} a plain {one} {ground}",
                f", {one} {ground}",
                f"the {ground} is {one}",
                f"on a solid {one} {ground}",
                f", background {one}",
            )
        )
    if scene.backdrop == "gradient":
        if not one:
            return rng.choice(
                (f"{on} a {way}gradient {ground}", f"{on} a {way}gradient", f", {way}gradient {ground}")
            )
        if not two:
            return rng.choice(
                (
                    f"{on} {article(way + one)} {way}{one} gradient",
                    f"{on} a {way}{one} gradient {ground}",
                    f", {way}{one} gradient {ground}",
                )
            )
        return rng.choice(
            (
                f"{on} a {way}gradient from {one} to {two}",
                f"{on} a {way}{one} to {two} gradient",
                f"{on} a {way}gradient {ground} from {one} to {two}",
                f", {ground} fading from {one} to {two}"
                if not way
                else f", {way}gradient from {one} to {two}",
                f"{on} a {way}{one} and {two} gradient",
            )
        )
    if scene.backdrop == "stripes":
        if not one:
            return rng.choice(
                (f"{on} a {way}striped {ground}", f"on {way}stripes", f"{on} a {ground} with {way}stripes")
            )
        if not two:
            return rng.choice(
                (
                    f"{on} a {way}striped {one} {ground}",
                    f"{on} a {one} {ground} with {way}stripes",
                    f"on {way}{one} stripes",
                )
            )
        return rng.choice(
            (
                f"on {way}{one} and {two} stripes",
                f"{on} a {way}striped {one} and {two} {ground}",
                f"{on} a {one} {ground} with {way}{two} stripes",
                f", {way}{one} and {two} stripes",
            )
        )
    if scene.backdrop == "dots":
        dots = rng.choice(("polka dots", "polka dots", "dots", "spots"))
        if not one:
            return rng.choice(
                (f"{on} a {ground} with {dots}", f"{on} a polka dot {ground}", f"{on} a dotted {ground}")
            )
        if not two:
            return rng.choice(
                (
                    f"{on} a {one} polka dot {ground}",
                    f"{on} a {one} {ground} with {dots}",
                    f"{on} a {one} dotted {ground}",
                )
            )
        return rng.choice(
            (
                f"{on} a {one} {ground} with {two} {dots}",
                f"{on} {one} with {two} {dots}",
                f", {one} {ground} with {two} {dots}",
            )
        )
    word = rng.choice(("checkered", "chequered", "checkerboard", "checked", "chessboard"))
    if not one:
        return rng.choice((f"{on} a {word} {ground}", f"{on} a {word} pattern"))
    if not two:
        return rng.choice((f"{on} a {one} {word} {ground}", f"{on} a {word} {one} {ground}"))
    return rng.choice(
        (
            f"{on} a {one} and {two} {word} {ground}",
            f"{on} a {word} {ground} in {one} and {two}",
            f", {one} and {two} {word} pattern",
        )
    )


GROUND_NOUNS: dict[str, tuple[str, ...]] = {
    "sea": (
        "the sea",
        "the sea",
        "the ocean",
        "the water",
        "a lake",
        "the lake",
        "a calm sea",
        "the waves",
        "the blue sea",
    ),
    "meadow": (
        "a meadow",
        "a green meadow",
        "green grass",
        "a green field",
        "the grass",
        "a green hill",
        "a lawn",
        "green hills",
        "the meadow",
        "a field",
    ),
    "mountains": (
        "snowy mountains",
        "mountains",
        "snow capped mountains",
        "the mountains",
        "high mountains",
        "the alps",
        "snowy peaks",
        "a mountain",
    ),
    "road": ("a road", "a road", "a street", "a highway", "a long road", "a road through fields"),
    "snow": ("the snow", "a snowy field", "a winter landscape", "snow", "a snowy landscape", "a snowy hill"),
    "desert": ("the desert", "a desert", "sand dunes", "the sand", "a beach", "a sandy beach"),
}
SKY_TAILS: dict[str, tuple[str, ...]] = {
    "day": (
        "under a blue sky",
        "under a blue sky",
        "on a sunny day",
        "in the sunshine",
        "by day",
        "under the sun",
        "under a clear sky",
        "on a bright day",
        "with a blue sky",
    ),
    "sunset": (
        "at sunset",
        "at sunset",
        "at dusk",
        "in the evening",
        "with a sunset",
        "at sunrise",
        "at dawn",
        "during sunset",
        "with the setting sun",
    ),
    "night": (
        "at night",
        "at night",
        "under a starry sky",
        "under the moon and stars",
        "under a night sky",
        "by moonlight",
        "at midnight",
        "with a moon and stars",
        "under the stars",
        "in the dark night",
    ),
    "rain": (
        "in the rain",
        "in the rain",
        "on a rainy day",
        "with rain",
        "while it rains",
        "in heavy rain",
        "under rain clouds",
    ),
}
SKY_NOUNS: dict[str, tuple[str, ...]] = {
    "day": ("a blue sky", "a clear blue sky", "a sunny day", "a sunny sky", "the sky", "a sunny landscape"),
    "sunset": (
        "a sunset",
        "sunset",
        "a beautiful sunset",
        "the sunset",
        "an evening sky",
        "a sunrise",
        "sunrise",
        "a sunset sky",
    ),
    "night": (
        "a night sky with a moon and stars",
        "a night sky",
        "night sky with moon and stars",
        "a starry night",
        "the night sky",
        "a starry sky",
        "moon and stars",
        "the moon and the stars",
        "a night sky with stars",
    ),
    "rain": ("rain", "a rainy day", "the rain", "a rainy sky", "falling rain", "rainy weather"),
}
_OVER = {
    "sea": ("over", "over", "at", "by", "above"),
    "road": ("over", "above", "with"),
    "mountains": ("over", "in", "above", "behind"),
}
_THING_ON = {
    "sea": ("on", "on", "at", "by", "in"),
    "meadow": ("on", "on", "in", "in front of"),
    "mountains": ("in", "in front of", "with", "and", "near"),
    "road": ("by", "beside", "over"),
    "snow": ("in", "on"),
    "desert": ("in", "on"),
}
_HANGS_OVER = ("over", "above", "in the sky over", "in the sky above", "floating over", "high above")


def landscape_phrase(rng: Random, scene: Scene, terse: bool) -> str:
    """A whole landscape."""
    ground = rng.choice(GROUND_NOUNS[scene.ground]) if scene.ground is not None else None
    if scene.first is not None:
        sky_tail = f"under {article(scene.first)} {rng.choice(COLOUR_WORDS[scene.first])} sky"
    elif scene.sky is not None:
        sky_tail = rng.choice(SKY_TAILS[scene.sky])
    else:
        sky_tail = ""
    if not scene.things:
        if scene.sky is not None and scene.first is None and (ground is None or rng.random() < 0.5):
            sky = rng.choice(SKY_NOUNS[scene.sky])
            if ground is None:
                return sky
            return f"{sky} {rng.choice(_OVER.get(scene.ground or '', ('over', 'above')))} {ground}"
        if ground is None:
            return sky_tail.removeprefix("under ")
        if terse and rng.random() < 0.5:
            return f"{ground}, {sky_tail}"
        if rng.random() < 0.15:
            return f"{sky_tail} {ground}"
        return f"{ground} {sky_tail}".strip()
    things = things_phrase(rng, scene.things, terse)
    hangs = scene.things[0].shape not in ("house", "tree", "boat")
    if ground is None:
        sky = sky_tail or "in the sky"
        if hangs and rng.random() < 0.6:
            return (
                f"{things} in {rng.choice(SKY_NOUNS[scene.sky])}"
                if scene.sky is not None and not scene.first
                else f"{things} {sky}"
            )
        return f"{things} {sky}"
    link = rng.choice(_HANGS_OVER) if hangs else rng.choice(_THING_ON[scene.ground or "meadow"])
    pick = rng.random()
    if pick < 0.12 and sky_tail:
        return f"{sky_tail}, {things} {link} {ground}"
    if pick < 0.2:
        return f"{ground} with {things} {sky_tail}".strip()
    if pick < 0.3 and sky_tail:
        return f"{things} {link} {ground}, {sky_tail}"
    return f"{things} {link} {ground} {sky_tail}".strip()


_ANYTHING = (
    "",
    "something nice",
    "surprise me",
    "anything",
    "abstract art",
    "an abstract picture",
    "abstract",
    "a picture",
    "an image",
    "something beautiful",
    "a nice drawing",
)
UNKNOWN = "zzz"
"""Stands for any word outside the vocabulary; the tokeniser makes all of them one token."""


def caption(rng: Random, scene: Scene) -> str:
    """One random wording of a scene."""
    if scene.backdrop == "abstract":
        if rng.random() < 0.5:
            words = [UNKNOWN] * rng.randint(1, 8)
            for _ in range(rng.randint(0, 4)):
                words.insert(
                    rng.randrange(len(words) + 1),
                    rng.choice(("a", "the", "of", "on", "with", "and", "in", "is")),
                )
            return rng.choice(PREFIXES) + " ".join(words)
        return rng.choice(PREFIXES) + rng.choice(_ANYTHING)
    terse = rng.random() < 0.22
    if scene.backdrop == "sky":
        text = landscape_phrase(rng, scene, terse)
    elif not scene.things:
        behind = backdrop_phrase(rng, scene).lstrip(", ")
        for lead in ("on ", "against ", "over ", "with ", "in front of "):
            behind = behind.removeprefix(lead)
        text = behind
    else:
        text = things_phrase(rng, scene.things, terse)
        if scene.backdrop != "open":
            behind = backdrop_phrase(rng, scene)
            if rng.random() < 0.15 and not behind.startswith("the"):
                text = f"{behind.lstrip(', ')}, {text}"
            elif behind.startswith(","):
                text = f"{text}{behind}"
            else:
                text = f"{text}{rng.choice((' ', ' ', ' ', ', '))}{behind}"
    text = rng.choice(PREFIXES) + text + rng.choice(SUFFIXES)
    if rng.random() < 0.28:
        words = text.split(" ")
        for _ in range(rng.randint(1, 3)):
            words.insert(rng.randrange(len(words) + 1), UNKNOWN)
        text = " ".join(words)
    if rng.random() < 0.04:
        words = text.split(" ")
        text = " ".join(word for word in words if word not in ("a", "an", "the"))
    return text
