"""The background rate of earthquakes: a declustered catalogue, its b-value, a Poisson rate."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alya_mcp.tools.earth.logic.counts import NegativeBinomial
from alya_mcp.tools.earth.logic.quakes import Quake, apart_km

BIN: Final = 0.1
"""Magnitudes are given to this."""
LEAST_FOR_B: Final = 50
"""Events from which on a b-value is estimated; with fewer it is 1."""
B_RANGE: Final = (0.7, 1.3)
_DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A Poisson process: `events` independent earthquakes of `completeness` or more in `years`.

    `b` is the Gutenberg-Richter slope, `b_estimated` whether it comes from these events. `listed` is how many
    the catalogue has, with those that belong to another one's sequence.
    """

    events: int
    listed: int
    years: float
    completeness: float
    b: float
    b_estimated: bool

    def per_year(self, magnitude: float) -> float:
        """Expected earthquakes of `magnitude` or more a year."""
        return self.counts(magnitude, _DAYS_PER_YEAR).mean

    def counts(self, magnitude: float, days: float) -> NegativeBinomial:
        """The distribution of the number of earthquakes of `magnitude` or more in `days`.

        The rate is as uncertain as so many events leave it (Jeffreys' prior: half an event more).
        """
        share = days / (_DAYS_PER_YEAR * self.years) * 10 ** (-self.b * (magnitude - self.completeness))
        return NegativeBinomial(self.events + 0.5, share)


def b_value(magnitudes: Sequence[float], completeness: float) -> float:
    """The maximum-likelihood b of magnitudes at or above `completeness` (Aki 1965, bins after Utsu 1966)."""
    mean = sum(magnitudes) / len(magnitudes)
    return math.log10(math.e) / (mean - (completeness - BIN / 2))


def declustered(quakes: Sequence[Quake]) -> list[Quake]:
    """The quakes without foreshocks and aftershocks, oldest first.

    Windows in time and space after Gardner and Knopoff 1974, with foreshocks in the same windows.
    """
    ordered = sorted(quakes, key=lambda quake: (quake.time, quake.id))
    times = [quake.time.timestamp() for quake in ordered]
    gone = [False] * len(ordered)
    for number in sorted(range(len(ordered)), key=lambda each: (-ordered[each].magnitude, times[each])):
        if gone[number]:
            continue
        main = ordered[number]
        span, radius = _window(main.magnitude)
        first = bisect.bisect_left(times, times[number] - span)
        last = bisect.bisect_right(times, times[number] + span)
        for other in range(first, last):
            if other != number and not gone[other] and apart_km(main, ordered[other]) <= radius:
                gone[other] = True
    return [quake for quake, left in zip(ordered, gone, strict=True) if not left]


def background(
    quakes: Sequence[Quake], *, since: datetime, until: datetime, completeness: float
) -> Background:
    """The background process of a region's catalogue, complete from `completeness` on, over its time span."""
    complete = [
        quake for quake in quakes if quake.magnitude >= completeness - BIN / 2 and since <= quake.time < until
    ]
    independent = declustered(complete)
    estimated = len(complete) >= LEAST_FOR_B
    b = 1.0
    if estimated:
        low, high = B_RANGE
        b = min(high, max(low, b_value([quake.magnitude for quake in complete], completeness)))
    return Background(
        events=len(independent),
        listed=len(complete),
        years=(until - since).total_seconds() / 86_400 / _DAYS_PER_YEAR,
        completeness=completeness,
        b=b,
        b_estimated=estimated,
    )


def _window(magnitude: float) -> tuple[float, float]:
    """Seconds and km within which an event belongs to one of `magnitude`."""
    exponent = 0.032 * magnitude + 2.7389 if magnitude >= 6.5 else 0.5409 * magnitude - 0.547
    return 86_400 * 10**exponent, 10 ** (0.1238 * magnitude + 0.983)
