"""polymarket_edge: what a bet is worth net of fee and spread, and what the model knows or doesn't."""

from typing import Any

import anyio
import market_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Ask, Clock

from alya_mcp.errors import Unavailable
from alya_mcp.tools.markets.edge import polymarket_edge as tool

pytestmark = pytest.mark.anyio


def script(source: LoopbackSource, *markets: dict[str, Any], questions: Any = (), book: Any = None) -> None:
    source.on(answers.MARKETS, answers.page(*(markets or (answers.market(),))))
    source.on(answers.QUESTIONS, questions if isinstance(questions, Reply) else list(questions))
    source.on(answers.BOOK, book or answers.book())


async def test_the_markets_own_book_shows_no_edge_and_it_is_said(ask: Ask, source: LoopbackSource) -> None:
    """100 USD at 0.50: 200 shares, fee 200 x 0.05 x 0.25 = 2.5, cost 0.5125; the book itself says 0.49.

    Yes: 0.49 - 0.5125 = -0.0225. No at 0.52: 192.31 shares, fee per share 0.05 x 0.2496, cost 0.53248,
    worth 0.51: -0.02248, which is a hair better.
    """
    script(source)
    answer = await ask(tool)
    Draft202012Validator(tool.output_schema).validate(answer)
    (row,) = answer["rows"]
    assert (row["side"], row["otherSide"]["side"]) == ("No", "Yes")
    assert row["cost"] == pytest.approx(0.53248)
    assert row["edge"] == pytest.approx(-0.02248)
    assert row["otherSide"]["cost"] == pytest.approx(0.5125)
    assert row["otherSide"]["edge"] == pytest.approx(-0.0225)
    assert row["ev"] == pytest.approx(-0.02248 * 100 / 0.52)
    assert row["kelly"] == row["otherSide"]["kelly"] == 0
    assert row["spread"] == pytest.approx(0.02)
    assert row["depth"] == pytest.approx(0.52 * 1000 + 0.54 * 4000)
    assert row["daysToEnd"] == pytest.approx(30, abs=0.5)
    assert row["evAnnualPct"] == pytest.approx(row["evPct"] * 365 / row["daysToEnd"])
    assert row["independent"] is False
    assert any("no independent information" in reason for reason in row["reasons"])
    assert answer["model"]["recalibration"]["fitted"] is False
    assert (answer["assessed"], answer["independent"], answer["complete"]) == (1, 0, True)
    assert row["market"]["question"] == {"untrusted": True, "source": "Polymarket", "text": "Will it rain?"}
    assert row["market"]["url"] == "https://polymarket.com/event/event-1/market-1"


async def test_the_same_question_elsewhere_makes_an_edge(ask: Ask, source: LoopbackSource) -> None:
    """57 people weigh 0.25 x 57 / 157 = 0.090764: 0.909236 x logit 0.49 + 0.090764 x logit 0.9 = 0.163055.

    So 0.540674; the edge over 0.5125 is 0.028174, Kelly 0.028174 / 0.4875 = 0.0578.
    """
    script(source, questions=[answers.question("will it rain"), answers.question("Will it snow?", 0.99)])
    answer = await ask(tool)
    (row,) = answer["rows"]
    assert (row["side"], row["independent"], answer["independent"]) == ("Yes", True, 1)
    assert row["fair"] == pytest.approx(0.540674, abs=1e-5)
    assert row["edge"] == pytest.approx(0.028174, abs=1e-5)
    assert row["kelly"] == pytest.approx(0.0578, abs=1e-4)
    assert row["ev"] == pytest.approx(0.028174 * 200, abs=1e-2)
    (view,) = row["views"]
    assert (view["venue"], view["probability"], view["people"]) == ("Manifold", 0.9, 57)
    assert view["question"]["untrusted"] is True
    assert answer["model"]["questionsElsewhere"] == 2


async def test_each_market_pays_its_own_fee_and_the_best_edge_comes_first(
    ask: Ask, source: LoopbackSource
) -> None:
    free = answers.market(2, "Will it hail?", feesEnabled=False, feeSchedule=None)
    script(source, answers.market(1), free)
    answer = await ask(tool)
    assert [row["market"]["slug"] for row in answer["rows"]] == ["market-2", "market-1"]
    assert answer["rows"][0]["feeUsd"] == 0
    assert answer["rows"][0]["cost"] == answer["rows"][0]["price"]
    assert (await ask(tool, limit=1))["assessed"] == 2


async def test_what_cant_be_assessed_is_counted_with_its_reason(ask: Ask, source: LoopbackSource) -> None:
    def book(asked: Asked) -> Reply:
        thin = asked.query["token_id"] == "6001"
        if asked.query["token_id"] == "7001":
            return Reply({"error": "No orderbook exists for the requested token id"}, 404)
        return Reply(answers.book(asks=((0.5, 1),)) if thin else answers.book())

    script(
        source,
        answers.market(1),
        answers.legacy(),
        answers.market(3, feeSchedule=None),
        answers.market(4, feeSchedule={"exponent": 2, "rate": 0.25}),
        answers.market(8, feesEnabled=None, feeSchedule=None),
        answers.market(9, feeSchedule={"rate": 0.05}),
        answers.market(5, acceptingOrders=False),
        answers.market(6),
        answers.market(7),
        book=book,
    )
    answer = await ask(tool)
    assert [row["market"]["slug"] for row in answer["rows"]] == ["market-1"]
    assert {each["reason"]: each["count"] for each in answer["skipped"]} == {
        "its fees are in a form that this version can't work out": 4,
        "it hasn't two outcomes": 1,
        "it takes no orders": 1,
        "its order book is empty, crossed or too thin for the size": 1,
        "its order book could not be had": 1,
    }
    assert answer["complete"] is False


async def test_with_no_market_to_assess_the_error_says_why(ask: Ask, source: LoopbackSource) -> None:
    script(source, answers.market(1, acceptingOrders=False), answers.market(2, feeSchedule=None))
    with pytest.raises(Unavailable, match=r"takes no orders \(1\)") as failed:
        await ask(tool)
    assert "fees" in str(failed.value)


async def test_teams_instead_of_yes_and_no_have_sides_too(ask: Ask, source: LoopbackSource) -> None:
    teams = answers.market(1, "Lakers vs. Celtics", outcomes='["Lakers", "Celtics"]')
    script(source, teams, questions=[answers.question("Lakers vs. Celtics")])
    (row,) = (await ask(tool))["rows"]
    assert {row["side"], row["otherSide"]["side"]} == {"Lakers", "Celtics"}
    assert row["independent"] is False


async def test_a_size_is_priced_through_the_book(ask: Ask, source: LoopbackSource) -> None:
    """1020 USD: 1000 shares at 0.50 and 1000 at 0.52."""
    script(source)
    (row,) = (await ask(tool, sizeUsd=1020))["rows"]
    yes = row if row["side"] == "Yes" else row["otherSide"]
    assert (yes["shares"], yes["price"]) == (pytest.approx(2000), pytest.approx(0.51))
    assert yes["feeUsd"] == pytest.approx(1000 * 0.05 * 0.25 + 1000 * 0.05 * 0.52 * 0.48)


async def test_fifty_calls_at_once_ask_everything_once(ask: Ask, source: LoopbackSource) -> None:
    script(source, answers.market(1), answers.market(2, "Will it hail?"))
    source.gate.clear()
    found: list[Any] = []

    async def one() -> None:
        found.append(await ask(tool))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
        for _ in range(2):
            await anyio.to_thread.run_sync(source.arrived.acquire)
        source.gate.set()
    assert len(found) == 50
    assert [source.count(path) for path in (answers.MARKETS, answers.QUESTIONS, answers.BOOK)] == [1, 1, 2]


async def test_a_second_call_says_that_it_is_kept(ask: Ask, source: LoopbackSource) -> None:
    script(source)
    first, second = await ask(tool), await ask(tool)
    assert [each["state"] for each in first["sources"]] == ["live"] * 3
    assert [each["state"] for each in second["sources"]] == ["cached"] * 3
    assert second["rows"][0]["edge"] == first["rows"][0]["edge"]


async def test_without_the_other_venue_the_rest_stands_and_it_is_said(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, questions=BAD_DAYS["500"])
    answer = await ask(tool)
    assert answer["rows"][0]["independent"] is False
    assert answer["complete"] is False
    assert [each["state"] for each in answer["sources"]] == ["live", "live", "failed"]
    assert answer["sources"][2]["problem"].startswith("Manifold ")


async def test_with_everything_down_a_kept_answer_is_marked_and_then_there_is_none(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    source.bad_day = BAD_DAYS["reset"]
    with pytest.raises(Unavailable, match=r"^Polymarket"):
        await ask(tool)
    source.bad_day = None
    script(source)
    await ask(tool)
    clock.ahead = 300
    source.bad_day = BAD_DAYS["reset"]
    answer = await ask(tool)
    assert answer["complete"] is False
    assert answer["sources"][0]["state"] == "stale"
    clock.ahead = 86_400
    with pytest.raises(Unavailable, match=r"^Polymarket"):
        await ask(tool)


async def test_without_any_book_there_is_no_answer(ask: Ask, source: LoopbackSource) -> None:
    script(source, book=BAD_DAYS["500"])
    with pytest.raises(Unavailable, match="500"):
        await ask(tool)
