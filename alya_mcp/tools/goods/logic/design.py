"""The columns of the hedonic model: the attributes that explain a price, and the prior on each."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from math import log
from typing import Final

from alya_mcp.tools.goods.logic.gems import QUALITIES, Gem, grade
from alya_mcp.tools.goods.logic.ridge import Row

FEWEST_DATED: Final = 12
"""Dated sales from which a trend of prices is learned."""
_SHORTEST_SPAN: Final = 0.5
YEAR: Final = 365.25 * 86_400
"""Seconds."""
_STEPS: Final = (0.5, 0.7, 0.9, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Weights in carats at which the trade asks more per carat."""
_FEWEST_BESIDE_STEP: Final = 8
_FEWEST_OF_PAIR: Final = 4
_PAIRS: Final = (
    ("origin", "treatment"), ("variety", "colour"), ("colour", "clarity"), ("variety", "origin"),
    ("colour", "origin"), ("colour", "treatment"), ("cut", "clarity"), ("cut", "colour"),
)  # fmt: skip
_WITH_WEIGHT: Final = ("colour", "clarity", "origin", "treatment", "variety")

# Prior standard deviations of the coefficients, in units of log price.
_FLAT: Final = 100.0
_ELASTICITY: Final = 0.7
_BEND: Final = 0.5
_STEP: Final = 0.05
_SCALE: Final = 1.0
_LEVEL: Final = 0.3
_SLOPE: Final = 0.18
_PAIR: Final = 0.08
_YEARLY: Final = 0.07
_HALF_YEARLY: Final = 0.03


class Design:
    """Turns gems of one species into rows; what it knows of levels and knots is from `gems`.

    Columns: intercept; log weight with bends at its quartiles; steps at customary weights; per quality a
    line along its trade scale and a level of its own for each word; products of weight with grades and
    levels; frequent pairs of levels; years since the newest sale.
    """

    def __init__(self, gems: Sequence[Gem]) -> None:
        self.spreads: list[float] = []
        self._columns: dict[tuple[str, ...], int] = {}
        weights = sorted(log(gem.carat) for gem in gems)
        self._middle = weights[len(weights) // 2]
        self._bends = sorted({weights[len(weights) * part // 4] for part in (1, 2, 3)})
        self._add(_FLAT, "intercept")
        self._add(_ELASTICITY, "weight")
        for index in range(len(self._bends)):
            self._add(_BEND, "bend", str(index))
        self._steps = [
            step
            for step in _STEPS
            if min(sum(gem.carat >= step for gem in gems), sum(gem.carat < step for gem in gems))
            >= _FEWEST_BESIDE_STEP
        ]
        for step in self._steps:
            self._add(_STEP, "step", str(step))
        self.levels: dict[str, Counter[str]] = {
            name: Counter(gem.quality(name) for gem in gems) for name in QUALITIES
        }
        for name, counts in self.levels.items():
            if len(counts) > 1:
                self._add_quality(name, counts)
        for pair in _PAIRS:
            together = Counter(tuple(gem.quality(name) for name in pair) for gem in gems)
            if all(len(self.levels[name]) > 1 for name in pair):
                for levels, count in together.items():
                    if count >= _FEWEST_OF_PAIR:
                        self._add(_PAIR, "pair", *pair, *levels)
        dates = [gem.sold_at for gem in gems if gem.sold_at is not None]
        self.newest = max(dates, default=None)
        self.oldest = min(dates, default=None)
        self.dated = len(dates)
        self.trend = (
            self.newest is not None
            and self.oldest is not None
            and self.dated >= FEWEST_DATED
            and (self.newest - self.oldest).total_seconds() / YEAR >= _SHORTEST_SPAN
        )
        if self.trend:
            self._add(_YEARLY, "years")
            self._ages = sorted(self._age(date) for date in dates)
            self._turns = [
                turn / 2
                for turn in range(-20, 0)
                if min(sum(age > turn / 2 for age in self._ages), sum(age <= turn / 2 for age in self._ages))
                >= _FEWEST_BESIDE_STEP
            ]
            for turn in self._turns:
                self._add(_HALF_YEARLY, "turn", str(turn))

    def row(self, gem: Gem, *, at: datetime | None = None) -> Row:
        """The row of a gem, priced when it was sold or `at`, else at the middle of the dated sales."""
        x = log(gem.carat) - self._middle
        cells: dict[int, float] = {0: 1.0, 1: x}
        for index, knot in enumerate(self._bends):
            if (over := x + self._middle - knot) > 0:
                cells[self._columns["bend", str(index)]] = over
        for step in self._steps:
            if gem.carat >= step:
                cells[self._columns["step", str(step)]] = 1.0
        for name, counts in self.levels.items():
            if len(counts) > 1:
                self._put_quality(cells, name, gem.quality(name), x)
        for pair in _PAIRS:
            key = ("pair", *pair, *(gem.quality(name) for name in pair))
            if key in self._columns:
                cells[self._columns[key]] = 1.0
        if self.trend:
            date = at or gem.sold_at
            years = self._ages[len(self._ages) // 2] if date is None else self._age(date)
            cells[self._columns["years",]] = years
            for turn in self._turns:
                if years > turn:
                    cells[self._columns["turn", str(turn)]] = 1.0
        return sorted(cells.items())

    def unseen(self, gem: Gem) -> list[str]:
        """The qualities of a gem whose word no priced gem has."""
        return [name for name, counts in self.levels.items() if gem.quality(name) not in counts]

    def extra_variance(self, gem: Gem) -> float:
        """What levels that no priced gem has add to the variance of the log price."""
        return len(self.unseen(gem)) * _LEVEL**2

    def _age(self, date: datetime) -> float:
        """Years from the newest sale; never after it, as the trend isn't drawn on into the future."""
        newest = self.newest or date
        return min(0.0, (date - newest).total_seconds() / YEAR)

    def _add(self, spread: float, *key: str) -> None:
        if key not in self._columns:
            self._columns[key] = len(self.spreads)
            self.spreads.append(spread)

    def _add_quality(self, name: str, counts: Counter[str]) -> None:
        places = {place for word in counts if (place := grade(name, word)) is not None}
        if len(places) > 1:
            self._add(_SCALE, "scale", name)
            if name in _WITH_WEIGHT:
                self._add(_SLOPE, "scale by weight", name)
        for word in sorted(counts):
            self._add(_LEVEL, "level", name, word)
            if name in _WITH_WEIGHT and grade(name, word) is None:
                self._add(_SLOPE, "level by weight", name, word)

    def _put_quality(self, cells: dict[int, float], name: str, word: str, x: float) -> None:
        column = self._columns
        place = grade(name, word)
        if place is not None and ("scale", name) in column:
            cells[column["scale", name]] = place - 0.5
            if ("scale by weight", name) in column:
                cells[column["scale by weight", name]] = (place - 0.5) * x
        if ("level", name, word) in column:
            cells[column["level", name, word]] = 1.0
        if ("level by weight", name, word) in column:
            cells[column["level by weight", name, word]] = x
