"""alya_seismic_forecast: both parts, what they rest on, and what it does without them."""

import re
from datetime import UTC, datetime
from typing import Any

import earth_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Ask, Clock

from alya_mcp.errors import Unavailable
from alya_mcp.net.client import Http
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.earth.forecast import ForecastRequest, forecast_within
from alya_mcp.tools.earth.forecast import alya_seismic_forecast as tool
from alya_mcp.tools.earth.logic.aftershocks import Sequence
from alya_mcp.tools.earth.logic.quakes import distance_km
from alya_mcp.tools.earth.logic.regimes import REGIMES
from alya_mcp.tools.earth.sources import catalogues
from alya_mcp.tools.earth.sources.usgs import USGS

pytestmark = pytest.mark.anyio
QUERY = "/fdsnws/event/1/query"
PLACE = {"latitude": 37.2, "longitude": 37.0}
DAY = 86_400
MAIN = answers.usgs_feature("us7000main", mag=7.0, seconds_ago=2 * DAY, lat=37.2, lon=37.0, depth=10)


def catalogue(years: float = 25, every: float = 120) -> str:
    """A quake of magnitude 5 every so many days, each far from the last in time and place."""
    numbers = range(1, int(years * 365 / every))
    return answers.fdsn(
        *(
            answers.fdsn_line(
                f"us{n}", 5.0, 400 * DAY + n * every * DAY * 0.95, lat=37.2 + 0.4 * (n % 5 - 2), lon=37.0
            )
            for n in numbers
        )
    )


def fits(feature: dict[str, Any], query: dict[str, str]) -> bool:
    """Whether the USGS would list a feature."""
    longitude, latitude, _ = feature["geometry"]["coordinates"]
    apart = distance_km(float(query["latitude"]), float(query["longitude"]), latitude, longitude)
    return apart <= float(query["maxradiuskm"]) and feature["properties"]["mag"] >= float(
        query["minmagnitude"]
    )


def script(source: LoopbackSource, *features: dict[str, Any], official: Any = None) -> None:
    def query(asked: Asked) -> Reply:
        if asked.query["format"] == "text":
            return Reply(catalogue())
        if "eventid" in asked.query:
            return Reply(official)
        return Reply(answers.usgs(*(each for each in features if fits(each, asked.query))))

    source.on(QUERY, query)


async def test_a_quiet_region_has_its_background_alone(ask: Ask, source: LoopbackSource) -> None:
    script(source)
    answer = await ask(tool, **PLACE)
    Draft202012Validator(tool.output_schema).validate(answer)
    assert "not a prediction" in answer["notice"]
    assert answer["regime"] is answer["parameters"] is answer["official"] is None
    assert [row["magnitude"] for row in answer["magnitudes"]] == [4, 5, 6, 7, 8]
    for row in answer["magnitudes"]:
        assert row["aftershocks"] is None
        assert row["background"] == {
            "expectedCount": row["expectedCount"],
            "probability": row["probability"],
        }
    found = answer["background"]
    assert (found["completeness"], found["region"], found["bEstimated"]) == (4.6, "world", True)
    five = answer["magnitudes"][1]
    assert 0 < five["probability"] < 0.1
    assert five["interval"]["low"] == 0
    assert {float(asked.query["minmagnitude"]) for asked in source.asked} == {4.6, 8.0}
    assert len(source.asked) == 3


async def test_a_great_earthquake_far_away_is_the_mainshock_where_its_area_reaches(
    ask: Ask, source: LoopbackSource
) -> None:
    """Tohoku's of 2011, 373 km from Tokyo, and its largest aftershock, nearer by."""
    main = answers.usgs_feature("usgreat", mag=9.1, seconds_ago=DAY, lat=38.297, lon=142.373, depth=29)
    after = answers.usgs_feature("usafter", mag=7.9, seconds_ago=DAY - 1700, lat=36.28, lon=141.11, depth=43)
    far = answers.usgs_feature("usfar", mag=8.0, seconds_ago=DAY, lat=45.0, lon=150.0, depth=10)
    script(source, main, after, far)
    answer = await ask(tool, latitude=35.68, longitude=139.69)
    assert [(each["role"], each["magnitude"]) for each in answer["events"]] == [
        ("mainshock", 9.1), ("aftershock", 7.9),
    ]  # fmt: skip
    assert 0 < answer["parameters"]["share"] < 0.1


async def test_a_sequence_under_way_is_added_and_updated(ask: Ask, source: LoopbackSource) -> None:
    after = [
        answers.usgs_feature(f"usa{n}", mag=5.0 + n / 10, seconds_ago=DAY - 3600 * n, lat=37.3, lon=37.1)
        for n in range(8)
    ]
    elsewhere = answers.usgs_feature("usfar", mag=6.0, seconds_ago=DAY, lat=38.9, lon=38.0)
    script(source, MAIN, *after, elsewhere)
    answer = await ask(tool, **PLACE, minMagnitude=5)
    assert (answer["regime"], answer["parameters"]["observed"]) == ("ANSR-SHALCON", 8)
    assert "depth of 10 km" in answer["regimeChosen"]
    assert answer["parameters"]["genericAMean"] == -2.42
    assert answer["parameters"]["aMean"] != pytest.approx(-2.42, abs=1e-3)
    assert [event["role"] for event in answer["events"]] == ["mainshock"] + ["aftershock"] * 8
    assert answer["events"][1]["magnitude"] == 5.7
    for row in answer["magnitudes"]:
        quiet, after_ = row["background"], row["aftershocks"]
        assert row["expectedCount"] == pytest.approx(quiet["expectedCount"] + after_["expectedCount"])
        assert row["probability"] == pytest.approx(
            1 - (1 - quiet["probability"]) * (1 - after_["probability"])
        )
        assert row["interval"]["low"] <= row["interval"]["median"] <= row["interval"]["high"]
    shares = [row["probability"] for row in answer["magnitudes"]]
    assert shares == sorted(shares, reverse=True)


async def test_without_observed_aftershocks_in_a_day_the_forecast_is_below_the_generic_one(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, MAIN)
    answer = await ask(tool, **PLACE, minMagnitude=5, radiusKm=100, hours=168)
    generic = Sequence.generic(7.0, REGIMES["ANSR-SHALCON"]).counts(5, 2, 9)
    assert answer["magnitudes"][0]["aftershocks"]["expectedCount"] < generic.mean
    assert answer["parameters"]["share"] == 1.0


async def test_only_the_part_of_the_area_that_is_asked_about_counts(ask: Ask, source: LoopbackSource) -> None:
    script(source, MAIN)
    whole = await ask(tool, **PLACE, minMagnitude=5, radiusKm=100)
    part = await ask(tool, **PLACE, minMagnitude=5, radiusKm=20)
    share = part["parameters"]["share"]
    assert share == pytest.approx((20 / whole["parameters"]["areaRadiusKm"]) ** 2)
    parts = [each["magnitudes"][0]["aftershocks"]["expectedCount"] for each in (whole, part)]
    assert parts[1] == pytest.approx(share * parts[0], rel=1e-3)


async def test_the_caller_may_know_the_regime(ask: Ask, source: LoopbackSource) -> None:
    script(source, MAIN)
    answer = await ask(tool, **PLACE, regime="ANSR-ABSLDEC")
    assert (answer["regime"], answer["regimeChosen"]) == ("ANSR-ABSLDEC", "as the caller asked")


async def test_the_official_forecast_stands_beside_ours(ask: Ask, source: LoopbackSource) -> None:
    main = answers.usgs_feature(
        "us7000main", mag=7.0, seconds_ago=2 * DAY, lat=37.2, lon=37.0, types=",oaf,origin,"
    )
    script(source, main, official=answers.usgs_detail(answers.OAF_INLINE))
    answer = await ask(tool, **PLACE)
    official = answer["official"]
    assert official["expired"] is False
    assert [(row["window"], row["magnitude"], row["probability"]) for row in official["rows"]] == [
        ("1 Week", 3, 0.99),
        ("1 Week", 5, 0.21),
    ]
    assert answer["officialProblem"] is None


@pytest.mark.parametrize(
    ("products", "problem"),
    [
        ({"oaf": [{"status": "UPDATE", "contents": {"": {"bytes": "{}"}}}]}, "USGS changed its shape"),
        (
            {"oaf": [{"status": "UPDATE", "contents": {"forecast.xml": {"url": "x"}}}]},
            "USGS lists an official",
        ),
        ({"oaf": [{"status": "DELETE", "contents": {}}]}, None),
        ({}, None),
    ],
)
async def test_an_official_forecast_that_cant_be_read_is_said_and_ours_stays(
    ask: Ask, source: LoopbackSource, products: Any, problem: str | None
) -> None:
    main = answers.usgs_feature("us7000main", mag=7.0, seconds_ago=DAY, lat=37.2, lon=37.0, types=",oaf,")
    script(source, main, official=answers.usgs_detail(products))
    answer = await ask(tool, **PLACE)
    assert answer["official"] is None
    assert (answer["officialProblem"] or "").startswith(problem or "")
    assert (answer["officialProblem"] is None) == (problem is None)
    assert answer["magnitudes"][0]["aftershocks"] is not None


async def test_an_official_forecast_in_a_file_of_its_own_is_fetched(ask: Ask, source: LoopbackSource) -> None:
    main = answers.usgs_feature("us7000main", mag=7.0, seconds_ago=DAY, lat=37.2, lon=37.0, types=",oaf,")
    contents = {"other.xml": {"url": "x"}, "forecast.json": {"url": f"{USGS.url}/product/forecast.json"}}
    listed = {"oaf": [{"status": "UPDATE", "contents": contents}]}
    script(source, main, official=answers.usgs_detail(listed))
    source.on("/product/forecast.json", Reply(answers.OAF))
    answer = await ask(tool, **PLACE)
    assert [row["magnitude"] for row in answer["official"]["rows"]] == [3, 5]


async def test_without_the_usgs_the_emsc_is_asked_and_it_is_said(ask: Ask, source: LoopbackSource) -> None:
    quake = answers.emsc_feature("e1", mag=6.5, seconds_ago=3 * DAY, lat=37.2, lon=37.0)

    def query(asked: Asked) -> Reply:
        if "maxradiuskm" in asked.query:
            return Reply(status=503)
        assert asked.query["lat"] == "37.2"
        return Reply(answers.emsc(quake))

    source.on(QUERY, query)
    answer = await ask(tool, **PLACE)
    assert {(each["source"], each["fallback"]) for each in answer["sources"]} == {("EMSC", True)}
    assert answer["events"][0]["magnitude"] == 6.5
    assert answer["parameters"]["observed"] == 0


async def test_a_forecast_from_an_old_list_says_what_it_cant_know(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    script(source)
    now = await ask(tool, **PLACE)
    assert (now["complete"], "know nothing of" in now["notice"]) == (True, False)
    clock.ahead = 6 * 3600
    source.bad_day = BAD_DAYS["500"]
    later = await ask(tool, **PLACE)
    assert later["complete"] is False
    assert re.search(r"know nothing of earthquakes since 20\d\d-\d\d-\d\d \d\d:\d\d UTC", later["notice"])
    clock.ahead = 2 * DAY
    with pytest.raises(Unavailable, match="No source answered"):
        await ask(tool, **PLACE)


async def test_without_any_catalogue_there_is_no_forecast(ask: Ask, source: LoopbackSource) -> None:
    source.on(QUERY, Reply(status=503))
    with pytest.raises(Unavailable, match="EMSC"):
        await ask(tool, **PLACE)


async def test_a_catalogue_that_is_cut_counts_from_where_it_begins(
    http: Http, source: LoopbackSource
) -> None:
    """The newest 20,000 events of a dense network don't reach back 25 years."""
    script(source)
    asked = datetime(2000, 1, 1, tzinfo=UTC)
    whole = await catalogues.over_years(http, 37.2, 37.0, radius_km=100, since=asked, magnitude=4.6)
    oldest = min(quake.time for quake in whole.value)
    assert len(whole.value) == 75
    assert catalogues.since_when(whole, asked) == asked
    assert catalogues.since_when(whole, asked, most=75) == oldest > asked


async def test_catalogues_that_answer_too_slowly_end_a_forecast_in_time(
    context: Context, source: LoopbackSource
) -> None:
    script(source)
    source.gate.clear()
    try:
        with pytest.raises(Unavailable, match=r"\b0\.1\b"):
            await forecast_within(0.1, ForecastRequest.model_validate(PLACE), context)
    finally:
        source.gate.set()
