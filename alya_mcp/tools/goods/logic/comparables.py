"""Comparables: the priced gems most similar to a gem."""

from collections.abc import Iterable
from math import log
from typing import Final

from alya_mcp.tools.goods.logic.gems import QUALITIES, Gem, grade

_DOUBLED: Final = 2.0
"""What twice the weight counts, as a distance."""
_WHOLE_SCALE: Final = 3.0
"""What the worst grade of a scale counts against the best."""
_OTHER_WORD: Final = {
    "variety": 1.5, "colour": 1.0, "clarity": 0.7, "cut": 0.4, "origin": 1.0, "treatment": 1.5,
    "certificate": 0.3,
}  # fmt: skip


def distance(one: Gem, other: Gem) -> float:
    """The distance of two gems of a species: 0 for the same weight and qualities."""
    total = _DOUBLED * abs(log(one.carat / other.carat)) / log(2)
    for name in QUALITIES:
        mine, theirs = one.quality(name), other.quality(name)
        if mine == theirs:
            continue
        places = grade(name, mine), grade(name, theirs)
        if places[0] is not None and places[1] is not None:
            total += _WHOLE_SCALE * abs(places[0] - places[1])
        else:
            total += _OTHER_WORD[name]
    return total


def nearest(gem: Gem, others: Iterable[Gem], count: int) -> list[tuple[Gem, float]]:
    """The `count` gems nearest to `gem`, nearest first, with their distances; never the gem itself."""
    found = [(other, distance(gem, other)) for other in others if other.id != gem.id]
    return sorted(found, key=lambda each: (each[1], each[0].id))[:count]
