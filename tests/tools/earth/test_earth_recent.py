"""alya_seismic_recent: three catalogues as one list, whatever state they are in."""

from datetime import datetime

import anyio
import earth_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, LoopbackSource, Reply
from moved import Ask, Clock

from alya_mcp.errors import Unavailable
from alya_mcp.tools.earth.recent import alya_seismic_recent as tool

pytestmark = pytest.mark.anyio
FEED = "/earthquakes/feed/v1.0/summary/2.5_day.geojson"
QUERY = "/fdsnws/event/1/query"


def script(source: LoopbackSource, usgs: object, emsc: object, gfz: object) -> None:
    """EMSC and GFZ are asked under the same path here; their formats tell them apart."""

    def query(asked: object) -> Reply:
        found = emsc if asked.query["format"] == "json" else gfz  # type: ignore[attr-defined]
        return found if isinstance(found, Reply) else Reply(found)

    source.on(FEED, usgs)
    source.on(QUERY, query)


ONE = (
    answers.usgs(answers.usgs_feature()),
    answers.emsc(answers.emsc_feature()),
    answers.fdsn(answers.fdsn_line()),
)


async def test_one_earthquake_in_three_catalogues_is_listed_once(ask: Ask, source: LoopbackSource) -> None:
    script(source, *ONE)
    answer = await ask(tool, minMagnitude=3)
    Draft202012Validator(tool.output_schema).validate(answer)
    (quake,) = answer["quakes"]
    assert quake["sources"] == ["USGS", "GFZ", "EMSC"]
    assert (quake["magnitude"], quake["magnitudeType"], quake["depthKm"]) == (5.1, "mww", 12.3)
    assert [report["magnitude"] for report in quake["reports"]] == [5.1, 5.2, 5.0]
    assert (answer["total"], answer["complete"]) == (1, True)
    assert [each["state"] for each in answer["sources"]] == ["live"] * 3
    assert "CC BY 4.0" in answer["sources"][1]["attribution"]


async def test_the_second_answer_is_kept_and_says_so(ask: Ask, source: LoopbackSource) -> None:
    script(source, *ONE)
    first, second = await ask(tool, minMagnitude=3), await ask(tool, minMagnitude=3)
    assert len(source.asked) == 3
    assert [each["state"] for each in second["sources"]] == ["cached"] * 3
    assert second["quakes"] == first["quakes"]
    assert abs(moment(second["fetchedAt"]) - moment(first["fetchedAt"])) < 1e-3


async def test_fifty_calls_at_once_ask_each_catalogue_once(ask: Ask, source: LoopbackSource) -> None:
    script(source, *ONE)
    source.gate.clear()
    answers_: list[dict[str, object]] = []

    async def one() -> None:
        answers_.append(await ask(tool, minMagnitude=3))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
        for _ in range(3):
            await anyio.to_thread.run_sync(source.arrived.acquire)
        source.gate.set()
    assert len(answers_) == 50
    assert len(source.asked) == 3


async def test_what_is_missing_in_a_report_is_left_out_or_null(ask: Ask, source: LoopbackSource) -> None:
    """USGS: nulls, deleted, quarry blasts; EMSC: the depth's sign, explosions; GFZ: no magnitude."""
    usgs = answers.usgs(
        answers.usgs_feature("us1", mag=None),
        answers.usgs_feature("us2", place=None, depth=None, lat=10),
        answers.usgs_feature("us3", status="DELETED", lat=20),
        answers.usgs_feature("us4", type="quarry blast", lat=30),
    )
    emsc = answers.emsc(
        answers.emsc_feature("e1", lat=-20, depth=33.0),
        answers.emsc_feature("e2", lat=-30, evtype="kx"),
        answers.emsc_feature("e3", lat=-40, mag=None),
    )
    gfz = answers.fdsn(answers.fdsn_line("g1", mag=""), answers.fdsn_line("g2", lat=-60, depth="", kind=""))
    script(source, usgs, emsc, gfz)
    answer = await ask(tool, minMagnitude=3)
    found = {quake["latitude"]: quake for quake in answer["quakes"]}
    assert set(found) == {10, -20, -60}
    assert found[10]["place"] is found[10]["depthKm"] is None
    assert found[-20]["depthKm"] == 33.0
    assert found[-60]["depthKm"] is None


async def test_time_magnitude_and_number_are_bounded(ask: Ask, source: LoopbackSource) -> None:
    old = answers.usgs_feature("us1", seconds_ago=3 * 3600, lat=10)
    small = answers.usgs_feature("us2", mag=2.9, lat=20)
    future = answers.usgs_feature("us3", seconds_ago=-3600, lat=30)
    good = [answers.usgs_feature(f"us{10 + n}", seconds_ago=60 * n + 60, lat=40 + n) for n in range(5)]
    script(source, answers.usgs(old, small, future, *good), answers.NO_CONTENT, answers.NO_CONTENT)
    answer = await ask(tool, hours=2, minMagnitude=3, limit=3)
    assert [quake["latitude"] for quake in answer["quakes"]] == [40, 41, 42]
    assert answer["total"] == 5


async def test_a_list_that_doesnt_reach_back_is_not_complete(ask: Ask, source: LoopbackSource) -> None:
    """On a busy day a centre lists as many as it was asked for, and the first hours aren't among them."""
    busy = [answers.fdsn_line(f"g{n}", 4.1, seconds_ago=150 * n + 150) for n in range(60)]
    script(source, answers.usgs(), answers.NO_CONTENT, answers.fdsn(*busy))
    day, lately = await ask(tool, minMagnitude=3), await ask(tool, minMagnitude=3, hours=2)
    assert (day["complete"], lately["complete"]) == (False, True)
    assert "60 newest" in day["sources"][2]["problem"]
    assert lately["sources"][2]["problem"] is None


@pytest.mark.parametrize(
    "line",
    [
        answers.fdsn_line("g1", mag="nan"),
        answers.fdsn_line("g1", depth="nan"),
        answers.fdsn_line("g1", lat=91),
        "g1|0001-01-01T00:00:00+14:00|1|2|3||||||5||x|earthquake",
    ],
    ids=["magnitude", "depth", "latitude", "time"],
)
async def test_an_impossible_number_fails_its_own_catalogue_alone(
    ask: Ask, source: LoopbackSource, line: str
) -> None:
    script(source, *ONE[:2], answers.fdsn(line))
    answer = await ask(tool, minMagnitude=3)
    assert answer["quakes"][0]["sources"] == ["USGS", "EMSC"]
    assert [each["state"] for each in answer["sources"]] == ["live", "live", "failed"]


@pytest.mark.parametrize("day", ["500", "truncated", "a web page", "reset"])
async def test_without_one_catalogue_the_others_answer_and_it_is_said(
    ask: Ask, source: LoopbackSource, day: str
) -> None:
    script(source, BAD_DAYS[day], *ONE[1:])
    answer = await ask(tool, minMagnitude=3)
    assert answer["quakes"][0]["sources"] == ["GFZ", "EMSC"]
    assert answer["complete"] is False
    assert [each["state"] for each in answer["sources"]] == ["failed", "live", "live"]
    assert answer["sources"][0]["problem"].startswith("USGS ")


async def test_without_any_a_kept_answer_is_marked_and_then_there_is_none(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    script(source, *ONE)
    await ask(tool, minMagnitude=3)
    clock.ahead = 600
    source.bad_day = BAD_DAYS["500"]
    answer = await ask(tool, minMagnitude=3)
    assert [each["state"] for each in answer["sources"]] == ["stale"] * 3
    assert 590 < answer["sources"][0]["ageSeconds"] < 700
    assert answer["complete"] is False
    with pytest.raises(Unavailable, match=r"USGS.*EMSC.*GFZ") as none:
        await ask(tool, hours=168, minMagnitude=5)
    assert "Call again in a minute." in str(none.value)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
