"""Robust ridge regression: outliers have little influence, and each record gets a leave-one-out error.

Iteratively reweighted least squares (Holland and Welsch, Communications in Statistics A6 (1977)): a record
counts fully up to two standard deviations from the fit and with the inverse square of its distance beyond.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import median
from typing import Final

from alya_mcp.tools.goods.logic.ridge import RidgeFit, Row, fit_ridge

_BELIEVED: Final = 2.0
_ROUNDS: Final = 6
_ROUNDS_OF_LEVERAGE: Final = 2
_SETTLED: Final = 0.01
_SMALLEST_NOISE: Final = 0.005
_NORMAL_MAD: Final = 1.4826


@dataclass(frozen=True, slots=True)
class RobustFit:
    """A settled fit: `noise` is the standard deviation of log prices around it, `weights` those of the gems,
    `penalties` those of the columns, in units of the noise's variance.
    """

    fit: RidgeFit
    noise: float
    weights: Sequence[float]
    penalties: Sequence[float]

    def left_out_errors(
        self, rows: Sequence[Row], logs: Sequence[float], leverages: Sequence[float] | None = None
    ) -> list[tuple[float, float]]:
        """The leave-one-out error of each gem, and the scale of that error, in units of the noise.

        `leverages` are those of the rows where they are known already.
        """
        found: list[tuple[float, float]] = []
        known = leverages or [self.fit.leverage(row) for row in rows]
        for row, target, weight, leverage in zip(rows, logs, self.weights, known, strict=True):
            rest = max(1 - weight * leverage, 1e-6)
            found.append(((target - self.fit.value(row)) / rest, sqrt(1 + leverage / rest)))
        return found

    def freedom(self, rows: Sequence[Row]) -> float:
        """The degrees of freedom that the fit uses up: the trace of its hat matrix."""
        return sum(
            weight * self.fit.leverage(row) for row, weight in zip(rows, self.weights, strict=True) if weight
        )

    def without(self, index: int, rows: Sequence[Row], logs: Sequence[float]) -> "RobustFit":
        """The same when one gem isn't known."""
        weights = [*self.weights[:index], 0.0, *self.weights[index + 1 :]]
        return replace(self, fit=fit_ridge(rows, logs, weights, self.penalties))


def settle(rows: Sequence[Row], logs: Sequence[float], spreads: Sequence[float]) -> RobustFit:
    """Refit until the noise estimate converges; the leverages change little and are kept."""
    weights = [1.0] * len(rows)
    noise = 0.3
    penalties = _penalties(spreads, noise)
    solution = RobustFit(fit_ridge(rows, logs, weights, penalties), noise, weights, penalties)
    leverages: list[float] = []
    for turn in range(_ROUNDS):
        if turn < _ROUNDS_OF_LEVERAGE:
            leverages = [solution.fit.leverage(row) for row in rows]
        errors = solution.left_out_errors(rows, logs, leverages)
        before, noise = noise, max(_SMALLEST_NOISE, _spread_of(errors))
        weights = [_weight(error / (noise * spread)) for error, spread in errors]
        penalties = _penalties(spreads, noise)
        solution = RobustFit(fit_ridge(rows, logs, weights, penalties), noise, weights, penalties)
        if turn and abs(noise / before - 1) < _SETTLED:
            break
    return solution


def _weight(score: float) -> float:
    return min(1.0, (_BELIEVED / max(abs(score), 1e-9)) ** 2)


def _penalties(spreads: Sequence[float], noise: float) -> list[float]:
    return [(noise / spread) ** 2 for spread in spreads]


def _spread_of(errors: Sequence[tuple[float, float]]) -> float:
    """The noise by the median absolute error, which wrong prices hardly move."""
    return _NORMAL_MAD * median(abs(error) / spread for error, spread in errors)
