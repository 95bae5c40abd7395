"""The sources of markets, for the tests that every source has to pass."""

from typing import Any

import market_answers as answers
from source_case import SourceCase

from alya_mcp.net.client import Http
from alya_mcp.tools.markets.logic.book import Book
from alya_mcp.tools.markets.logic.fair import Opinions
from alya_mcp.tools.markets.sources import (
    alpaca,
    manifold,
    polymarket_clob,
    polymarket_data,
    polymarket_gamma,
)

KEYS = {"APCA-API-KEY-ID": "id", "APCA-API-SECRET-KEY": "a-key-that-nobody-may-see"}


def has_markets(value: polymarket_gamma.Page) -> None:
    market = value.markets[0]
    assert market.question
    assert len(market.outcomes) == len(market.prices) == len(market.tokens) == 2
    assert market.volume_day is not None
    assert market.url.startswith("https://polymarket.com/")


def is_book(value: Book) -> None:
    assert value.bids[0].price > value.bids[-1].price
    assert value.asks[0].price < value.asks[-1].price
    assert value.spread > 0


def are_traders(value: list[polymarket_data.Trader]) -> None:
    assert value[0].rank == 1
    assert value[0].profit > value[-1].profit
    assert value[0].wallet.startswith("0x")


def are_opinions(value: Opinions) -> None:
    assert value
    assert all(0 <= each.probability <= 1 for same in value.values() for each in same)


def is_account(value: alpaca.Account) -> None:
    assert value.equity > 0


async def busiest(http: Http) -> Any:
    return await polymarket_gamma.busiest(http)


async def book(http: Http) -> Any:
    return await polymarket_clob.book(http, "1001")


async def board(http: Http) -> Any:
    return await polymarket_data.leaderboard(http, "all")


async def questions(http: Http) -> Any:
    return await manifold.open_questions(http)


async def account(http: Http) -> Any:
    return await alpaca.account(http, KEYS)


def case(name: str, source: Any, ask: Any, path: str, answer: Any, right: Any, **more: Any) -> SourceCase:
    return SourceCase(name=name, source=source, ask=ask, answers={path: answer}, right=right, **more)


BOARD = answers.board(answers.trader(2, 2, 50.5), answers.trader(1, 1, 100.25))
PAGE = answers.page(answers.market(), answers.legacy(), cursor="abc")

CASES = [
    case(
        "Polymarket markets",
        polymarket_gamma.GAMMA,
        busiest,
        answers.MARKETS,
        PAGE,
        has_markets,
        records="markets",
    ),
    case(
        "Polymarket book",
        polymarket_clob.CLOB,
        book,
        answers.BOOK,
        answers.book(),
        is_book,
        records="bids",
        old=300.0,
        live=False,
    ),
    case(
        "Polymarket leaderboard",
        polymarket_data.DATA,
        board,
        answers.BOARD,
        BOARD,
        are_traders,
        records="data",
        old=5 * 3600.0,
    ),
    case(
        "Manifold",
        manifold.MANIFOLD,
        questions,
        answers.QUESTIONS,
        [answers.question()],
        are_opinions,
        records="",
    ),
    case(
        "Alpaca",
        alpaca.ALPACA,
        account,
        answers.ACCOUNT,
        answers.ALPACA_ACCOUNT,
        is_account,
        live=False,
    ),
]
