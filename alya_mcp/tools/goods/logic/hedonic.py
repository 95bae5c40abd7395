"""A hedonic model: the log price of a gem by its weight and qualities, robust to wrong prices.

Rosen, Hedonic Prices and Implicit Markets, Journal of Political Economy 82 (1974). Bayesian ridge regression
that wrong prices hardly move (`robust`).
Intervals are conformal: quantiles of the errors that each priced gem has when the model doesn't know it
(Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005), by the closed form of
leave-one-out residuals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, exp, inf, log, sqrt
from statistics import median
from typing import Final

from alya_mcp.tools.goods.logic.design import YEAR, Design
from alya_mcp.tools.goods.logic.gems import Gem
from alya_mcp.tools.goods.logic.ridge import Row
from alya_mcp.tools.goods.logic.robust import settle

FEWEST: Final = 8
"""Priced gems of a species without which nothing is said."""
MOST: Final = 1000
"""Priced gems of a species that are looked at: the newest."""
LEVEL: Final = 0.9
CEILING: Final = 0.7
"""The share of such gems that sell for less than the fair price ceiling."""
_SUSPECT: Final = 7.0
"""Robust standard deviations from which a price counts as wrong."""
_NORMAL: Final = 1.6448536
_FIXED_WEIGHTS: Final = 0.3
"""How much larger errors are than leave-one-out ones say, whose weights are those of the whole fit: this
times the fit's degrees of freedom per gem; measured on made-up markets (scripts/eval/gems.py, seeds below
100)."""
_BLEND: Final = 20.0
"""Priced gems at which the errors' own quantile counts as much as Student's t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value in USD with its 90 % interval: low <= value <= ceiling <= high."""

    low: float
    value: float
    ceiling: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """How a value changes, as a factor with its 90 % interval."""

    value: float
    low: float
    high: float


class HedonicModel:
    """The model of one species, made of its priced gems, of which there are `FEWEST` or more.

    `suspects` are the ids of those whose price doesn't fit the others, `typical_error` the median error of a
    gem that the model doesn't know, as a share of its price.
    """

    def __init__(self, gems: Sequence[Gem]) -> None:
        self.gems = _newest(gems)
        self.design = Design(self.gems)
        self._rows = [self.design.row(gem) for gem in self.gems]
        self._logs = [log(gem.price_usd or 1.0) for gem in self.gems]
        self._solution = settle(self._rows, self._logs, self.design.spreads)
        errors = self._solution.left_out_errors(self._rows, self._logs)
        noise = self._solution.noise
        wrong = [abs(error) > _SUSPECT * noise * spread for error, spread in errors]
        self.suspects = {gem.id for gem, is_wrong in zip(self.gems, wrong, strict=True) if is_wrong}
        kept = [pair for pair, is_wrong in zip(errors, wrong, strict=True) if not is_wrong]
        self._scores = sorted(error / (noise * spread) for error, spread in kept)
        freedom = self._solution.freedom(self._rows) / len(self.gems)
        self._reach = _reach(self._scores, 1 + _FIXED_WEIGHTS * freedom)
        self.typical_error = exp(median(abs(error) for error, _ in kept)) - 1

    def estimate(self, gem: Gem, *, at: datetime | None = None) -> Estimate:
        """The value of a gem `at` a date; by default when it was sold, or at the newest sale.

        A gem of the model's own data is valued as if its price weren't known.
        """
        solution = self._solution
        own = next((index for index, each in enumerate(self.gems) if each.id == gem.id), None)
        if own is not None:
            solution = solution.without(own, self._rows, self._logs)
        row = self.design.row(gem, at=at or gem.sold_at or self.design.newest)
        centre = solution.fit.value(row)
        unknown = self.design.extra_variance(gem)
        spread = sqrt(solution.noise**2 * (1 + solution.fit.leverage(row)) + unknown)
        high = self._reach * spread
        above = self._scores[min(len(self._scores) - 1, int(CEILING * len(self._scores)))]
        ceiling = min(high, max(0.0, above) * spread)
        return Estimate(
            low=exp(centre - high), value=exp(centre), ceiling=exp(centre + ceiling), high=exp(centre + high)
        )

    def change(self, gem: Gem, other: Gem) -> Factor:
        """The ratio of the value of `other` to that of `gem`, both at the same date."""
        date = self.design.newest
        return self._factor(self.design.row(gem, at=date), self.design.row(other, at=date))

    def moved(self, other: Gem, gem: Gem, at: datetime | None) -> float:
        """The price of a priced gem, moved to what `gem` is and to a date."""
        rows = self.design.row(other), self.design.row(gem, at=at or self.design.newest)
        return (other.price_usd or 0.0) * self._factor(*rows).value

    def trend(self) -> Factor | None:
        """How prices of such gems move in a year; None where the dates don't tell."""
        design, gem = self.design, self.gems[0]
        if not design.trend or design.oldest is None or design.newest is None:
            return None
        span = (design.newest - design.oldest).total_seconds() / YEAR
        rows = design.row(gem, at=design.oldest), design.row(gem, at=design.newest)
        return self._factor(*rows, share=1 / span)

    def _factor(self, before: Row, after: Row, *, share: float = 1.0) -> Factor:
        """The value by one row over that by another, to the power `share`."""
        cells = dict(after)
        for column, value in before:
            cells[column] = cells.get(column, 0.0) - value
        row = sorted((column, value) for column, value in cells.items() if value)
        fit = self._solution.fit
        middle, reach = fit.value(row), _NORMAL * self._solution.noise * sqrt(fit.leverage(row))
        return Factor(
            value=exp(share * middle), low=exp(share * (middle - reach)), high=exp(share * (middle + reach))
        )


def _reach(scores: Sequence[float], stretched: float) -> float:
    """How many spreads the interval goes either way.

    The conformal quantile of the errors, `stretched` by a factor, drawn to that of Student's t where there
    are few.
    """
    sizes = sorted(map(abs, scores))
    own = sizes[min(len(sizes), ceil((len(sizes) + 1) * LEVEL)) - 1]
    share = len(sizes) / (len(sizes) + _BLEND)
    return stretched * share * own + (1 - share) * _student(max(3, len(sizes) - 2))


def _student(freedom: int) -> float:
    """The 95 % quantile of Student's t, by the expansion of Cornish and Fisher."""
    z = _NORMAL
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _newest(gems: Sequence[Gem]) -> list[Gem]:
    """At most `MOST` gems; of more, those sold last."""
    if len(gems) <= MOST:
        return list(gems)
    return sorted(gems, key=lambda gem: gem.sold_at.timestamp() if gem.sold_at else -inf)[-MOST:]
