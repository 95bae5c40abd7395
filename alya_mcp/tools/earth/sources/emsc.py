"""The European-Mediterranean Seismological Centre: recent earthquakes, strong in Europe and around Türkiye.

https://www.seismicportal.eu/fdsn-wsevent.html; CC BY 4.0. Its JSON has the depth twice: downwards in the
properties, upwards in the coordinates.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.sources import fdsn

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

EMSC: Final = SOURCES["emsc"]
_QUERY: Final = "/fdsnws/event/1/query"
_KM_PER_DEGREE: Final = 111.195
_PER_DAY: Final = 350
_MOST: Final = 2500
MOST_EVENTS: Final = 20_000
_EVENT: Final = "https://www.seismicportal.eu/eventdetails.html?unid="


class _Properties(Shape):
    unid: str
    time: str
    lat: float
    lon: float
    depth: float | None = None
    mag: float | None
    magtype: str | None = None
    flynn_region: str | None = None
    evtype: str | None = None


class _Feature(Shape):
    properties: _Properties


class _Collection(Shape):
    features: Records[_Feature]


def most(hours: float) -> int:
    """How many earthquakes `recent` lists at most."""
    return min(_MOST, (1 if hours <= 24 else 7) * _PER_DAY)


async def recent(http: "Http", *, hours: float, magnitude: float) -> Fetched[list[Quake]]:
    """The newest earthquakes that it lists, as a rule of the last `hours`, some smaller than asked for."""
    least = next((least for least in (4.5, 2.5, 1.0) if magnitude >= least), 0.0)
    return await http.get(
        EMSC,
        _QUERY,
        {"format": "json", "orderby": "time", "limit": most(hours), "minmag": least},
        read=_quakes,
        fresh_for=60,
        stale_for=7 * 86_400,
    )


async def around(
    http: "Http", latitude: float, longitude: float, *, radius_km: float, since: datetime, magnitude: float
) -> Fetched[list[Quake]]:
    """Earthquakes of `magnitude` or more within `radius_km` since a time."""
    return await http.get(
        EMSC,
        _QUERY,
        {
            "format": "json",
            "orderby": "time",
            "limit": MOST_EVENTS,
            "minmag": magnitude,
            "lat": latitude,
            "lon": longitude,
            "maxradius": radius_km / _KM_PER_DEGREE,
            "start": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        },
        read=_quakes,
        fresh_for=300,
        stale_for=86_400,
        deadline=12,
        largest=32 << 20,
    )


def _quakes(body: Body) -> list[Quake]:
    return [] if body.nothing else body.made(body.json(_Collection).features, _quake)


def _quake(feature: _Feature) -> Quake | None:
    properties = feature.properties
    if properties.mag is None or not (properties.evtype or "ke").endswith("e"):
        return None
    return fdsn.possible(
        Quake(
            catalogue=EMSC.title,
            id=properties.unid,
            time=fdsn.moment(properties.time),
            latitude=properties.lat,
            longitude=properties.lon,
            depth_km=properties.depth,
            magnitude=properties.mag,
            magnitude_type=properties.magtype or None,
            place=fdsn.place(properties.flynn_region),
            url=f"{_EVENT}{properties.unid}",
        )
    )
