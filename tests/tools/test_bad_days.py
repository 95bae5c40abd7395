"""Every source on its bad days: a clear failure or a kept answer marked as stale, never an invented one."""

import os
from pathlib import Path

import pytest
from loopback_source import BAD_DAYS, LoopbackSource
from moved import SECRET, Clock, moved_here
from source_case import SourceCase, all_cases

from alya_mcp.net.answers import SourceFailed
from alya_mcp.net.client import Http
from alya_mcp.settings import Settings

CASES = all_cases()
pytestmark = pytest.mark.anyio
each_source = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
LONGEST = 120 * 86_400
"""Seconds after which nothing that was kept may stand in any more."""


def script(case: SourceCase, source: LoopbackSource) -> None:
    for path, answer in case.answers.items():
        source.on(path, answer)


@each_source
async def test_a_documented_answer_is_read(case: SourceCase, http: Http, source: LoopbackSource) -> None:
    script(case, source)
    answer = await case.ask(http)
    case.right(answer.value)
    assert (answer.source, answer.cached, answer.stale, answer.age) == (case.source, False, False, 0.0)
    assert all("alya-mcp/" in asked.headers["user-agent"] for asked in source.asked)


@each_source
@pytest.mark.parametrize("day", list(BAD_DAYS))
async def test_a_bad_day_is_a_failure_that_names_the_source_or_a_kept_answer(
    case: SourceCase, day: str, source: LoopbackSource, clock: Clock, tmp_path: Path
) -> None:
    if day in case.lives_through:
        pytest.skip("that is a good answer for it")
    http = moved_here(tmp_path, source, clock, deadline=0.15 if day == "slow drip" else 10.0)
    try:
        source.bad_day = BAD_DAYS[day]
        with pytest.raises(SourceFailed) as failed:
            await case.ask(http)
        told = str(failed.value)
        assert told.startswith(case.source.title)
        assert not any(word in told for word in (SECRET, "127.0.0.1", str(tmp_path), "Traceback"))
        assert len(source.asked) <= 3

        if not case.kept:
            return
        source.bad_day = None
        script(case, source)
        patient = moved_here(tmp_path, source, clock)
        good = await case.ask(patient)
        await patient.aclose()
        clock.ahead = case.old
        source.bad_day = BAD_DAYS[day]
        later = moved_here(tmp_path, source, clock, deadline=0.15 if day == "slow drip" else 10.0)
        try:
            stale = await case.ask(later)
            assert stale.value == good.value
            assert (stale.cached, stale.stale) == (True, True)
            assert stale.problem
            assert case.old <= stale.age < case.old + 600
        finally:
            await later.aclose()
    finally:
        await http.aclose()


@each_source
async def test_a_kept_answer_is_too_old_some_day(
    case: SourceCase, http: Http, source: LoopbackSource, clock: Clock
) -> None:
    if not case.kept:
        pytest.skip("it keeps nothing")
    script(case, source)
    await case.ask(http)
    clock.ahead = LONGEST
    source.bad_day = BAD_DAYS["empty"]
    with pytest.raises(SourceFailed):
        await case.ask(http)


@each_source
async def test_an_answer_is_used_again_without_asking(
    case: SourceCase, http: Http, source: LoopbackSource
) -> None:
    if not case.kept:
        pytest.skip("it keeps nothing")
    script(case, source)
    first = await case.ask(http)
    asked = len(source.asked)
    second = await case.ask(http)
    assert len(source.asked) == asked
    assert second.value == first.value
    assert second.cached
    assert not second.stale
    assert abs((second.fetched_at - first.fetched_at).total_seconds()) < 1e-3


@each_source
@pytest.mark.skipif(os.environ.get("ALYA_LIVE") != "1", reason="asks the real sources; set ALYA_LIVE=1")
async def test_the_real_source_answers_as_documented(case: SourceCase, tmp_path: Path) -> None:
    if not case.live:
        pytest.skip("the real source needs a key or a contact")
    http = Http(Settings(home=tmp_path, contact=os.environ.get("ALYA_CONTACT")))
    try:
        answer = await case.ask(http)
    finally:
        await http.aclose()
    assert not answer.stale
    case.right(answer.value)
