"""Aftershocks after Reasenberg and Jones (1989, 1994), with the generic parameters and update of the USGS.

The rate of aftershocks of magnitude M or more, t days after a mainshock, is
10^(a + b(Mmain - M)) (t + c)^(-p). `a` is unknown: a distribution over a grid, narrowed by what was observed.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from alya_mcp.tools.earth.logic.counts import Counts, Mixture
from alya_mcp.tools.earth.logic.regimes import Completeness, Regime

A_MIN: Final = -4.5
A_MAX: Final = -0.5
A_STEP: Final = 0.01
_LEAST_DAYS: Final = 1e-5
"""About a second: before that, nothing of the sequence is observed."""
_STEPS: Final = 400


def omori(start: float, end: float, *, p: float, c: float) -> float:
    """The integral of (t + c)^(-p) from `start` to `end`, in days after the mainshock."""
    if math.isclose(p, 1.0, abs_tol=1e-9):
        return math.log((end + c) / (start + c))
    return ((end + c) ** (1 - p) - (start + c) ** (1 - p)) / (1 - p)


def search_radius_km(magnitude: float) -> float:
    """How far from a mainshock its aftershocks are looked for: Wells and Coppersmith 1994, 10 to 2,000 km."""
    return min(2000.0, max(10.0, 10 ** (0.69 * magnitude - 3.22)))


@dataclass(frozen=True)
class Sequence:
    """The aftershocks of one mainshock: what is known of their productivity.

    `weights` are the probabilities of `a` = -4.50, -4.49, ..., -0.50. `observed` is how many aftershocks they
    take into account; 0 and `days` None for the generic ones.
    """

    mainshock: float
    regime: Regime
    weights: tuple[float, ...]
    observed: int = 0
    days: float | None = None

    @classmethod
    def generic(cls, mainshock: float, regime: Regime) -> Self:
        """The prior of a regime: a normal distribution of `a` around its mean."""
        sigma = regime.sigma(mainshock)
        weights = [math.exp(-0.5 * ((a - regime.a_mean) / sigma) ** 2) for a in _GRID]
        return cls(mainshock, regime, _normalised(weights))

    def after(self, observed: int, days: float, completeness: Completeness) -> "Sequence":
        """The posterior after `observed` aftershocks above the completeness within `days` of the mainshock.

        P(a) is proportional to P(a) exp(n a ln 10 - 10^a J), with J the integral of
        10^(b(Mmain - Mc(t))) (t + c)^(-p) over the observed time.
        """
        exposure = self.exposure(days, completeness)
        logs = [
            (math.log(weight) if weight > 0 else -math.inf) + observed * a * math.log(10) - 10**a * exposure
            for a, weight in zip(_GRID, self.weights, strict=True)
        ]
        top = max(logs)
        weights = _normalised([math.exp(log - top) for log in logs])
        return Sequence(self.mainshock, self.regime, weights, observed, days)

    @cached_property
    def a_mean(self) -> float:
        """The mean of `a`."""
        return sum(a * weight for a, weight in zip(_GRID, self.weights, strict=True))

    @cached_property
    def a_sigma(self) -> float:
        """The standard deviation of `a`."""
        mean = self.a_mean
        return math.sqrt(sum((a - mean) ** 2 * w for a, w in zip(_GRID, self.weights, strict=True)))

    def expected(self, magnitude: float, start: float, end: float, *, a: float, share: float = 1.0) -> float:
        """How many aftershocks of `magnitude` or more are expected from `start` to `end` at productivity `a`.

        `share` is the part of them that counts, as with `counts`.
        """
        regime = self.regime
        rate = 10 ** (a + regime.b * (self.mainshock - magnitude))
        return share * rate * omori(start, end, p=regime.p, c=regime.c)

    def counts(self, magnitude: float, start: float, end: float, *, share: float = 1.0) -> Counts:
        """Distribution of the number of aftershocks of `magnitude` or more from `start` to `end`, in days.

        `share` is the part of the aftershocks' area, from 0 to 1, that is asked about.
        """
        one = self.expected(magnitude, start, end, a=0.0, share=share)
        return Mixture(tuple((10**a * one, w) for a, w in zip(_GRID, self.weights, strict=True) if w > 1e-12))

    def exposure(self, days: float, completeness: Completeness) -> float:
        """J of `after`: the aftershocks above the completeness within `days` that `a` = 0 would bring.

        By Simpson's rule over ln t, on which the integrand is smooth.
        """
        start, end = math.log(_LEAST_DAYS), math.log(max(days, 2 * _LEAST_DAYS))
        step = (end - start) / _STEPS
        total = 0.0
        for number in range(_STEPS + 1):
            t = math.exp(start + number * step)
            height = 10 ** (self.regime.b * (self.mainshock - completeness.at(self.mainshock, t)))
            weight = 1 if number in {0, _STEPS} else 4 if number % 2 else 2
            total += weight * height * (t + self.regime.c) ** -self.regime.p * t
        return total * step / 3


def _normalised(weights: list[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(weight / total for weight in weights)


_GRID: Final = tuple(A_MIN + A_STEP * number for number in range(round((A_MAX - A_MIN) / A_STEP) + 1))
