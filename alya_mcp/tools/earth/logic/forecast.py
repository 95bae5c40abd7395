"""The forecast around a place: the aftershocks of one sequence plus the background."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from alya_mcp.tools.earth.logic import aftershocks
from alya_mcp.tools.earth.logic.background import Background
from alya_mcp.tools.earth.logic.counts import Counts, CountSum
from alya_mcp.tools.earth.logic.quakes import SAME_WITHIN_S, Quake, apart_km, distance_km
from alya_mcp.tools.earth.logic.regimes import Completeness, Regime, choose_regime, completeness

INTERVAL: Final = (0.025, 0.5, 0.975)
LOOK_BACK_DAYS: Final = 365.0
"""Mainshocks older than this are left to the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A place and what is around it."""

    latitude: float
    longitude: float
    radius_km: float

    def to(self, quake: Quake) -> float:
        """Distance of an epicentre from its centre in km."""
        return distance_km(self.latitude, self.longitude, quake.latitude, quake.longitude)


@dataclass(frozen=True, kw_only=True)
class Active:
    """A sequence under way: its mainshock, `days` ago, and the `counted` aftershocks above the completeness.

    Aftershocks are looked for within `radius_km`; `share` is the part of that area that lies in the circle.
    `chosen` says how the regime was.
    """

    mainshock: Quake
    days: float
    radius_km: float
    share: float
    regime: Regime
    chosen: str
    completeness: Completeness
    counted: tuple[Quake, ...] = ()

    @cached_property
    def sequence(self) -> aftershocks.Sequence:
        """The aftershock model, updated with the counted aftershocks."""
        generic = aftershocks.Sequence.generic(self.mainshock.magnitude, self.regime)
        return generic.after(len(self.counted), self.days, self.completeness)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastRow:
    """The forecast for one magnitude and more: both parts, and both together with fractiles of `INTERVAL`."""

    magnitude: float
    background: Counts
    aftershocks: Counts | None
    together: Counts
    fractiles: tuple[int, int, int]


def overlap(radius: float, other: float, apart: float) -> float:
    """The part of a circle of `radius` that a circle of radius `other` covers, their centres `apart`.

    In a plane; the circles here are small beside the earth.
    """
    if apart >= radius + other:
        return 0.0
    if apart <= abs(radius - other):
        return min(1.0, (other / radius) ** 2)
    x = (apart**2 + radius**2 - other**2) / (2 * apart)
    angle = math.acos(max(-1.0, min(1.0, x / radius)))
    other_angle = math.acos(max(-1.0, min(1.0, (apart - x) / other)))
    lens = radius**2 * (angle - math.sin(2 * angle) / 2)
    lens += other**2 * (other_angle - math.sin(2 * other_angle) / 2)
    return lens / (math.pi * radius**2)


def find_active(
    quakes: Sequence[Quake], around: Circle, *, now: datetime, hours: float, regime: Regime | None = None
) -> Active | None:
    """The sequence with the most expected earthquakes in the circle, before counting aftershocks; or None.

    A mainshock is a quake of the last year that isn't in the aftershock area of a larger one. `regime` is
    one that the caller insists on.
    """
    promising: list[tuple[float, str, Quake]] = []
    for quake in quakes:
        days = (now - quake.time).total_seconds() / 86_400
        if 0 < days <= LOOK_BACK_DAYS:
            active = _active(quake, days, around, regime)
            rate = 10 ** (active.regime.a_mean + active.regime.b * quake.magnitude)
            span = aftershocks.omori(days, days + hours / 24, p=active.regime.p, c=active.regime.c)
            promising.append((-active.share * rate * span, quake.id, quake))
    for promise, _, quake in sorted(promising, key=lambda entry: entry[:2]):
        if promise < 0 and not _belongs(quake, quakes):
            return _active(quake, (now - quake.time).total_seconds() / 86_400, around, regime)
    return None


def _active(quake: Quake, days: float, around: Circle, regime: Regime | None) -> Active:
    chosen, how = choose_regime(quake.latitude, quake.longitude, quake.depth_km)
    radius = aftershocks.search_radius_km(quake.magnitude)
    return Active(
        mainshock=quake,
        days=days,
        radius_km=radius,
        share=overlap(radius, around.radius_km, around.to(quake)),
        regime=regime or chosen,
        chosen="as the caller asked" if regime else how,
        completeness=completeness(quake.latitude, quake.longitude),
    )


def count_aftershocks(active: Active, quakes: Iterable[Quake]) -> Active:
    """`active` with the aftershocks among `quakes`: in its area, later, and above the completeness.

    Within 16 s of the mainshock it may be the mainshock itself, as another catalogue has it.
    """
    main = active.mainshock
    counted: list[Quake] = []
    for quake in quakes:
        days = (quake.time - main.time).total_seconds() / 86_400
        apart = apart_km(main, quake)
        if not SAME_WITHIN_S < days * 86_400 <= active.days * 86_400 or apart > active.radius_km:
            continue
        if quake.magnitude >= active.completeness.at(main.magnitude, days):
            counted.append(quake)
    counted.sort(key=lambda quake: (-quake.magnitude, quake.time))
    return replace(active, counted=tuple(counted))


def rows(
    background: Background, active: Active | None, *, hours: float, magnitudes: Iterable[float]
) -> list[ForecastRow]:
    """The forecast for the next `hours`, one row per magnitude."""
    found: list[ForecastRow] = []
    for magnitude in magnitudes:
        quiet = background.counts(magnitude, hours / 24)
        after: Counts | None = None
        together: Counts = quiet
        if active is not None:
            span = (active.days, active.days + hours / 24)
            after = active.sequence.counts(magnitude, *span, share=active.share)
            together = CountSum(after, quiet)
        low, middle, high = (together.fractile(share) for share in INTERVAL)
        found.append(
            ForecastRow(
                magnitude=magnitude,
                background=quiet,
                aftershocks=after,
                together=together,
                fractiles=(low, middle, high),
            )
        )
    return found


def _belongs(quake: Quake, quakes: Sequence[Quake]) -> bool:
    """Whether a larger quake, or an equal one before it, has it in its aftershock area."""
    return any(
        (other.magnitude, -other.time.timestamp()) > (quake.magnitude, -quake.time.timestamp())
        and apart_km(quake, other) <= aftershocks.search_radius_km(other.magnitude)
        for other in quakes
        if other.id != quake.id
    )
