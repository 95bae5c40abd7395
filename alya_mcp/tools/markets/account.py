"""`alpaca_paper_status`: the paper account of a broker if there are keys, else a simulated one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import anyio
from pydantic import AwareDatetime, Field

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Fetched, all_answers
from alya_mcp.toolkit.models import NoArguments, Output
from alya_mcp.toolkit.provenance import Provenance, provenance
from alya_mcp.toolkit.tool import Context, tool

if TYPE_CHECKING:
    from alya_mcp.net.client import Http
    from alya_mcp.tools.markets.sources.alpaca import Account, ExchangeClock, Position

_NOTICE: Final = (
    "A simulated account kept on this machine, since no keys of Alpaca are set. Nothing trades in it. The "
    "clock is worked out from the exchange's rules. The user can set ALYA_ALPACA_KEY_ID and "
    "ALYA_ALPACA_SECRET_KEY to a paper account's keys."
)


class PaperAccount(Output):
    """The account. Money in its currency."""

    status: str = Field(description="Such as ACTIVE.")
    currency: str = Field(description="Currency of all money here.")
    cash: float = Field(description="Cash.")
    equity: float = Field(description="Cash and positions.")
    last_equity: float | None = Field(description="Equity at the last close.")
    buying_power: float | None = Field(description="What could be bought for now.")
    long_market_value: float | None = Field(description="Value of what is held.")
    short_market_value: float | None = Field(description="Value of what is owed; negative.")
    initial_margin: float | None = Field(description="Initial margin.")
    maintenance_margin: float | None = Field(description="Maintenance margin.")
    multiplier: float | None = Field(description="How many times its money the account may buy for.")
    blocked: bool = Field(description="True when trading is blocked or suspended.")
    created_at: AwareDatetime | None = Field(description="When it was opened (UTC).")


class PaperPosition(Output):
    """An open position."""

    symbol: str = Field(description="Symbol.")
    exchange: str | None = Field(description="Exchange.")
    asset_class: str = Field(description="Such as us_equity.")
    side: str = Field(description="long or short.")
    quantity: float = Field(description="How many; negative for a short position.")
    average_price: float = Field(description="Average price paid.")
    current_price: float | None = Field(description="Last price.")
    market_value: float | None = Field(description="Value now.")
    cost_basis: float = Field(description="What it cost.")
    unrealized_pl: float | None = Field(description="Profit or loss if it were closed now.")
    unrealized_pl_pct: float | None = Field(description="The same in percent of the cost.")
    change_today_pct: float | None = Field(description="Change of the price since the last close in percent.")


class MarketClock(Output):
    """Hours of the New York Stock Exchange."""

    timestamp: AwareDatetime = Field(description="Now, in New York's time.")
    is_open: bool = Field(description="Whether it is open.")
    next_open: AwareDatetime = Field(description="When it opens next.")
    next_close: AwareDatetime = Field(description="When it closes next.")
    computed: bool = Field(description="True when worked out from the exchange's rules, not asked.")


class Totals(Output):
    """Sums over the account and its positions, exact before they became numbers."""

    positions: int = Field(description="How many positions there are.")
    market_value: float | None = Field(description="Sum of their values; null when one of them is unknown.")
    cost_basis: float = Field(description="Sum of what they cost.")
    unrealized_pl: float | None = Field(
        description="Sum of their profits and losses; null when one of them is unknown."
    )
    day_pl: float | None = Field(description="Equity less that of the last close.")
    invested_pct: float | None = Field(description="Market value in percent of equity, where known.")


class PaperStatus(Output):
    """The paper account now."""

    account: PaperAccount = Field(description="The account.")
    positions: list[PaperPosition] = Field(description="Its open positions.")
    clock: MarketClock = Field(description="The exchange's hours.")
    totals: Totals = Field(description="Sums.")
    simulated: bool = Field(description="True for an account that is kept on this machine, with no broker.")
    notice: str | None = Field(description="What a simulated account is, and how to get a broker's.")
    source: str = Field(description="Who keeps the account.")
    fetched_at: AwareDatetime = Field(description="When the oldest part was fetched or read (UTC).")
    sources: list[Provenance] = Field(description="What was asked, and what came of it; none when simulated.")


@tool(
    title="Paper account",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def alpaca_paper_status(arguments: NoArguments, context: Context) -> PaperStatus:  # noqa: ARG001
    """Show the paper-trading account: cash, equity, positions, sums, and whether the exchange is open.

    Use it for "how is the paper account doing" and "is the market open". It asks Alpaca's paper trading with
    the user's keys and nothing else: never a live account, and it places, changes and cancels nothing.
    Without keys it shows a simulated account that is kept on this machine, with the exchange's hours worked
    out from its rules, and says so: `simulated` is then true. Wrong keys are an error, never a simulation.

    Returns account, positions, clock, totals, simulated. Money is play money in both cases.
    """
    from alya_mcp.tools.markets.sources import alpaca

    settings = context.hub.settings
    keys = alpaca.keys(settings)
    if keys is None:
        return await _simulated(settings.home)
    account, positions, clock = await _asked(context.hub.http, keys)
    answers: list[Fetched[Any]] = [account, positions, clock]
    return PaperStatus(
        account=_account(account.value),
        positions=[_position(each) for each in positions.value],
        clock=_computed_clock(datetime.now(UTC)) if clock.stale else _clock(clock.value, computed=False),
        totals=_totals(account.value, positions.value),
        simulated=False,
        notice=None,
        source=alpaca.ALPACA.title,
        fetched_at=min(answer.fetched_at for answer in answers),
        sources=[provenance(answer) for answer in answers],
    )


async def _simulated(home: Path) -> PaperStatus:
    from alya_mcp.tools.markets.sources import simulated_account

    now = datetime.now(UTC)
    kept = await anyio.to_thread.run_sync(simulated_account.open_account, home, now)
    return PaperStatus(
        account=_account(kept.account),
        positions=[_position(each) for each in kept.positions],
        clock=_computed_clock(now),
        totals=_totals(kept.account, kept.positions),
        simulated=True,
        notice=_NOTICE,
        source="this machine",
        fetched_at=now,
        sources=[],
    )


async def _asked(
    http: "Http", keys: Mapping[str, str]
) -> "tuple[Fetched[Account], Fetched[list[Position]], Fetched[ExchangeClock]]":
    """Account, positions and clock, asked at once. A part that fails fails all: half an account misleads."""
    from alya_mcp.tools.markets.sources import alpaca

    asks: list[Any] = [partial(ask, http, keys) for ask in (alpaca.account, alpaca.positions, alpaca.clock)]
    answers = await all_answers(asks)
    for answer in answers:
        if isinstance(answer, Unavailable):
            raise alpaca.explained(answer)
    return cast("tuple[Fetched[Account], Fetched[list[Position]], Fetched[ExchangeClock]]", tuple(answers))


def _account(of: "Account") -> PaperAccount:
    return PaperAccount(
        status=of.status,
        currency=of.currency,
        cash=float(of.cash),
        equity=float(of.equity),
        last_equity=_number(of.last_equity),
        buying_power=_number(of.buying_power),
        long_market_value=_number(of.long_market_value),
        short_market_value=_number(of.short_market_value),
        initial_margin=_number(of.initial_margin),
        maintenance_margin=_number(of.maintenance_margin),
        multiplier=_number(of.multiplier),
        blocked=any((of.trading_blocked, of.account_blocked, of.trade_suspended_by_user)),
        created_at=of.created_at,
    )


def _position(of: "Position") -> PaperPosition:
    return PaperPosition(
        symbol=of.symbol,
        exchange=of.exchange or None,
        asset_class=of.asset_class,
        side=of.side,
        quantity=float(of.qty),
        average_price=float(of.avg_entry_price),
        current_price=_number(of.current_price),
        market_value=_number(of.market_value),
        cost_basis=float(of.cost_basis),
        unrealized_pl=_number(of.unrealized_pl),
        unrealized_pl_pct=_percent(of.unrealized_plpc),
        change_today_pct=_percent(of.change_today),
    )


def _computed_clock(now: datetime) -> MarketClock:
    """The clock by the exchange's rules: one that was asked a while ago can't tell whether it is open."""
    from alya_mcp.tools.markets.sources import simulated_account

    return _clock(simulated_account.exchange_clock(now), computed=True)


def _clock(of: "ExchangeClock", *, computed: bool) -> MarketClock:
    return MarketClock(
        timestamp=of.timestamp,
        is_open=of.is_open,
        next_open=of.next_open,
        next_close=of.next_close,
        computed=computed,
    )


def _totals(account: "Account", positions: "Sequence[Position]") -> Totals:
    value = _sum([each.market_value for each in positions])
    return Totals(
        positions=len(positions),
        market_value=_number(value),
        cost_basis=float(sum(each.cost_basis for each in positions)),
        unrealized_pl=_number(_sum([each.unrealized_pl for each in positions])),
        day_pl=None if account.last_equity is None else float(account.equity - account.last_equity),
        invested_pct=None if value is None or not account.equity else float(100 * value / account.equity),
    )


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Their sum; None when one of them is unknown, as the price of a halted share is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _percent(share: Decimal | None) -> float | None:
    return None if share is None else float(100 * share)
