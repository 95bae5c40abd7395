"""Polymarket's busiest markets, with their books and what others think of them, fetched and assessed."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING, Any, Final, cast

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, all_answers, none_answered
from alya_mcp.tools.markets.logic.book import Book
from alya_mcp.tools.markets.logic.edge import Assessment, BinaryMarket, assess
from alya_mcp.tools.markets.logic.fair import Opinions, bundled
from alya_mcp.tools.markets.sources import manifold, polymarket_clob, polymarket_gamma
from alya_mcp.tools.markets.sources.polymarket_gamma import Market, Page

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

Elsewhere = Fetched[Opinions] | Unavailable

NO_BOOK: Final = "its order book could not be had"
_THIN: Final = "its order book is empty, crossed or too thin for the size"
_CANDIDATES: Final = 40
_HOLDS: Final = 30
"""Seconds for which books that were fetched are used again."""


@dataclass(frozen=True, slots=True)
class AssessedMarkets:
    """Markets with their assessments, the best edge first, what was left out, and the oldest book used.

    The oldest book's `left_out` are the odd records of all books.
    """

    assessed: list[tuple[Market, Assessment]]
    skipped: Counter[str]
    books: Fetched[Book]
    made_at: datetime

    def books_at(self, now: datetime) -> Fetched[Book]:
        """The oldest book as it stands at a moment: kept, when it was fetched for an earlier call."""
        if self.made_at >= now:
            return self.books
        age = max(0.0, (now - self.books.fetched_at).total_seconds())
        return replace(self.books, age=age, cached=True)


async def markets_and_opinions(http: "Http") -> tuple[Fetched[Page], Elsewhere]:
    """The busiest open markets, and what other venues think of anything, or why that can't be had.

    Raises:
        Unavailable: Polymarket doesn't answer and nothing is kept.
    """
    asks: list[Any] = [partial(polymarket_gamma.busiest, http), partial(manifold.open_questions, http)]
    markets, opinions = await all_answers(asks)
    if isinstance(markets, Unavailable):
        raise markets
    return cast("Fetched[Page]", markets), cast("Elsewhere", opinions)


async def look(http: "Http", markets: Fetched[Page], opinions: Elsewhere, usd: float) -> AssessedMarkets:
    """The busiest of `markets` assessed for a bet of `usd`, or what was just made of the same answers.

    Raises:
        Unavailable: no market can be assessed, or no book can be had.
    """
    known = opinions.fetched_at if isinstance(opinions, Fetched) else None
    others: Opinions = opinions.value if isinstance(opinions, Fetched) else {}
    key = ("edge", usd, markets.fetched_at, known, int(time.monotonic() / _HOLDS))
    return await http.memo.get_slow(key, partial(_look, http, markets.value.markets, others, usd))


async def _look(http: "Http", markets: Sequence[Market], others: Opinions, usd: float) -> AssessedMarkets:
    skipped: Counter[str] = Counter()
    fit: list[Market] = []
    for market in markets:
        reason = _unfit(market)
        if reason:
            skipped[reason] += 1
        else:
            fit.append(market)
    candidates = fit[:_CANDIDATES]
    if not candidates:
        why = "; ".join(f"{reason} ({count})" for reason, count in skipped.most_common())
        of = f" of the {len(markets)} busiest can be assessed: {why}" if markets else ": it lists no open one"
        raise Unavailable(f"No market of Polymarket{of}. Call again later.")
    books = await all_answers([partial(polymarket_clob.book, http, each.tokens[0]) for each in candidates])
    had = [book for book in books if isinstance(book, Fetched)]
    if not had:
        failures = [book for book in books if isinstance(book, Unavailable)]
        raise none_answered("No order book could be had", failures)
    found: list[tuple[Market, Assessment]] = []
    for market, book in zip(candidates, books, strict=True):
        if not isinstance(book, Fetched):
            skipped[NO_BOOK] += 1
            continue
        question = _question(market, book.value)
        assessment = assess(question, others, bundled(), usd) if question else None
        if assessment is None:
            skipped[_THIN] += 1
        else:
            found.append((market, assessment))
    found.sort(key=_edge, reverse=True)
    oldest = min(had, key=lambda book: (not book.stale, book.fetched_at))
    odd = [book.left_out for book in had if book.left_out is not None]
    books = replace(oldest, left_out=reduce(add, odd) if odd else None)
    return AssessedMarkets(found, skipped, books, datetime.now(UTC))


def _unfit(market: Market) -> str | None:
    """Why a market can't be assessed."""
    if len(market.outcomes) != 2 or len(market.tokens) != 2:
        return "it hasn't two outcomes"
    if market.closed or not market.active or market.accepting is False or market.has_book is False:
        return "it takes no orders"
    if market.fees is None:
        return "its fees are in a form that this version can't work out"
    return None


def _question(market: Market, book: Book) -> BinaryMarket | None:
    if market.fees is None or not book.bids or not book.asks or book.spread <= 0:
        return None
    first, second = market.outcomes
    return BinaryMarket(
        text=market.question, outcomes=(first, second), book=book, fees=market.fees, ends=market.end
    )


def _edge(found: tuple[Market, Assessment]) -> float:
    return found[1].better.edge
