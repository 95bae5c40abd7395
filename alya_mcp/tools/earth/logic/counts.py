"""Distributions of the number of earthquakes: means, probabilities, fractiles, and sums of two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final, Protocol

_NEGLIGIBLE: Final = 1e-10
_MOST: Final = 20_000
"""Counts above this are told by the rate alone: the chance of one more or less no longer shows."""


class Counts(Protocol):
    """A distribution of a number of earthquakes."""

    @property
    def mean(self) -> float:
        """The expected number."""
        ...

    @property
    def any(self) -> float:
        """The probability of one or more."""
        ...

    @property
    def cumulative(self) -> Sequence[float]:
        """The probabilities of at most 0, 1, 2, ...; ends where nothing more is worth counting."""
        ...

    def fractile(self, share: float) -> int:
        """The smallest number that isn't exceeded with a probability of `share`."""
        ...


@dataclass(frozen=True)
class Mixture:
    """Poisson counts whose expectation is one of several: pairs of an expectation and its probability."""

    parts: tuple[tuple[float, float], ...]

    @property
    def mean(self) -> float:
        """The expected number, over all expectations."""
        return sum(rate * weight for rate, weight in self.parts)

    @property
    def any(self) -> float:
        """The probability of one or more."""
        return min(1.0, math.fsum(-math.expm1(-rate) * weight for rate, weight in self.parts))

    @property
    def cumulative(self) -> Sequence[float]:
        """The probabilities of at most 0, 1, 2, ..."""
        return self._cumulative

    @cached_property
    def _cumulative(self) -> Sequence[float]:
        masses = [0.0] * (_MOST + 1)
        last = 0
        for rate, weight in self.parts:
            if rate - 9 * math.sqrt(rate) > _MOST:
                continue
            spread = 9 * math.sqrt(rate) + 25
            lowest, highest = max(0, int(rate - spread)), min(_MOST, int(rate + spread))
            last = max(last, highest)
            middle = min(int(rate), highest)
            peak = (
                weight * math.exp(middle * math.log(rate) - rate - math.lgamma(middle + 1))
                if rate
                else weight
            )
            mass = peak
            for number in range(middle, highest + 1):
                masses[number] += mass
                mass *= rate / (number + 1)
            mass = peak
            for number in range(middle, lowest, -1):
                mass *= number / rate
                masses[number - 1] += mass
        return _summed(masses[: last + 1])

    def fractile(self, share: float) -> int:
        """The smallest number that isn't exceeded with a probability of `share`."""
        found = _first(self.cumulative, share)
        return self._by_rate(share) if found is None else found

    def _by_rate(self, share: float) -> int:
        total = 0.0
        for rate, weight in sorted(self.parts):
            total += weight
            if total >= share:
                return round(rate)
        return round(max(rate for rate, _ in self.parts))


@dataclass(frozen=True)
class NegativeBinomial:
    """Counts of a Poisson process whose rate is only known by `shape` events in a time of 1.

    `share` is the time that is asked about in the same unit: the predictive distribution of a Gamma(shape, 1)
    rate.
    """

    shape: float
    share: float

    @property
    def mean(self) -> float:
        """The expected number."""
        return self.shape * self.share

    @property
    def any(self) -> float:
        """The probability of one or more."""
        return -math.expm1(-self.shape * math.log1p(self.share))

    @property
    def cumulative(self) -> Sequence[float]:
        """The probabilities of at most 0, 1, 2, ..."""
        return self._cumulative

    @cached_property
    def _cumulative(self) -> Sequence[float]:
        ratio = self.share / (1 + self.share)
        mass = math.exp(-self.shape * math.log1p(self.share))
        masses = [mass]
        while len(masses) < _MOST and (len(masses) <= self.mean or mass > _NEGLIGIBLE):
            mass *= ratio * (self.shape + len(masses) - 1) / len(masses)
            masses.append(mass)
        return _summed(masses)

    def fractile(self, share: float) -> int:
        """The smallest number that isn't exceeded with a probability of `share`."""
        found = _first(self.cumulative, share)
        return round(self.mean) if found is None else found


@dataclass(frozen=True)
class CountSum:
    """Two independent counts together; the `second` is the one that varies less."""

    first: Counts
    second: Counts

    @property
    def mean(self) -> float:
        """The expected number."""
        return self.first.mean + self.second.mean

    @property
    def any(self) -> float:
        """The probability of one or more."""
        return 1 - (1 - self.first.any) * (1 - self.second.any)

    @property
    def cumulative(self) -> Sequence[float]:
        """The probabilities of at most 0, 1, 2, ..."""
        first, masses = self.first.cumulative, _masses(self.second.cumulative)
        return [self._at(number, first, masses) for number in range(len(first) + len(masses) - 1)]

    def fractile(self, share: float) -> int:
        """The smallest number that isn't exceeded with a probability of `share`."""
        first, masses = self.first.cumulative, _masses(self.second.cumulative)
        low, high = 0, len(first) + len(masses) - 2
        if self._at(high, first, masses) < share:
            return self.first.fractile(share) + round(self.second.mean)
        while low < high:
            middle = (low + high) // 2
            if self._at(middle, first, masses) >= share:
                high = middle
            else:
                low = middle + 1
        return low

    def _at(self, number: int, first: Sequence[float], masses: Sequence[float]) -> float:
        last = len(first) - 1
        return sum(mass * first[min(last, number - other)] for other, mass in enumerate(masses[: number + 1]))


def _summed(masses: Sequence[float]) -> Sequence[float]:
    total, sums = 0.0, list[float]()
    for mass in masses:
        total += mass
        sums.append(total)
    return sums


def _masses(cumulative: Sequence[float]) -> Sequence[float]:
    return [
        cumulative[0],
        *(after - before for before, after in pairwise(cumulative)),
    ]


def _first(cumulative: Sequence[float], share: float) -> int | None:
    return next((number for number, reached in enumerate(cumulative) if reached >= share), None)
