"""polymarket_signals and polymarket_top_traders: what moves and who earns, with where it is from."""

from typing import Any

import anyio
import market_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Ask, Clock

from alya_mcp.errors import Unavailable
from alya_mcp.tools.markets.signals import polymarket_signals
from alya_mcp.tools.markets.traders import polymarket_top_traders

pytestmark = pytest.mark.anyio


async def test_moves_come_with_their_numbers_and_the_strongest_first(
    ask: Ask, source: LoopbackSource
) -> None:
    jump = answers.market(1, "Will it rain?", oneDayPriceChange=0.30)
    busy = answers.market(2, "Will it hail?", volume24hr=300_000, volume1wk=360_000)
    source.on(answers.MARKETS, answers.page(busy, jump, answers.market(3), answers.legacy()))
    answer = await ask(polymarket_signals)
    Draft202012Validator(polymarket_signals.output_schema).validate(answer)
    assert [(each["signal"], each["market"]["slug"]) for each in answer["signals"]] == [
        ("volume", "market-2"), ("price_day", "market-1")
    ]  # fmt: skip
    volume, price = answer["signals"]
    assert {each["name"]: each["value"] for each in volume["numbers"]}["ratio"] == pytest.approx(30)
    assert volume["strength"] == pytest.approx(10)
    assert {each["name"]: each["value"] for each in price["numbers"]} == {
        "change": 0.30, "price": 0.49, "before": pytest.approx(0.19)
    }  # fmt: skip
    assert (price["outcome"], price["market"]["question"]["text"]) == ("Yes", "Will it rain?")
    assert (answer["total"], answer["markets"], answer["whole"]) == (2, 3, True)
    assert {each["kind"] for each in answer["thresholds"]} >= {"price_day", "volume", "spread"}


async def test_kind_volume_and_limit_narrow_the_list(ask: Ask, source: LoopbackSource) -> None:
    both = answers.market(1, oneDayPriceChange=0.30, oneHourPriceChange=0.10)
    small = answers.market(2, oneDayPriceChange=0.40, volume24hr=500)
    source.on(answers.MARKETS, answers.page(both, small))
    assert (await ask(polymarket_signals))["total"] == 2
    only = await ask(polymarket_signals, kind="price_hour")
    assert [each["signal"] for each in only["signals"]] == ["price_hour"]
    everything = await ask(polymarket_signals, minVolume24h=0, limit=1)
    assert (everything["total"], len(everything["signals"])) == (3, 1)
    assert everything["signals"][0]["market"]["slug"] == "market-2"


async def test_pages_are_followed_until_the_volume_is_too_small(ask: Ask, source: LoopbackSource) -> None:
    def page(asked: Asked) -> Reply:
        if "after_cursor" not in asked.query:
            return Reply(answers.page(answers.market(1), cursor="two"))
        return Reply(
            answers.page(answers.market(2, oneDayPriceChange=0.5, volume24hr=20_000), cursor="three")
        )

    source.on(answers.MARKETS, page)
    answer = await ask(polymarket_signals, minVolume24h=30_000)
    assert (answer["markets"], answer["whole"]) == (1, True)
    assert [each.query.get("after_cursor") for each in source.asked] == [None, "two"]
    assert source.asked[0].query["order"] == "volume24hr"
    assert (await ask(polymarket_signals))["whole"] is False
    assert source.asked[-1].query["after_cursor"] == "three"


async def test_a_page_that_fails_leaves_the_first_ones(ask: Ask, source: LoopbackSource) -> None:
    source.on(
        answers.MARKETS, answers.page(answers.market(1, oneDayPriceChange=0.5), cursor="two"), BAD_DAYS["500"]
    )
    answer = await ask(polymarket_signals)
    assert (answer["total"], answer["whole"]) == (1, False)
    assert [each["state"] for each in answer["sources"]] == ["live", "failed"]


async def test_odd_fields_of_old_markets_leave_the_others_readable(ask: Ask, source: LoopbackSource) -> None:
    odd = answers.market(
        2,
        oneDayPriceChange=0.5,
        endDate="2020-11-04",
        startDate="soon",
        volume1wk="",
        liquidityNum="12.5",
        events=[],
    )
    source.on(answers.MARKETS, answers.page(answers.market(1), odd))
    (signal,) = (await ask(polymarket_signals))["signals"]
    assert (signal["market"]["endsAt"], signal["liquidityUsd"]) == (None, 12.5)
    assert signal["market"]["url"] == "https://polymarket.com/market/market-2"


async def test_no_markets_is_an_answer_and_no_source_is_an_error(ask: Ask, source: LoopbackSource) -> None:
    source.on(answers.MARKETS, answers.page())
    answer = await ask(polymarket_signals)
    assert (answer["signals"], answer["markets"], answer["whole"]) == ([], 0, True)


async def test_signals_need_polymarket(ask: Ask, source: LoopbackSource) -> None:
    source.bad_day = BAD_DAYS["a web page"]
    with pytest.raises(Unavailable, match="text/html"):
        await ask(polymarket_signals)


async def test_fifty_calls_at_once_ask_once(ask: Ask, source: LoopbackSource) -> None:
    source.on(answers.MARKETS, answers.page(answers.market(1, oneDayPriceChange=0.5)))
    source.gate.clear()
    found: list[Any] = []

    async def one() -> None:
        found.append(await ask(polymarket_signals))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
        await anyio.to_thread.run_sync(source.arrived.acquire)
        source.gate.set()
    assert (len(found), len(source.asked)) == (50, 1)


def boards(source: LoopbackSource) -> None:
    """Fifty of each; the second of the day is the third of all time."""
    all_time = [answers.trader(n, n, 1000.0 - n) for n in range(1, 51)]
    day = [answers.trader(n, 3 if n == 2 else 100 + n, 100.5 - n) for n in range(1, 51)]

    def page(asked: Asked) -> Reply:
        return Reply(answers.board(*(all_time if asked.query["time_period"] == "all" else day)))

    source.on(answers.BOARD, page)


async def test_the_first_twenty_of_all_time_and_five_of_the_day_stand_once_each(
    ask: Ask, source: LoopbackSource
) -> None:
    boards(source)
    answer = await ask(polymarket_top_traders)
    Draft202012Validator(polymarket_top_traders.output_schema).validate(answer)
    rows = answer["traders"]
    assert [(row["window"], row["rank"]) for row in rows] == [("all", n) for n in range(1, 21)] + [
        ("1d", n) for n in (1, 3, 4, 5)
    ]
    assert len({row["wallet"] for row in rows}) == 24
    assert (rows[0]["profitUsd"], rows[0]["wallet"], rows[0]["also"]) == (999.0, f"0x{1:040x}", None)
    assert rows[2]["also"] == {"window": "1d", "rank": 2, "profitUsd": 98.5}
    assert rows[0]["name"] == {"untrusted": True, "source": "Polymarket", "text": "trader 1"}
    assert {asked.query["sort_by"] for asked in source.asked} == {"PNL"}
    assert len((await ask(polymarket_top_traders, limit=3))["traders"]) == 3


@pytest.mark.parametrize(("window", "period"), [("1d", "day"), ("all", "all")])
async def test_one_window_is_one_board(ask: Ask, source: LoopbackSource, window: str, period: str) -> None:
    boards(source)
    answer = await ask(polymarket_top_traders, window=window, limit=50)
    assert [row["rank"] for row in answer["traders"]] == list(range(1, 51))
    assert {row["window"] for row in answer["traders"]} == {window}
    assert [asked.query["time_period"] for asked in source.asked] == [period]


async def test_the_leaderboard_holds_for_four_hours(ask: Ask, source: LoopbackSource, clock: Clock) -> None:
    boards(source)
    await ask(polymarket_top_traders)
    clock.ahead = 4 * 3600 - 60
    assert [each["state"] for each in (await ask(polymarket_top_traders))["sources"]] == ["cached"] * 2
    assert len(source.asked) == 2
    clock.ahead = 4 * 3600 + 60
    await ask(polymarket_top_traders)
    assert len(source.asked) == 4


async def test_one_board_alone_is_an_answer_that_says_so(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    def page(asked: Asked) -> Reply:
        if asked.query["time_period"] == "day":
            return BAD_DAYS["500"]
        return Reply(answers.board(answers.trader(1, 1, 5)))

    source.on(answers.BOARD, page)
    answer = await ask(polymarket_top_traders)
    assert (len(answer["traders"]), answer["complete"]) == (1, False)
    assert [each["state"] for each in answer["sources"]] == ["live", "failed"]
    source.bad_day = BAD_DAYS["reset"]
    clock.ahead = 5 * 3600
    assert (await ask(polymarket_top_traders))["sources"][0]["state"] == "stale"
    with pytest.raises(Unavailable, match="Polymarket"):
        await ask(polymarket_top_traders, window="1d")


async def test_a_trader_without_a_wallet_is_another_shape(ask: Ask, source: LoopbackSource) -> None:
    source.on(answers.BOARD, answers.board(answers.trader(1, 1, 5, user_id="user-1")))
    with pytest.raises(Unavailable, match=r"data\.0\."):
        await ask(polymarket_top_traders)
