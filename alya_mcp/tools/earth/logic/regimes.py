"""Generic parameters of aftershock sequences by tectonic regime, and completeness of catalogues by region.

The numbers and polygons are the USGS's, from its operational aftershock forecasting software (opensha-oaf,
CC0-1.0: GenericRJ_ParametersFetch.json and MagCompPage_ParametersFetch.json), after Page et al. 2016,
Bulletin of the Seismological Society of America 106(5), and Hardebeck et al. 2019 for California.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

RegimeName = Literal[
    "ANSR-ABSLDEC", "ANSR-ABSLOCB", "ANSR-ABSLSHC", "ANSR-DEEPCON", "ANSR-HOTSPOT", "ANSR-OCEANBD",
    "ANSR-SHALCON", "SCR-GENERIC", "SCR-ABVSLAB", "SOR-GENERIC", "SOR-ABVSLAB", "SZ-GENERIC", "SZ-INLBACK",
    "SZ-ONSHORE", "SZ-OUTERTR", "CAL-SCSN", "CAL-NCSS", "CAL-MENDOCINO", "CAL-HYDROTHERMAL",
]  # fmt: skip
REGIME_NAMES: Final[tuple[RegimeName, ...]] = get_args(RegimeName)

DEEP_KM: Final = 40.0
"""From this depth on, an earthquake outside California is taken for one of a subduction zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """Generic parameters of one regime.

    `a_mean` is the mean productivity; `sigma0` and `sigma1` give its spread at a magnitude; `p` and `c`, in
    days, are Omori's.
    """

    name: RegimeName
    a_mean: float
    sigma0: float
    sigma1: float
    p: float
    c: float
    b: float = 1.0

    def sigma(self, magnitude: float) -> float:
        """Standard deviation of `a` after a mainshock of `magnitude`; below M 6 that of M 6."""
        return math.sqrt(self.sigma0**2 + self.sigma1**2 / 10 ** max(magnitude, 6.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """The magnitude of completeness of a catalogue: `catalogue` in quiet times."""

    region: str
    f: float
    g: float
    h: float
    catalogue: float

    def at(self, mainshock: float, days: float) -> float:
        """The magnitude of completeness `days` after a mainshock (form of Helmstetter et al. 2006)."""
        return max(self.f * mainshock - self.g - self.h * math.log10(days), self.catalogue)


def _worldwide(name: RegimeName, a_mean: float, sigma1: float, p: float) -> Regime:
    return Regime(name=name, a_mean=a_mean, sigma0=0.49, sigma1=sigma1, p=p, c=0.018)


def _californian(name: RegimeName, a_mean: float, sigma: float, p: float, c: float) -> Regime:
    return Regime(name=name, a_mean=a_mean, sigma0=sigma, sigma1=0.0, p=p, c=c)


REGIMES: Final = {
    regime.name: regime
    for regime in (
        _worldwide("ANSR-ABSLDEC", -2.29, 560, 1.01),
        _worldwide("ANSR-ABSLOCB", -2.82, 890, 0.64),
        _worldwide("ANSR-ABSLSHC", -2.85, 800, 1.06),
        _worldwide("ANSR-DEEPCON", -2.13, 250, 0.98),
        _worldwide("ANSR-HOTSPOT", -3.00, 680, 1.12),
        _worldwide("ANSR-OCEANBD", -3.19, 500, 1.08),
        _worldwide("ANSR-SHALCON", -2.42, 570, 0.98),
        _worldwide("SCR-GENERIC", -2.85, 870, 0.73),
        _worldwide("SCR-ABVSLAB", -2.85, 870, 0.73),
        _worldwide("SOR-GENERIC", -3.04, 650, 0.97),
        _worldwide("SOR-ABVSLAB", -3.04, 650, 0.97),
        _worldwide("SZ-GENERIC", -2.47, 570, 0.88),
        _worldwide("SZ-INLBACK", -2.43, 640, 0.86),
        _worldwide("SZ-ONSHORE", -2.34, 500, 0.81),
        _worldwide("SZ-OUTERTR", -2.42, 540, 0.92),
        _californian("CAL-SCSN", -2.30, 0.50, 0.83, 0.0033),
        _californian("CAL-NCSS", -2.64, 0.48, 0.96, 0.012),
        _californian("CAL-MENDOCINO", -3.18, 0.47, 1.15, 0.050),
        _californian("CAL-HYDROTHERMAL", -1.79, 0.29, 0.94, 0.026),
    )
}

Polygon = Sequence[tuple[float, float]]

_CALIFORNIA: Final[Sequence[tuple[RegimeName, Polygon]]] = (
    ("CAL-HYDROTHERMAL", ((37.25, -119.25), (37.25, -118.25), (37.825, -118.25), (37.825, -119.25))),
    ("CAL-HYDROTHERMAL", ((32.9, -115.3), (33.3, -115.3), (33.3, -116.0), (32.9, -116.0))),
    ("CAL-HYDROTHERMAL", ((35.55, -117.5), (36.3, -117.5), (36.3, -118.2), (35.55, -118.2))),
    ("CAL-MENDOCINO", ((39.75, -125.3), (39.75, -123.0), (42.1, -123.0), (43.0, -125.0), (40.0, -125.5))),
    (
        "CAL-NCSS",
        ((34.5, -121.25), (37.2167, -118.0167), (37.75, -118.25), (37.75, -119.5), (39.5, -120.75),
         (42.0, -121.4167), (42.0, -122.7), (42.1, -123.0), (39.75, -123.0), (39.75, -125.3)),
    ),
    (
        "CAL-SCSN",
        ((35.8, -116.4), (34.0815, -114.4717), (32.0, -114.3333), (32.0, -120.5), (34.5, -121.25),
         (37.2167, -118.0167), (36.6847, -117.793)),
    ),
)  # fmt: skip

_WORLD: Final = Completeness(region="world", f=0.5, g=0.25, h=1.0, catalogue=4.6)
_CALIFORNIAN: Final = Completeness(region="California", f=1.0, g=4.5, h=0.75, catalogue=3.0)
_DENSE: Final[Sequence[tuple[Completeness, Polygon]]] = (
    *((_CALIFORNIAN, polygon) for _, polygon in _CALIFORNIA),
    (
        Completeness(region="Alaska", f=1.0, g=4.5, h=0.75, catalogue=3.5),
        ((54.685, -129.16), (59.7916, -135.4762), (59.11, -136.98), (60.5741, -141.0023), (71.77, -141.0023),
         (71.77, -162.51), (59.98, -175.08), (49.55, -193.01), (49.55, -166.64), (57.66, -142.29),
         (54.685, -134.87)),
    ),
    (
        Completeness(region="Hawaii", f=1.0, g=4.5, h=0.75, catalogue=3.0),
        ((15.45, -153.9), (22.02, -151.52), (31.88, -179.9999), (24.93, -179.9999)),
    ),
    (
        Completeness(region="Puerto Rico", f=0.5, g=0.25, h=1.0, catalogue=3.5),
        ((19.68, -68.12), (16.97, -68.12), (16.97, -64.29), (18.13, -64.29), (18.62, -65.07),
         (19.68, -65.07)),
    ),
    (
        Completeness(region="USA", f=0.5, g=0.25, h=1.0, catalogue=3.5),
        ((24.0959, -80.1764), (26.08, -98.83), (29.72, -101.37), (28.84, -103.71), (31.7834, -106.5366),
         (31.7834, -108.2077), (31.3323, -108.2077), (31.3323, -111.0748), (32.4938, -114.8135),
         (32.7175, -114.7423), (31.5216, -130.1218), (49.217, -130.4154), (48.2152, -123.3628),
         (49.0025, -122.8964), (49.0, -95.1952), (48.17, -87.21), (44.84, -81.39), (41.67, -83.06),
         (44.11, -76.42), (45.0, -74.98), (45.0134, -71.5528), (47.4598, -69.2244), (47.4, -67.94),
         (42.88, -66.2)),
    ),
)  # fmt: skip


def choose_regime(latitude: float, longitude: float, depth_km: float | None) -> tuple[Regime, str]:
    """The regime of an earthquake, and how it was chosen, in words for the user.

    California's come from the USGS's polygons. Elsewhere the map of regimes that the USGS uses isn't part of
    this package: a shallow earthquake counts as one of an active continent, a deeper one as one of a
    subduction zone.
    """
    for name, polygon in _CALIFORNIA:
        if _inside(latitude, longitude, polygon):
            return REGIMES[name], "the USGS's region of California around it"
    if depth_km is not None and depth_km >= DEEP_KM:
        return REGIMES["SZ-GENERIC"], f"by its depth of {depth_km:.0f} km alone; the regime may be another"
    depth = "an unknown depth" if depth_km is None else f"its depth of {depth_km:.0f} km"
    return REGIMES["ANSR-SHALCON"], f"by {depth} alone; the regime may be another"


def completeness(latitude: float, longitude: float) -> Completeness:
    """How complete the catalogue is at a place."""
    for found, polygon in _DENSE:
        if _inside(latitude, longitude, polygon):
            return found
    return _WORLD


def _inside(latitude: float, longitude: float, polygon: Polygon) -> bool:
    """Whether a place lies in a polygon whose sides are straight on a Mercator map."""
    points = [(x, _mercator(y)) for y, x in polygon]
    height = _mercator(latitude)
    return any(_crossings(longitude + turn, height, points) % 2 for turn in (-360.0, 0.0, 360.0))


def _crossings(x: float, y: float, points: Sequence[tuple[float, float]]) -> int:
    count = 0
    for (x1, y1), (x2, y2) in zip(points, (*points[1:], points[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            count += 1
    return count


def _mercator(latitude: float) -> float:
    return math.asinh(math.tan(math.radians(max(-89.9, min(89.9, latitude)))))
