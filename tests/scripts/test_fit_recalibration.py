"""scripts/fit_recalibration.py on made-up markets whose distortion is known."""

import json
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import loopback_source
import market_answers as answers
import pytest
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Clock, moved_here

from alya_mcp.errors import Unavailable
from alya_mcp.net.client import Http
from alya_mcp.tools.markets.logic.fair import RecalibrationFit, expit, logit

pytestmark = pytest.mark.anyio
LEVELS = [0.04, 0.08, 0.15, 0.25, 0.4, 0.5, 0.6, 0.75, 0.85, 0.92, 0.96]
ENDED = 1_790_000_000


@pytest.fixture(scope="module")
def script() -> Any:
    path = Path(__file__).parents[2] / "scripts" / "fit_recalibration.py"
    spec = spec_from_file_location("fit_recalibration", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with loopback_source.running() as server:
        yield server


@pytest.fixture
async def http(tmp_path: Path, source: LoopbackSource) -> AsyncIterator[Http]:
    client = moved_here(tmp_path, source, Clock())
    yield client
    await client.aclose()


def made_up(intercept: float, slope: float, of_each: int) -> list[tuple[float, bool]]:
    """At each price as many outcomes that came true as the distortion says, to the nearest one."""
    found: list[tuple[float, bool]] = []
    for price in LEVELS:
        true = round(of_each * expit(intercept + slope * logit(price)))
        found += [(price, number < true) for number in range(of_each)]
    return found


def play(source: LoopbackSource, samples: list[tuple[float, bool]]) -> None:
    """Pages of ended markets whose prices a week before their end are the samples'."""
    markets = [
        answers.market(
            number, closed=True, outcomePrices=json.dumps(["1", "0"] if came_true else ["0", "1"]),
            closedTime="2026-09-21 18:00:00+00", endDate="2026-09-21T14:13:20Z",
        )
        for number, (_, came_true) in enumerate(samples)
    ]  # fmt: skip
    pages = [markets[at : at + 100] for at in range(0, len(markets), 100)]

    def page(asked: Asked) -> Reply:
        at = int(asked.query.get("after_cursor", "0"))
        return Reply(answers.page(*pages[at], cursor=str(at + 1) if at + 1 < len(pages) else None))

    def history(asked: Asked) -> Reply:
        assert int(asked.query["end"]) == ENDED - 7 * 86_400
        price = samples[int(asked.query["token_id"][:-3])][0]
        early, late = ENDED - 30 * 86_400, ENDED - 86_400
        week = (ENDED - 8 * 86_400, price)
        return Reply(answers.prices((early, 0.5), (week[0] - 3600, 0.5), week, (late, 0.999)))

    source.on(answers.MARKETS, page)
    source.on(answers.HISTORY, history)


@pytest.mark.parametrize(("intercept", "slope"), [(0.0, 1.0), (0.2, 1.3), (-0.3, 0.7)])
def test_a_known_distortion_is_recovered(script: Any, intercept: float, slope: float) -> None:
    found = script.fit(made_up(intercept, slope, 2000))
    assert found[0] == pytest.approx(intercept, abs=0.005)
    assert found[1] == pytest.approx(slope, abs=0.005)
    assert (found[2] < script.CHI_SQUARE_2_95) == (slope == 1.0)


def test_samples_without_a_best_fit_are_refused(script: Any) -> None:
    with pytest.raises(ValueError, match="no best fit"):
        script.fit([(0.3, True), (0.6, True), (0.7, True)])
    with pytest.raises(ValueError, match="no best fit"):
        script.fit([(0.5, True), (0.5, False)])


async def test_it_reads_ended_markets_and_writes_what_the_model_reads(
    script: Any, http: Http, source: LoopbackSource, tmp_path: Path
) -> None:
    samples = made_up(0.0, 1.6, 20)
    play(source, samples)
    out = tmp_path / "found.json"
    found = await script.run(http, markets=1000, days_before=7, out=out)
    written = RecalibrationFit(**json.loads(out.read_text()))
    assert written == found
    assert (written.fitted, written.markets, written.days_before) == (True, len(samples), 7)
    assert (written.intercept, written.slope) == pytest.approx(script.fit(samples)[:2])
    assert written.slope > 1.5
    assert written.of(0.1) < 0.07
    assert {asked.query.get("closed") for asked in source.asked if asked.path == answers.MARKETS} == {"true"}


async def test_prices_that_were_right_leave_the_file_alone(
    script: Any, http: Http, source: LoopbackSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    play(source, made_up(0.0, 1.0, 20))
    assert await script.run(http, markets=1000, days_before=7, out=tmp_path / "found.json") is None
    assert list(tmp_path.glob("found*")) == []  # noqa: ASYNC240
    assert "no better than no correction" in capsys.readouterr().err


async def test_too_few_markets_and_what_cant_be_used_are_said(
    script: Any, http: Http, source: LoopbackSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    event = [{"slug": "one-event"}]
    ended = {
        "closed": True,
        "outcomePrices": '["1", "0"]',
        "closedTime": "2026-09-21 14:13:20+00",
        "endDate": "2026-09-21T00:00:00Z",
    }
    source.on(
        answers.MARKETS,
        answers.page(
            answers.market(1, events=event, **ended),
            answers.market(2, events=event, **ended),
            answers.market(3, **(ended | {"outcomePrices": '["0.5", "0.5"]'})),
            answers.market(4, **(ended | {"closedTime": None})),
            answers.market(5, **(ended | {"endDate": "2026-09-30T00:00:00Z"})),
            answers.legacy(),
        ),
    )
    source.on(answers.HISTORY, answers.prices())
    assert await script.run(http, markets=1000, days_before=7, out=tmp_path / "found.json") is None
    told = capsys.readouterr().err
    assert "it came to no clear end: 2" in told
    assert "its days aren't known: 1" in told
    assert "it had ended by then: 1" in told
    assert "another of its event was taken: 1" in told
    assert "it has no price of that day: 1" in told
    assert "0 markets are left, fewer than 200; nothing written" in told


async def test_without_polymarket_nothing_is_fitted(
    script: Any, http: Http, source: LoopbackSource, tmp_path: Path
) -> None:
    source.bad_day = BAD_DAYS["500"]
    with pytest.raises(Unavailable, match="500"):
        await script.run(http, markets=10, days_before=7, out=tmp_path / "found.json")
