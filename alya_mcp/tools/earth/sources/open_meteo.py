"""Open-Meteo: places by name in any language, and current weather from the best model for a place.

https://open-meteo.com/en/docs and https://open-meteo.com/en/docs/geocoding-api; CC BY 4.0, the free service
for non-commercial use: 600 requests a minute, 10,000 a day.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alya_mcp.net.answers import Body, ChangedShape, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.earth.logic.sky import Sky, of_wmo_code

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

OPEN_METEO: Final = SOURCES["open_meteo"]
GEOCODING: Final = SOURCES["open_meteo_geocoding"]
_CURRENT: Final = (
    "temperature_2m,relative_humidity_2m,apparent_temperature,is_day,precipitation,weather_code,cloud_cover,"
    "pressure_msl,wind_speed_10m,wind_direction_10m,wind_gusts_10m,uv_index"
)
_NAME: Final = 100
_PLACES: Final = 50

PlaceName = Annotated[str, Field(max_length=_NAME)]


class GeoName(Shape):
    """A place by the name of GeoNames; `admin1` is its province or state."""

    name: PlaceName
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    country: PlaceName | None = None
    country_code: Annotated[str, Field(max_length=2)] | None = None
    admin1: PlaceName | None = None
    timezone: PlaceName | None = None


class _Places(Shape):
    results: Records[GeoName] = Field(default_factory=list[GeoName])
    generationtime_ms: float


class _Current(Shape):
    time: str
    temperature_2m: float
    relative_humidity_2m: float | None = None
    apparent_temperature: float | None = None
    is_day: int
    precipitation: float | None = None
    weather_code: int
    cloud_cover: float | None = None
    pressure_msl: float | None = None
    wind_speed_10m: float | None = None
    wind_direction_10m: float | None = None
    wind_gusts_10m: float | None = None
    uv_index: float | None = None


class _Forecast(Shape):
    utc_offset_seconds: int
    current: _Current


async def places(http: "Http", name: str, *, language: str) -> Fetched[list[GeoName]]:
    """Places called `name`, the most likely first, named in `language`; kept for 30 days."""
    return await http.get(
        GEOCODING,
        "/v1/search",
        {"name": name, "count": _PLACES, "language": language, "format": "json"},
        read=_read_places,
        fresh_for=7 * 86_400,
        stale_for=30 * 86_400 - 1,
        deadline=8,
    )


async def now(http: "Http", latitude: float, longitude: float) -> Fetched[Sky]:
    """The weather of this quarter of an hour at a place, as a model has it."""
    return await http.get(
        OPEN_METEO,
        "/v1/forecast",
        {
            "latitude": f"{latitude:.4f}",
            "longitude": f"{longitude:.4f}",
            "current": _CURRENT,
            "wind_speed_unit": "ms",
            "timezone": "UTC",
            "forecast_days": 1,
        },
        read=_sky,
        fresh_for=300,
        stale_for=12 * 3600,
        deadline=8,
    )


def _read_places(body: Body) -> list[GeoName]:
    return body.json(_Places).results


def _sky(body: Body) -> Sky:
    forecast = body.json(_Forecast)
    current = forecast.current
    try:
        local = datetime.fromisoformat(current.time).replace(tzinfo=UTC)
        condition, icon = of_wmo_code(current.weather_code, day=current.is_day == 1)
    except ValueError:
        raise ChangedShape(OPEN_METEO, "changed its shape: field current.time isn't a time") from None
    except KeyError:
        raise ChangedShape(
            OPEN_METEO, f"answers the unknown weather code {current.weather_code}; call again later"
        ) from None
    return Sky(
        time=local - timedelta(seconds=forecast.utc_offset_seconds),
        temperature_c=current.temperature_2m,
        feels_like_c=current.apparent_temperature,
        humidity_pct=current.relative_humidity_2m,
        uv_index=current.uv_index,
        uv_clear_sky=False,
        condition=condition,
        icon=icon,
        cloud_pct=current.cloud_cover,
        precipitation_mm=current.precipitation,
        pressure_hpa=current.pressure_msl,
        wind_ms=current.wind_speed_10m,
        wind_from_deg=current.wind_direction_10m,
        gust_ms=current.wind_gusts_10m,
    )
