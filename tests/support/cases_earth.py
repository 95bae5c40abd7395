"""The sources of earthquakes and weather, for the tests that every source has to pass."""

import os
from datetime import timedelta
from typing import Any

import earth_answers as answers
from source_case import SourceCase

from alya_mcp.net.client import Http
from alya_mcp.tools.earth.logic.quakes import Quake
from alya_mcp.tools.earth.logic.sky import Sky
from alya_mcp.tools.earth.sources import emsc, gfz, met_norway, open_meteo, usgs

ISTANBUL = (41.0138, 28.9497)
LONG_AGO = answers.NOW - timedelta(days=365)


def are_quakes(value: list[Quake]) -> None:
    assert value
    assert all(isinstance(each, Quake) for each in value)
    assert {each.catalogue for each in value} <= {"USGS", "EMSC", "GFZ"}


def is_sky(value: Sky) -> None:
    assert -90 < value.temperature_c < 60
    assert value.condition
    assert abs(value.time - answers.NOW) < timedelta(hours=2)


def are_places(value: list[open_meteo.GeoName]) -> None:
    assert value[0].name == "İstanbul"
    assert value[0].country_code == "TR"


def is_forecast(value: usgs.OfficialForecast | None) -> None:
    assert value is not None
    assert value.windows[0].bins[0].probability == 0.99


def case(name: str, source: Any, ask: Any, answer: dict[str, Any], right: Any, **more: Any) -> SourceCase:
    return SourceCase(name=name, source=source, ask=ask, answers=answer, right=right, **more)


async def usgs_recent(http: Http) -> Any:
    return await usgs.recent(http, hours=24, magnitude=3)


async def usgs_catalogue(http: Http) -> Any:
    return await usgs.catalogue(http, *ISTANBUL, radius_km=300, since=LONG_AGO, magnitude=4)


async def usgs_official(http: Http) -> Any:
    return await usgs.official_forecast(http, "us7000abcd")


async def emsc_recent(http: Http) -> Any:
    return await emsc.recent(http, hours=24, magnitude=3)


async def gfz_recent(http: Http) -> Any:
    return await gfz.recent(http, hours=24, magnitude=3)


async def meteo_now(http: Http) -> Any:
    return await open_meteo.now(http, *ISTANBUL)


async def meteo_places(http: Http) -> Any:
    return await open_meteo.places(http, "İstanbul", language="tr")


async def norway_now(http: Http) -> Any:
    return await met_norway.now(http, *ISTANBUL, at=answers.NOW)


FEED = "/earthquakes/feed/v1.0/summary/2.5_day.geojson"
QUERY = "/fdsnws/event/1/query"

CASES = [
    case(
        "USGS feed",
        usgs.USGS,
        usgs_recent,
        {FEED: answers.usgs(answers.usgs_feature())},
        are_quakes,
        records="features",
    ),
    case(
        "USGS text",
        usgs.USGS,
        usgs_catalogue,
        {QUERY: answers.fdsn(answers.fdsn_line())},
        are_quakes,
        records="lines",
        old=8 * 86_400.0,
    ),
    case(
        "USGS forecast",
        usgs.USGS,
        usgs_official,
        {QUERY: answers.usgs_detail(answers.OAF_INLINE)},
        is_forecast,
        live=False,
    ),
    case(
        "EMSC",
        emsc.EMSC,
        emsc_recent,
        {QUERY: answers.emsc(answers.emsc_feature())},
        are_quakes,
        records="features",
    ),
    case("GFZ", gfz.GFZ, gfz_recent, {QUERY: answers.fdsn(answers.fdsn_line())}, are_quakes, records="lines"),
    case("Open-Meteo", open_meteo.OPEN_METEO, meteo_now, {"/v1/forecast": answers.open_meteo()}, is_sky),
    case(
        "Open-Meteo geocoding",
        open_meteo.GEOCODING,
        meteo_places,
        {"/v1/search": answers.places(answers.ISTANBUL)},
        are_places,
        records="results",
        old=8 * 86_400.0,
    ),
    case(
        "MET Norway",
        met_norway.MET_NORWAY,
        norway_now,
        {"/weatherapi/locationforecast/2.0/complete": answers.met_norway()},
        is_sky,
        records="properties.timeseries",
        live="ALYA_CONTACT" in os.environ,
    ),
]
