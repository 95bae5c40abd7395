"""An earthquake as a catalogue lists it, distances, and several catalogues merged into one."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Final

EARTH_RADIUS_KM: Final = 6371.0088
SAME_WITHIN_S: Final = 16.0
"""Seconds between two reports of one earthquake at most: how well catalogues agree on its time."""
SAME_WITHIN_KM: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quake:
    """One earthquake in one catalogue.

    `depth_km` counts downwards. `reviewed`: a person looked at it, None where the catalogue doesn't say.
    `has_forecast`: the catalogue has an official aftershock forecast for it.
    """

    catalogue: str
    id: str
    time: datetime
    latitude: float
    longitude: float
    depth_km: float | None
    magnitude: float
    magnitude_type: str | None
    place: str | None
    url: str | None
    reviewed: bool | None = None
    has_forecast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """One earthquake as all catalogues report it: the `preferred` report, and every report, it included."""

    preferred: Quake
    reports: tuple[Quake, ...]


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance on a sphere in km (haversine); angles in degrees."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half = math.sin((other_phi - phi) / 2) ** 2
    half += math.cos(phi) * math.cos(other_phi) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


def apart_km(one: Quake, other: Quake) -> float:
    """Distance of two epicentres in km."""
    return distance_km(one.latitude, one.longitude, other.latitude, other.longitude)


def merge(catalogues: Sequence[Iterable[Quake]]) -> list[Merged]:
    """Each earthquake once, newest first; `catalogues` are in order of preference.

    Two reports are of one earthquake when they are from different catalogues, at most 16 s and 100 km apart.
    Where more than two fit, the nearest in time and space belong together, and three are one only when each
    two of them fit. The order of the reports doesn't matter. Preferred is a moment magnitude to any other, a
    reviewed report to an automatic one, then an earlier catalogue to a later one.
    """
    reports = sorted(
        ((quake, order) for order, catalogue in enumerate(catalogues) for quake in catalogue),
        key=lambda entry: (entry[0].time, entry[1], entry[0].id),
    )
    group_of = list(range(len(reports)))
    members: dict[int, list[int]] = {number: [number] for number in range(len(reports))}
    candidates = sorted(_candidates(reports))
    fit = {(one, other) for _, one, other in candidates}
    for _, one, other in candidates:
        first, second = group_of[one], group_of[other]
        pairs = ((min(pair), max(pair)) for pair in product(members[first], members[second]))
        if first != second and all(pair in fit for pair in pairs):
            for number in members.pop(second):
                members[first].append(number)
                group_of[number] = first
    merged = [_prefer([reports[number] for number in group]) for group in members.values()]
    return sorted(merged, key=lambda each: (each.preferred.time, each.preferred.id), reverse=True)


def _candidates(reports: Sequence[tuple[Quake, int]]) -> Iterable[tuple[float, int, int]]:
    """Pairs that may be one earthquake: how far apart, in time and space together, and their numbers."""
    for one, (quake, order) in enumerate(reports):
        for other in range(one + 1, len(reports)):
            candidate, its_order = reports[other]
            seconds = (candidate.time - quake.time).total_seconds()
            if seconds > SAME_WITHIN_S:
                break
            if its_order != order and (apart := apart_km(quake, candidate)) <= SAME_WITHIN_KM:
                yield math.hypot(seconds / SAME_WITHIN_S, apart / SAME_WITHIN_KM), one, other


def _prefer(reports: Sequence[tuple[Quake, int]]) -> Merged:
    ranked = sorted(
        reports, key=lambda entry: (not is_moment(entry[0]), not entry[0].reviewed, entry[1], entry[0].id)
    )
    return Merged(preferred=ranked[0][0], reports=tuple(quake for quake, _ in ranked))


def is_moment(quake: Quake) -> bool:
    """Whether its magnitude is a moment magnitude (Mw, Mww, Mwb, ...)."""
    return (quake.magnitude_type or "").lower().startswith("mw")
