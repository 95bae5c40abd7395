"""`alya_weather_now`: the current weather of a city."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.errors import InvalidInput
from alya_mcp.net.answers import Fetched, first_answer
from alya_mcp.text.folding import fold, language_of
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.provenance import Provenance, provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.earth.logic.sky import Icon, Sky

if TYPE_CHECKING:
    from alya_mcp.net.client import Http
    from alya_mcp.tools.earth.sources.open_meteo import GeoName

_OTHER_PLACES = 4


class WeatherRequest(Input):
    """Which city."""

    city: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        description="Name of the city in any language; add a province or country after a comma where several "
        "have it, such as 'Springfield, Missouri'."
    )


class NamedPlace(Output):
    """A place by its name."""

    name: str = Field(description="Name.")
    admin: str | None = Field(description="Province or state.")
    country: str | None = Field(description="Country.")
    latitude: float = Field(description="Latitude in degrees.")
    longitude: float = Field(description="Longitude in degrees.")
    timezone: str | None = Field(description="Time zone, such as Europe/Istanbul.")


class WeatherNow(Output):
    """The weather of a city."""

    place: NamedPlace = Field(description="The place that the name was taken for.")
    other_places: list[NamedPlace] = Field(description="Others of that name, when it could be meant.")
    temperature_c: float = Field(description="Air temperature in degrees Celsius, 2 m above ground.")
    feels_like_c: float | None = Field(description="Apparent temperature in degrees Celsius.")
    humidity_pct: float | None = Field(description="Relative humidity in percent.")
    uv_index: float | None = Field(description="UV index; see uvClearSky.")
    uv_clear_sky: bool = Field(description="True when uvIndex is that of a cloudless sky.")
    condition: str = Field(description="The weather in words.")
    icon: Icon = Field(description="Name of a picture for it.")
    cloud_pct: float | None = Field(description="Share of the sky under clouds in percent.")
    precipitation_mm: float | None = Field(description="Rain and melted snow of the interval in mm.")
    pressure_hpa: float | None = Field(description="Air pressure at sea level in hPa.")
    wind_ms: float | None = Field(description="Wind speed in m/s, 10 m above ground.")
    wind_from_deg: float | None = Field(description="Where the wind comes from: 0 north, 90 east.")
    gust_ms: float | None = Field(description="Gusts in m/s.")
    observed_at: AwareDatetime = Field(description="The moment that the values are for (UTC).")
    basis: Literal["model"] = Field(description="model: a weather model's values, not a station's reading.")
    source: str = Field(description="Who gave the weather.")
    fetched_at: AwareDatetime = Field(description="When it was fetched (UTC).")
    sources: list[Provenance] = Field(description="Who gave the weather and the place.")


@tool(
    title="Weather now",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def alya_weather_now(arguments: WeatherRequest, context: Context) -> WeatherNow:
    """Tell the current weather of a city: temperature, humidity, wind, UV index and condition.

    Use it for "what's the weather in ..." about now. It has no forecast, no past and no warnings; use
    web_search for those. Names work in any language, with or without their special letters. Where several
    places share a name the best-known one is taken: `place` says which, `otherPlaces` which others there are;
    call again with a province or country after a comma to choose.

    Returns metric values with the moment they are for. They are a weather model's values for the place, not a
    station's reading. `sources` says who gave them, when, and whether they are a kept answer. An answer
    is kept for five minutes.
    """
    from alya_mcp.tools.earth.sources import met_norway, open_meteo

    http, now = context.hub.http, datetime.now(UTC)
    found, others, resolved = await _find_place(http, arguments.city)
    attempts: list[Callable[[], Awaitable[Fetched[Sky]]]] = [
        partial(open_meteo.now, http, found.latitude, found.longitude)
    ]
    if context.hub.settings.contact is not None:
        attempts.insert(0, partial(met_norway.now, http, found.latitude, found.longitude, at=now))
    answer = await first_answer(attempts)
    sky = answer.value
    return WeatherNow(
        place=_named(found),
        other_places=[_named(other) for other in others],
        temperature_c=sky.temperature_c,
        feels_like_c=sky.feels_like_c,
        humidity_pct=sky.humidity_pct,
        uv_index=sky.uv_index,
        uv_clear_sky=sky.uv_clear_sky,
        condition=sky.condition,
        icon=sky.icon,
        cloud_pct=sky.cloud_pct,
        precipitation_mm=sky.precipitation_mm,
        pressure_hpa=sky.pressure_hpa,
        wind_ms=sky.wind_ms,
        wind_from_deg=sky.wind_from_deg,
        gust_ms=sky.gust_ms,
        observed_at=sky.time,
        basis="model",
        source=answer.source.title,
        fetched_at=answer.fetched_at,
        sources=[provenance(answer), provenance(resolved)],
    )


async def _find_place(http: "Http", city: str) -> "tuple[GeoName, list[GeoName], Fetched[list[GeoName]]]":
    """The place meant by `city`, others of the name, and where that was looked up."""
    from alya_mcp.tools.earth.sources import open_meteo

    name, _, region = (part.strip() for part in city.partition(","))
    if len(name) < 2:
        raise InvalidInput(f"city is {city!r}; it takes a name of two letters or more")
    seen: list[str] = []
    language = language_of(city)
    # A region is compared in the language that places are named in, and many a language has Turkish letters.
    tries = [(name, language), (fold(name), language), *([(name, "en")] if region else [])]
    for spelling, named_in in dict.fromkeys(tries):
        answer = await open_meteo.places(http, spelling, language=named_in)
        fitting = [place for place in answer.value if _fits(place, region)]
        if fitting:
            return fitting[0], _others(fitting), answer
        seen += [_words(place) for place in answer.value]
    if seen:
        listed = "; ".join(dict.fromkeys(seen[:5]))
        raise InvalidInput(
            f"none of the best-known places called {name!r} is in {region!r}; there are: {listed}"
        )
    raise InvalidInput(f"no place called {name!r} is known; check the spelling, or name the nearest city")


def _fits(place: "GeoName", region: str) -> bool:
    """Whether it lies in `region`: a province, a country, or both with a comma between."""
    named = {fold(each) for each in (place.country, place.country_code, place.admin1) if each}
    return not region or all(fold(part) in named for part in region.split(","))


def _others(fitting: "Sequence[GeoName]") -> "list[GeoName]":
    first = fold(fitting[0].name)
    return [place for place in fitting[1:] if fold(place.name) == first][:_OTHER_PLACES]


def _words(place: "GeoName") -> str:
    return ", ".join(part for part in (place.name, place.admin1, place.country) if part)


def _named(place: "GeoName") -> NamedPlace:
    return NamedPlace(
        name=place.name,
        admin=place.admin1,
        country=place.country,
        latitude=place.latitude,
        longitude=place.longitude,
        timezone=place.timezone,
    )
