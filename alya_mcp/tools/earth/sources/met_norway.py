"""MET Norway's Locationforecast: the current hour's weather anywhere on earth, free for any use.

https://api.met.no/weatherapi/locationforecast/2.0/documentation; CC BY 4.0. It refuses who doesn't say how to
reach them (403), and coordinates of more than four decimals; it wants its Expires and Last-Modified honoured.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alya_mcp.net.answers import Body, ChangedShape, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.earth.logic.sky import Sky, of_met_symbol
from alya_mcp.tools.earth.sources.fdsn import moment

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

MET_NORWAY: Final = SOURCES["met_norway"]


class _Details(Shape):
    air_temperature: float
    relative_humidity: float | None = None
    air_pressure_at_sea_level: float | None = None
    cloud_area_fraction: float | None = None
    wind_from_direction: float | None = None
    wind_speed: float | None = None
    wind_speed_of_gust: float | None = None
    ultraviolet_index_clear_sky: float | None = None


class _Instant(Shape):
    details: _Details


class _Summary(Shape):
    symbol_code: Annotated[str, Field(max_length=60)]


class _Amount(Shape):
    precipitation_amount: float | None = None


class _Next(Shape):
    summary: _Summary
    details: _Amount = _Amount()


class _Data(Shape):
    instant: _Instant
    next_1_hours: _Next | None = None
    next_6_hours: _Next | None = None


class _Hour(Shape):
    time: str
    data: _Data


class _Properties(Shape):
    timeseries: Records[_Hour]


class _Forecast(Shape):
    properties: _Properties


async def now(http: "Http", latitude: float, longitude: float, *, at: datetime) -> Fetched[Sky]:
    """The weather of the hour nearest to `at` at a place. Its UV index is that of a clear sky."""
    answer = await http.get(
        MET_NORWAY,
        "/weatherapi/locationforecast/2.0/complete",
        {"lat": f"{latitude:.4f}", "lon": f"{longitude:.4f}"},
        read=_hours,
        fresh_for=300,
        stale_for=12 * 3600,
        deadline=8,
    )
    return answer.map(lambda hours: _sky(hours, at))


def _hours(body: Body) -> list[tuple[datetime, _Hour]]:
    return body.made(body.json(_Forecast).properties.timeseries, lambda hour: (moment(hour.time), hour))


def _sky(hours: list[tuple[datetime, _Hour]], at: datetime) -> Sky:
    if not hours:
        raise ChangedShape(MET_NORWAY, "answers a forecast without hours; call again later")
    time, hour = min(hours, key=lambda each: abs(each[0] - at))
    ahead = hour.data.next_1_hours or hour.data.next_6_hours
    if ahead is None or abs(time - at) > timedelta(hours=13):
        raise ChangedShape(MET_NORWAY, "answers a forecast that doesn't reach to now; call again later")
    try:
        condition, icon = of_met_symbol(ahead.summary.symbol_code)
    except KeyError:
        raise ChangedShape(MET_NORWAY, "answers an unknown weather symbol; call again later") from None
    details = hour.data.instant.details
    hourly = hour.data.next_1_hours
    return Sky(
        time=time.astimezone(UTC),
        temperature_c=details.air_temperature,
        feels_like_c=None,
        humidity_pct=details.relative_humidity,
        uv_index=details.ultraviolet_index_clear_sky,
        uv_clear_sky=True,
        condition=condition,
        icon=icon,
        cloud_pct=details.cloud_area_fraction,
        precipitation_mm=hourly.details.precipitation_amount if hourly else None,
        pressure_hpa=details.air_pressure_at_sea_level,
        wind_ms=details.wind_speed,
        wind_from_deg=details.wind_from_direction,
        gust_ms=details.wind_speed_of_gust,
    )
