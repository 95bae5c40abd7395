"""Polymarket's Data API: top traders and price histories.

https://data-api.polymarket.com/v2/openapi.json; no key. Its first version was withdrawn in October 2026.
"""

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AliasChoices, Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

DATA: Final = SOURCES["polymarket_data"]
FOUR_HOURS: Final = 4 * 3600
_BOARD: Final = 50


class Trader(Shape):
    """A line of the leaderboard. Amounts in USD; `wallet` is the address under which the trader is known."""

    rank: Annotated[int, Field(ge=1)]
    wallet: Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")] = Field(
        validation_alias=AliasChoices("proxy_wallet", "user_id")
    )
    name: Annotated[str, Field(max_length=200)] = Field("", validation_alias="user_name")
    profit: float = Field(validation_alias="pnl")
    volume: float | None = None


class _Board(Shape):
    data: Records[Trader]


class Point(Shape):
    """A price at a time in seconds since 1970."""

    timestamp: int
    price: Annotated[float, Field(ge=0, le=1)]


class _History(Shape):
    data: Records[Point]


async def leaderboard(http: "Http", period: Literal["day", "all"]) -> Fetched[list[Trader]]:
    """The 50 traders with the highest profit of a period, the first first; renewed every four hours."""
    return await http.get(
        DATA,
        "/v2/leaderboard",
        {"category": "overall", "time_period": period, "sort_by": "PNL", "limit": _BOARD},
        read=_read,
        fresh_for=FOUR_HOURS,
        stale_for=7 * 86_400,
        deadline=10,
    )


async def prices(http: "Http", token: str, *, start: int, end: int) -> Fetched[list[Point]]:
    """The hourly prices of an outcome between two times in seconds since 1970, at most 15 days apart.

    Empty where Polymarket has none.
    """
    return await http.get(
        DATA,
        "/v2/prices-history",
        {"token_id": token, "start": start, "end": end, "bucket_seconds": 3600, "limit": 1000},
        read=_read_points,
        fresh_for=86_400,
        stale_for=7 * 86_400,
        deadline=15,
    )


def _read_points(body: Body) -> list[Point]:
    return body.json(_History).data


def _read(body: Body) -> list[Trader]:
    return sorted(body.json(_Board).data, key=_rank)


def _rank(trader: Trader) -> int:
    return trader.rank
