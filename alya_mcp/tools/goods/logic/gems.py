"""A gem and its grades, normalised for comparison."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alya_mcp.text.folding import fold

QUALITIES: Final = ("variety", "colour", "clarity", "cut", "origin", "treatment", "certificate")
"""The qualities in words; beside them a gem has its weight."""

_DIAMOND_COLOURS: Final = tuple("defghijklmnopqrstuvwxyz")
_CLARITIES: Final = (
    ("fl", "flawless"),
    ("if", "internally flawless", "loupe clean"),
    ("vvs1", "vvs"),
    ("vvs2",),
    ("vs1", "vs", "eye clean", "eye-clean"),
    ("vs2",),
    ("si1", "si", "slightly included"),
    ("si2",),
    ("i1", "p1", "si3", "included", "i", "moderately included"),
    ("i2", "p2", "heavily included"),
    ("i3", "p3"),
)
_CUTS: Final = (
    ("ideal", "excellent", "super ideal", "mukemmel"),
    ("premium", "very good", "cok iyi"),
    ("good", "iyi"),
    ("fair", "orta"),
    ("poor", "zayif"),
)
_STRENGTHS: Final = ("none", "faint", "light", "medium", "strong", "intense", "vivid")
_BLANKS: Final = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gem:
    """A gem of the catalogue; qualities are as they were written, empty where nobody gave one.

    `carat` is in carats, `price_usd` what it was sold for, None for a gem that is to be appraised.
    """

    id: str
    species: str
    carat: float
    variety: str = ""
    colour: str = ""
    clarity: str = ""
    cut: str = ""
    origin: str = ""
    treatment: str = ""
    certificate: str = ""
    price_usd: float | None = None
    sold_at: datetime | None = None

    def quality(self, name: str) -> str:
        """A quality as it is compared: folded, empty when it isn't given."""
        return plain(getattr(self, name))


def plain(text: str) -> str:
    """A quality's words as they are compared."""
    return _BLANKS.sub(" ", fold(text)).strip()


def grade(quality: str, word: str) -> float | None:
    """Where a folded word stands on its trade scale, 0 (worst) to 1 (best); None for a word without a place.

    Diamond colours D to Z and clarities FL to I3 as the GIA names them, cut grades, and the strength of a
    colour from faint to vivid.
    """
    if quality == "clarity":
        return _place(_CLARITIES, word)
    if quality == "cut":
        return _place(_CUTS, word)
    if quality == "colour":
        if word in _DIAMOND_COLOURS:
            return 1 - _DIAMOND_COLOURS.index(word) / (len(_DIAMOND_COLOURS) - 1)
        found = [_STRENGTHS.index(part) for part in word.split() if part in _STRENGTHS]
        if len(found) == 1:
            return found[0] / (len(_STRENGTHS) - 1)
    return None


def _place(scale: tuple[tuple[str, ...], ...], word: str) -> float | None:
    for index, names in enumerate(scale):
        if word in names:
            return 1 - index / (len(scale) - 1)
    return None
