"""alpaca_paper_status and polymarket_categorize: an account that is real or says it is not; titles sorted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import market_answers as answers
import pytest
from anyio import Path as AsyncPath
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, LoopbackSource, Reply
from moved import SECRET, Ask, Clock

from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.gate import InvalidArguments
from alya_mcp.tools.markets.account import alpaca_paper_status as tool
from alya_mcp.tools.markets.categorize import polymarket_categorize
from alya_mcp.tools.markets.logic import nyse

pytestmark = pytest.mark.anyio


def script(source: LoopbackSource) -> None:
    source.on(answers.ACCOUNT, answers.ALPACA_ACCOUNT)
    source.on(answers.POSITIONS, answers.ALPACA_POSITIONS)
    source.on(answers.CLOCK, answers.ALPACA_CLOCK)


def keys(hub: Any, **secrets: str) -> None:
    object.__setattr__(hub.settings, "source_secrets", secrets)


async def test_the_brokers_account_is_shown_exactly(ask: Ask, source: LoopbackSource) -> None:
    """10100.10 + 10000.10 = 20100.20 exactly, which floats would miss."""
    script(source)
    answer = await ask(tool)
    Draft202012Validator(tool.output_schema).validate(answer)
    assert (answer["simulated"], answer["notice"]) == (False, None)
    assert (answer["account"]["cash"], answer["account"]["buyingPower"]) == (80000.10, 180100.40)
    assert answer["totals"] == {
        "positions": 2, "marketValue": 20100.20, "costBasis": 20060.05, "unrealizedPl": 40.15,
        "dayPl": 100.20, "investedPct": pytest.approx(20.080059),
    }  # fmt: skip
    apple, coin = answer["positions"]
    assert (apple["quantity"], apple["unrealizedPlPct"], apple["changeTodayPct"]) == (100.5, 0.39811, 0.4985)
    assert coin["changeTodayPct"] is None
    assert answer["clock"]["timestamp"].startswith("2022-05-16T16:32:24.143735")
    assert answer["clock"]["timestamp"].endswith("-04:00")
    assert {asked.headers["apca-api-key-id"] for asked in source.asked} == {SECRET}
    assert "account_number" not in json.dumps(answer)
    assert "PA123" not in json.dumps(answer)


async def test_account_positions_and_clock_are_asked_once_at_the_same_time(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source)
    source.gate.clear()
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(ask, tool)
        for _ in range(3):
            await anyio.to_thread.run_sync(source.arrived.acquire)
        source.gate.set()
    assert sorted(asked.path for asked in source.asked) == [answers.ACCOUNT, answers.CLOCK, answers.POSITIONS]


async def test_a_kept_clock_never_tells_whether_the_exchange_is_open(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    """Hours later it may have closed: then its own rules say it, and the answer that they do."""
    script(source)
    source.on(answers.CLOCK, answers.ALPACA_CLOCK | {"is_open": True})
    asked = (await ask(tool))["clock"]
    assert (asked["isOpen"], asked["computed"]) == (True, False)
    clock.ahead = 600
    source.bad_day = BAD_DAYS["500"]
    answer = await ask(tool)
    assert answer["sources"][2]["state"] == "stale"
    assert answer["clock"]["computed"] is True
    now = nyse.clock(datetime.fromisoformat(answer["clock"]["timestamp"]))
    assert answer["clock"]["isOpen"] == now.is_open
    assert abs(now.now - datetime.now(UTC)) < timedelta(minutes=5)


async def test_the_usual_variables_count_too(hub: Any, ask: Ask, source: LoopbackSource) -> None:
    script(source)
    keys(hub, APCA_API_KEY_ID="usual-id", APCA_API_SECRET_KEY="usual-secret")
    assert (await ask(tool))["simulated"] is False
    assert source.asked[0].headers["apca-api-secret-key"] == "usual-secret"


@pytest.mark.parametrize("status", [401, 403])
async def test_wrong_keys_are_an_error_and_never_a_simulation(
    ask: Ask, source: LoopbackSource, status: int
) -> None:
    refused = Reply({"code": 40110000, "message": "request is not authorized"}, status)
    for path in (answers.ACCOUNT, answers.POSITIONS, answers.CLOCK):
        source.on(path, refused)
    with pytest.raises(NotConfigured, match=f"{status}.*ALYA_ALPACA_KEY_ID") as no:
        await ask(tool)
    assert SECRET not in str(no.value)


async def test_half_a_pair_of_keys_is_an_error(hub: Any, ask: Ask, source: LoopbackSource) -> None:
    keys(hub, ALYA_ALPACA_KEY_ID="id")
    with pytest.raises(NotConfigured, match="ALYA_ALPACA_SECRET_KEY"):
        await ask(tool)
    assert source.asked == []


async def test_keys_never_go_out_unencrypted(hub: Any, ask: Ask) -> None:
    object.__setattr__(hub.settings, "source_urls", {"alpaca": "http://paper-api.alpaca.markets"})
    with pytest.raises(NotConfigured, match="ALYA_ALPACA_URL"):
        await ask(tool)


@pytest.mark.parametrize("host", ["api.alpaca.markets", "broker-api.alpaca.markets", "elsewhere.example"])
async def test_keys_go_to_no_host_but_that_of_paper_trading(
    hub: Any, ask: Ask, source: LoopbackSource, host: str
) -> None:
    object.__setattr__(hub.settings, "source_urls", {"alpaca": f"https://{host}"})
    with pytest.raises(NotConfigured, match=f"ALYA_ALPACA_URL.*{host}"):
        await ask(tool)
    assert source.asked == []


async def test_a_bad_day_is_no_simulation_either(ask: Ask, source: LoopbackSource, clock: Clock) -> None:
    source.bad_day = BAD_DAYS["500"]
    with pytest.raises(Unavailable, match=r"^Alpaca.*500"):
        await ask(tool)
    source.bad_day = None
    script(source)
    await ask(tool)
    clock.ahead = 600
    source.bad_day = BAD_DAYS["reset"]
    answer = await ask(tool)
    assert [each["state"] for each in answer["sources"]] == ["stale"] * 3
    assert answer["simulated"] is False


async def test_without_keys_there_is_an_account_that_says_what_it_is(
    hub: Any, ask: Ask, source: LoopbackSource
) -> None:
    keys(hub)
    answer = await ask(tool)
    Draft202012Validator(tool.output_schema).validate(answer)
    assert answer["simulated"] is True
    assert "ALYA_ALPACA_KEY_ID" in answer["notice"]
    assert (answer["account"]["cash"], answer["account"]["equity"], answer["positions"]) == (
        100_000,
        100_000,
        [],
    )
    assert answer["totals"]["dayPl"] == 0
    assert answer["clock"]["nextOpen"] > answer["clock"]["timestamp"]
    assert (answer["source"], answer["sources"], source.asked) == ("this machine", [], [])
    opened = answer["account"]["createdAt"]
    assert (await ask(tool))["account"]["createdAt"] == opened


async def test_the_sums_are_unknown_when_a_position_has_no_price(ask: Ask, source: LoopbackSource) -> None:
    priced, unpriced = answers.ALPACA_POSITIONS
    missing = dict.fromkeys(("market_value", "unrealized_pl", "unrealized_plpc", "current_price"))
    script(source)
    source.on(answers.POSITIONS, [priced, unpriced | missing])
    totals = (await ask(tool))["totals"]
    assert (totals["marketValue"], totals["unrealizedPl"], totals["investedPct"]) == (None, None, None)
    assert (totals["positions"], totals["costBasis"]) == (2, 20060.05)


async def test_the_simulated_account_is_the_persons_to_edit(hub: Any, ask: Ask) -> None:
    keys(hub)
    await ask(tool)
    file = AsyncPath(hub.settings.home / "paper-account.json")
    assert (await file.stat()).st_mode & 0o777 == 0o600
    kept = json.loads(await file.read_text())
    kept["positions"] = answers.ALPACA_POSITIONS
    await file.write_text(json.dumps(kept))
    answer = await ask(tool)
    assert (answer["simulated"], answer["totals"]["marketValue"]) == (True, 20100.20)
    kept["account"]["cash"] = "much"
    await file.write_text(json.dumps(kept))
    with pytest.raises(Unavailable, match=r"account\.cash"):
        await ask(tool)


async def test_titles_are_sorted_without_asking_anybody(ask: Ask, source: LoopbackSource) -> None:
    titles = ["Lakers vs. Celtics", "Counter-Strike: FaZe vs. Vitality (BO3)", "Fed decision in January?"]
    answer = await ask(polymarket_categorize, titles=titles)
    Draft202012Validator(polymarket_categorize.output_schema).validate(answer)
    assert [(each["category"], each["blocked"]) for each in answer["titles"]] == [
        ("nba", False), ("cs2_intraday", True), ("uncategorized", True)
    ]  # fmt: skip
    assert [each["title"] for each in answer["titles"]] == titles
    assert "blocked: " in answer["titles"][1]["reason"]
    assert source.asked == []


@pytest.mark.parametrize("titles", [[], ["a"] * 51, ["a" * 501], [1], "Lakers"])
async def test_titles_have_bounds(ask: Ask, titles: Any) -> None:
    with pytest.raises(InvalidArguments, match=r"^titles"):
        await ask(polymarket_categorize, titles=titles)
