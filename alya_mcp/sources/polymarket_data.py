"""Polymarket's Data API: who earned most.

https://data-api.polymarket.com/v2/openapi.json; no key. Its first version was withdrawn in October 2026.
"""

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import AliasChoices, Field

from alya_mcp.outside import SOURCES

from .fetched import Body, Fetched, Shape

if TYPE_CHECKING:
    from .http import Http

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
    data: list[Trader]


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


def _read(body: Body) -> list[Trader]:
    return sorted(body.json(_Board).data, key=_rank)


def _rank(trader: Trader) -> int:
    return trader.rank
