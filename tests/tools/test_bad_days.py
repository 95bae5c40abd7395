"""Every source on its bad days: a clear failure or a kept answer marked as stale, never an invented one.

What the one HTTP client does on a bad day is shown with one source that is kept and one that is posted to.
Each source shows its own answer, its odd record, its other shape, and how long it is kept.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from loopback_source import BAD_DAYS, LoopbackSource
from moved import SECRET, Clock, moved_here
from source_case import SourceCase, all_cases

from alya_mcp.net.answers import ChangedShape, SourceFailed
from alya_mcp.net.client import Http
from alya_mcp.settings import Settings

CASES = all_cases()
KEPT = [case for case in CASES if case.kept]
BY_NAME = {case.name: case for case in CASES}
pytestmark = pytest.mark.anyio
LONGEST = 120 * 86_400
"""Seconds after which nothing that was kept may stand in any more."""


def each(cases: list[SourceCase]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def script(answers: Any, source: LoopbackSource) -> None:
    for path, answer in answers.items():
        source.on(path, answer)


@each([BY_NAME["MCP Registry"], BY_NAME["Tavily"]])
@pytest.mark.parametrize("day", list(BAD_DAYS))
async def test_a_bad_day_is_a_failure_that_names_the_source_or_a_kept_answer(
    case: SourceCase, day: str, source: LoopbackSource, clock: Clock, tmp_path: Path
) -> None:
    deadline = 0.15 if day == "slow drip" else 10.0
    http = moved_here(tmp_path, source, clock, deadline=deadline)
    source.bad_day = BAD_DAYS[day]
    with pytest.raises(SourceFailed) as failed:
        await case.ask(http)
    await http.aclose()
    told = str(failed.value)
    assert failed.value.source == case.source
    assert not any(word in told for word in (SECRET, "127.0.0.1", str(tmp_path), "Traceback"))
    assert len(source.asked) <= 3
    if not case.kept:
        return
    source.bad_day = None
    script(case.answers, source)
    patient = moved_here(tmp_path, source, clock)
    good = await case.ask(patient)
    await patient.aclose()
    clock.ahead = case.old
    source.bad_day = BAD_DAYS[day]
    later = moved_here(tmp_path, source, clock, deadline=deadline)
    stale = await case.ask(later)
    await later.aclose()
    assert stale.value == good.value
    assert (stale.cached, stale.stale) == (True, True)
    assert stale.problem
    assert case.old <= stale.age < case.old + 600


@each(CASES)
async def test_a_documented_answer_is_read_and_another_shape_is_not(
    case: SourceCase, http: Http, source: LoopbackSource
) -> None:
    source.bad_day = BAD_DAYS["another shape"]
    with pytest.raises(SourceFailed) as failed:
        await case.ask(http)
    assert str(failed.value).startswith(case.source.title)
    source.bad_day = None
    script(case.answers, source)
    answer = await case.ask(http)
    case.right(answer.value)
    assert (answer.source, answer.cached, answer.stale, answer.age) == (case.source, False, False, 0.0)
    assert answer.left_out is None
    assert all("alya-mcp/" in asked.headers["user-agent"] for asked in source.asked)


@each([case for case in CASES if case.records is not None])
async def test_an_odd_record_is_left_out_and_counted_and_nothing_but_odd_ones_is_a_failure(
    case: SourceCase, source: LoopbackSource, clock: Clock, tmp_path: Path
) -> None:
    http = moved_here(tmp_path / "odd", source, clock)
    script(case.answers_with({"odd": True}, None), source)
    answer = await case.ask(http)
    case.right(answer.value)
    assert answer.left_out is not None
    assert answer.left_out.count == 2
    assert answer.left_out.why
    await http.aclose()

    http = moved_here(tmp_path / "good", source, clock)
    script(case.answers, source)
    assert (await case.ask(http)).value == answer.value
    await http.aclose()

    http = moved_here(tmp_path / "nothing else", source, clock)
    script(case.answers_with({"odd": True}, alone=True), source)
    with pytest.raises(ChangedShape):
        await case.ask(http)
    await http.aclose()


@each(KEPT)
async def test_an_answer_is_used_again_stands_in_for_a_while_and_is_too_old_some_day(
    case: SourceCase, http: Http, source: LoopbackSource, clock: Clock
) -> None:
    script(case.answers, source)
    first = await case.ask(http)
    asked = len(source.asked)
    second = await case.ask(http)
    assert len(source.asked) == asked
    assert (second.value, second.cached, second.stale) == (first.value, True, False)
    assert abs((second.fetched_at - first.fetched_at).total_seconds()) < 1e-3
    source.bad_day = BAD_DAYS["empty"]
    clock.ahead = case.old
    third = await case.ask(http)
    assert (third.value, third.stale) == (first.value, True)
    clock.ahead = LONGEST
    with pytest.raises(SourceFailed):
        await case.ask(http)


@pytest.mark.skipif(os.environ.get("ALYA_LIVE") != "1", reason="asks the real sources; set ALYA_LIVE=1")
@each([case for case in CASES if case.live])
async def test_the_real_source_answers_as_documented(case: SourceCase, tmp_path: Path) -> None:
    http = Http(Settings(home=tmp_path, contact=os.environ.get("ALYA_CONTACT")))
    try:
        answer = await case.ask(http)
    finally:
        await http.aclose()
    assert not answer.stale
    case.right(answer.value)
