"""`polymarket_top_traders`: the traders who earn most on Polymarket."""

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from pydantic import AwareDatetime, Field

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, all_answers, none_answered
from alya_mcp.toolkit.models import Input, Output, UntrustedText
from alya_mcp.toolkit.provenance import Provenance, failed, provenance
from alya_mcp.toolkit.tool import Context, tool

if TYPE_CHECKING:
    from alya_mcp.tools.markets.sources.polymarket_data import Trader

Window = Literal["1d", "all"]
_OF_ALL: Final = 20
_OF_DAY: Final = 5


class TradersRequest(Input):
    """Which leaderboard."""

    limit: int = Field(25, ge=1, le=50, description="How many traders to return at most.")
    window: Literal["1d", "all", "both"] = Field(
        "both",
        description="1d: the last day's; all: all time's; both: the first 20 of all time and the first 5 of "
        "the last day, each once.",
    )


class Standing(Output):
    """A trader's place on another leaderboard."""

    window: Window = Field(description="Which leaderboard.")
    rank: int = Field(description="Place, from 1.")
    profit_usd: float = Field(description="Profit of the window in USD.")


class TopTrader(Output):
    """One trader."""

    wallet: str = Field(description="Address of the trader's wallet.")
    window: Window = Field(description="The leaderboard that the place is from.")
    rank: int = Field(description="Place on it, from 1.")
    profit_usd: float = Field(description="Profit of the window in USD, as Polymarket counts it.")
    volume_usd: float | None = Field(description="Volume of the window, as Polymarket counts it.")
    name: UntrustedText | None = Field(description="The name that the trader chose.")
    also: Standing | None = Field(description="The place on the other leaderboard, when both were asked for.")


class TopTraders(Output):
    """The leaderboard."""

    traders: list[TopTrader] = Field(description="Traders: all time's in order, then the last day's.")
    complete: bool = Field(description="False when a leaderboard is missing or an old one stands in.")
    fetched_at: AwareDatetime = Field(description="When the older of the answers used was fetched (UTC).")
    sources: list[Provenance] = Field(description="What was asked, and what came of it.")


@tool(
    title="Top traders",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def polymarket_top_traders(arguments: TradersRequest, context: Context) -> TopTraders:
    """List the traders with the highest profit on Polymarket, of all time and of the last day.

    Use it to find wallets worth following. Use polymarket_signals for markets that move and polymarket_edge
    for what a bet is worth. Profit is Polymarket's own count; the first of a day were mostly lucky, and past
    profit says little about the next. It shows no positions and trades nothing.

    Returns per trader wallet, window, rank and profitUsd. With window both a trader who is on both lists
    stands there once, with the other place in `also`. Renewed every four hours; `sources` says how old it is.
    """
    from alya_mcp.tools.markets.sources import polymarket_data

    windows: list[Window] = ["all", "1d"] if arguments.window == "both" else [arguments.window]
    asked = await all_answers(
        [
            partial(polymarket_data.leaderboard, context.hub.http, "day" if window == "1d" else "all")
            for window in windows
        ]
    )
    boards: dict[Window, Fetched[list[Trader]]] = {
        window: answer for window, answer in zip(windows, asked, strict=True) if isinstance(answer, Fetched)
    }
    if not boards:
        failures = [answer for answer in asked if isinstance(answer, Unavailable)]
        raise none_answered("No leaderboard could be had", failures)
    if arguments.window == "both":
        most: dict[Window, int] = {"all": _OF_ALL, "1d": _OF_DAY}
    else:
        most = {arguments.window: arguments.limit}
    rows = _union({window: board.value[: most[window]] for window, board in boards.items()})
    return TopTraders(
        traders=rows[: arguments.limit],
        complete=len(boards) == len(windows) and not any(board.stale for board in boards.values()),
        fetched_at=min(board.fetched_at for board in boards.values()),
        sources=[
            provenance(answer) if isinstance(answer, Fetched) else failed(polymarket_data.DATA, answer)
            for answer in asked
        ],
    )


def _union(boards: "dict[Window, list[Trader]]") -> list[TopTrader]:
    """Each trader once: under all time where there is a place, the other place beside it."""
    day = {trader.wallet.lower(): trader for trader in boards.get("1d", [])}
    rows: list[TopTrader] = []
    for trader in boards.get("all", []):
        other = day.pop(trader.wallet.lower(), None)
        rows.append(_row(trader, "all", other))
    return rows + [_row(trader, "1d", None) for trader in day.values()]


def _row(trader: "Trader", window: Window, other: "Trader | None") -> TopTrader:
    return TopTrader(
        wallet=trader.wallet,
        window=window,
        rank=trader.rank,
        profit_usd=trader.profit,
        volume_usd=trader.volume,
        name=UntrustedText.of(trader.name, "Polymarket") if trader.name else None,
        also=Standing(window="1d", rank=other.rank, profit_usd=other.profit) if other else None,
    )
