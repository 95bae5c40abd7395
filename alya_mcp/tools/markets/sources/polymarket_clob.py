"""Polymarket's order books (CLOB API).

https://docs.polymarket.com/api-reference; no key. Prices and sizes are text; bids ascend and asks descend, so
that the best of each is the last. A closed market has no book (404).
"""

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.markets.logic.book import Book, Level

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

CLOB: Final = SOURCES["polymarket_clob"]


class _Level(Shape):
    price: Annotated[float, Field(gt=0, lt=1)]
    size: Annotated[float, Field(ge=0)]


class _Book(Shape):
    bids: Records[_Level]
    asks: Records[_Level]


async def book(http: "Http", token: str) -> Fetched[Book]:
    """The order book of an outcome now."""
    return await http.get(
        CLOB, "/book", {"token_id": token}, read=_read_book, fresh_for=10, stale_for=600, deadline=8
    )


def _read_book(body: Body) -> Book:
    read = body.json(_Book)
    bids = sorted((Level(each.price, each.size) for each in read.bids if each.size), key=_price, reverse=True)
    asks = sorted((Level(each.price, each.size) for each in read.asks if each.size), key=_price)
    return Book(bids=tuple(bids), asks=tuple(asks))


def _price(level: Level) -> float:
    return level.price
