"""The US Geological Survey: feeds of recent earthquakes, its catalogue, its official aftershock forecasts.

https://earthquake.usgs.gov/fdsnws/event/1/ and https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php;
public domain. Feeds are renewed every minute, and too many requests are answered with 429.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from alya_mcp.net.answers import Body, ChangedShape, Fetched, Shape, SourceFailed
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.sources import fdsn

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

USGS: Final = SOURCES["usgs"]
_FEEDS: Final = ((4.5, "4.5"), (2.5, "2.5"), (1.0, "1.0"))
_SPANS: Final = ((1, "hour"), (24, "day"), (168, "week"), (720, "month"))
_QUERY: Final = "/fdsnws/event/1/query"
_LARGEST: Final = 16 << 20
MOST_EVENTS: Final = 20_000
"""Events of one answer at most; the newest ones, where there are more."""

Milliseconds = Annotated[int, Field(ge=-10_000_000_000_000, le=10_000_000_000_000)]
Coordinates = Annotated[list[float | None], Field(min_length=2)]


class _Properties(Shape):
    mag: float | None
    place: str | None
    time: Milliseconds
    url: str | None = None
    status: str | None = None
    type: str | None = None
    types: str | None = None
    mag_type: str | None = Field(None, alias="magType")


class _Geometry(Shape):
    coordinates: Coordinates


class _Feature(Shape):
    id: str
    properties: _Properties
    geometry: _Geometry


class _Collection(Shape):
    type: Literal["FeatureCollection"]
    features: Records[_Feature]


class OfficialBin(Shape):
    """One magnitude of one window: the chance of one or more, and the 95 % range of their number."""

    magnitude: float
    probability: float
    p95minimum: float | None = None
    p95maximum: float | None = None
    median: float | None = None


class OfficialWindow(Shape):
    """One window of an official forecast."""

    start: Milliseconds = Field(alias="timeStart")
    end: Milliseconds = Field(alias="timeEnd")
    label: str = ""
    bins: list[OfficialBin]


class OfficialForecast(Shape):
    """An aftershock forecast that the USGS published; times in milliseconds since 1970."""

    created: Milliseconds = Field(alias="creationTime")
    expires: Milliseconds = Field(alias="expireTime")
    windows: list[OfficialWindow] = Field(alias="forecast")


class _Product(Shape):
    status: str = "UPDATE"
    contents: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])


class _DetailProperties(Shape):
    products: dict[str, list[_Product]]


class _Detail(Shape):
    properties: _DetailProperties


async def recent(http: "Http", *, hours: float, magnitude: float) -> Fetched[list[Quake]]:
    """Earthquakes of the world of the last `hours`, and possibly older and smaller ones than asked for."""
    size = next((name for least, name in _FEEDS if magnitude >= least), "all")
    span = next(name for longest, name in _SPANS if hours <= longest)
    return await http.get(
        USGS,
        f"/earthquakes/feed/v1.0/summary/{size}_{span}.geojson",
        read=_quakes,
        fresh_for=60,
        stale_for=7 * 86_400,
        largest=_LARGEST,
    )


async def around(
    http: "Http", latitude: float, longitude: float, *, radius_km: float, since: datetime, magnitude: float
) -> Fetched[list[Quake]]:
    """Earthquakes of `magnitude` or more within `radius_km` since a time."""
    params = _circle(latitude, longitude, radius_km, since, magnitude)
    return await http.get(
        USGS,
        _QUERY,
        {"format": "geojson", **params},
        read=_quakes,
        fresh_for=300,
        stale_for=86_400,
        deadline=12,
        largest=_LARGEST,
    )


async def catalogue(
    http: "Http", latitude: float, longitude: float, *, radius_km: float, since: datetime, magnitude: float
) -> Fetched[list[Quake]]:
    """The same as `around` over many years, in the smaller text format, renewed once a week."""
    params = _circle(latitude, longitude, radius_km, since, magnitude)
    return await http.get(
        USGS,
        _QUERY,
        {"format": "text", "limit": MOST_EVENTS, **params},
        read=fdsn.read_text,
        accept="text/plain",
        fresh_for=7 * 86_400,
        stale_for=90 * 86_400,
        deadline=20,
        largest=_LARGEST,
    )


async def official_forecast(http: "Http", event: str) -> Fetched[OfficialForecast | None]:
    """The newest official aftershock forecast of an event; None when there is none.

    Raises:
        SourceFailed: the USGS doesn't answer, or in another shape.
    """
    detail = await http.get(
        USGS,
        _QUERY,
        {"format": "geojson", "eventid": event},
        read=_read_detail,
        fresh_for=600,
        largest=_LARGEST,
    )
    for product in detail.value.properties.products.get("oaf", []):
        if product.status.upper() != "DELETE":
            return await _forecast(http, detail, product)
    return detail.map(lambda _: None)


async def _forecast(
    http: "Http", detail: Fetched[_Detail], product: _Product
) -> Fetched[OfficialForecast | None]:
    inline = product.contents.get("", {}).get("bytes")
    if isinstance(inline, str):
        try:
            forecast = _FORECAST.validate_json(inline)
        except ValidationError as error:
            where = ".".join(str(step) for step in error.errors()[0]["loc"])
            raise ChangedShape(USGS, f"changed its shape: field {where} of the official forecast") from None
        return detail.map(lambda _: forecast)
    for name, content in product.contents.items():
        url = str(content.get("url", ""))
        if name.endswith(".json") and url.startswith(f"{USGS.url}/"):
            answer = await http.get(USGS, url.removeprefix(USGS.url), read=_read_forecast, fresh_for=600)
            return answer.map(_or_none)
    raise SourceFailed(USGS, "lists an official forecast in a form that this version can't read")


def _read_detail(body: Body) -> _Detail:
    return body.json(_Detail)


def _read_forecast(body: Body) -> OfficialForecast:
    return body.json(OfficialForecast)


def _or_none(forecast: OfficialForecast) -> OfficialForecast | None:
    return forecast


def _circle(
    latitude: float, longitude: float, radius_km: float, since: datetime, magnitude: float
) -> dict[str, str | float]:
    return {
        "latitude": latitude,
        "longitude": longitude,
        "maxradiuskm": radius_km,
        "starttime": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "minmagnitude": magnitude,
        "orderby": "time",
        "eventtype": "earthquake",
    }


def _quakes(body: Body) -> list[Quake]:
    return [] if body.nothing else body.made(body.json(_Collection).features, _quake)


def _quake(feature: _Feature) -> Quake | None:
    properties, (longitude, latitude, *rest) = feature.properties, feature.geometry.coordinates
    status = None if properties.status is None else properties.status.lower()
    if properties.mag is None or status == "deleted" or not fdsn.is_earthquake(properties.type):
        return None
    if latitude is None or longitude is None:
        return None
    return fdsn.possible(
        Quake(
            catalogue=USGS.title,
            id=feature.id,
            time=datetime.fromtimestamp(properties.time / 1000, UTC),
            latitude=latitude,
            longitude=longitude,
            depth_km=rest[0] if rest else None,
            magnitude=properties.mag,
            magnitude_type=properties.mag_type or None,
            place=fdsn.place(properties.place),
            url=properties.url,
            reviewed=None if status is None else status == "reviewed",
            has_forecast=",oaf," in (properties.types or ""),
        )
    )


_FORECAST: Final = TypeAdapter(OfficialForecast)
