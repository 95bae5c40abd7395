"""Colour palettes: the channel's own, or one chosen by the topic."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

Rgb = tuple[int, int, int]

_READABLE: Final = 4.5
"""The least contrast of text, WCAG 2.2 level AA."""
_VISIBLE: Final = 3.0
"""The least contrast of large text and of what is not text."""
_SETS: Final = (
    ("#10172b", "#27447a", "#ffb454", "#6fd3ff"),
    ("#1b1028", "#5a2a68", "#ff7a90", "#ffd166"),
    ("#07231f", "#12685a", "#f5d547", "#7fe3c0"),
    ("#241409", "#7a3a18", "#ffc857", "#ff8c61"),
    ("#0c1f2c", "#1d6076", "#ff9f68", "#a5e6e0"),
    ("#17151f", "#4b3f91", "#9df871", "#c7b8ff"),
)


@dataclass(frozen=True, slots=True)
class Palette:
    """`ground` and `depth` for backgrounds, `accent` and `second` for forms, `text` and `muted` for words.

    Words have a contrast of at least 4.5 to the ground, accents of at least 3.
    """

    ground: Rgb
    depth: Rgb
    accent: Rgb
    second: Rgb
    text: Rgb
    muted: Rgb

    @property
    def dark(self) -> bool:
        """Whether the ground is a dark one."""
        return _luminance(self.ground) < 0.2


def palette_for(topic: str, colours: Sequence[str] = ()) -> Palette:
    """The palette of the channel's `colours` (`#rrggbb`, the ground first); one by the topic without any."""
    if colours:
        ground, *accents = (rgb(colour) for colour in colours)
        depth = None
    else:
        digest = hashlib.sha256(topic.casefold().encode()).digest()
        ground, depth, *accents = (rgb(colour) for colour in _SETS[digest[0] % len(_SETS)])
    white = (255, 255, 255)
    text = white if _contrast(white, ground) >= _READABLE else (17, 19, 24)
    depth = mixed(ground, text, 0.18) if depth is None else depth
    accent = _apart(accents[0] if accents else mixed(ground, text, 0.75), ground, text)
    second = _apart(accents[1] if len(accents) > 1 else mixed(accent, text, 0.45), ground, text)
    return Palette(ground, depth, accent, second, text, mixed(text, ground, 0.22))


def rgb(colour: str) -> Rgb:
    """The colour that `#rrggbb` names.

    Raises:
        ValueError: it names none.
    """
    digits = colour.strip().removeprefix("#")
    if len(digits) != 6:
        raise ValueError(f"a colour is {colour!r}; it takes #rrggbb")
    value = int(digits, 16)
    return (value >> 16, value >> 8 & 255, value & 255)


def mixed(one: Rgb, other: Rgb, share: float) -> Rgb:
    """`one` with a `share` of `other`, from 0 to 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return (red, green, blue)


def _apart(colour: Rgb, ground: Rgb, text: Rgb) -> Rgb:
    """`colour`, moved towards the text's until it can be seen on the ground."""
    for step in range(11):
        moved = mixed(colour, text, step / 10)
        if _contrast(moved, ground) >= _VISIBLE:
            return moved
    return text


def _contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
