"""`polymarket_signals`: markets with unusual moves."""

from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import AwareDatetime, Field

from alya_mcp.errors import Unavailable
from alya_mcp.settings.providers import SOURCES
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.provenance import Provenance, failed, provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.markets.logic.signals import (
    PRICE,
    SPREAD,
    VOLUME,
    MarketSnapshot,
    Signal,
    SignalKind,
    signals,
)
from alya_mcp.tools.markets.market import MarketName, named

if TYPE_CHECKING:
    from alya_mcp.net.answers import Fetched
    from alya_mcp.net.client import Http
    from alya_mcp.tools.markets.sources.polymarket_gamma import Market, Page

_PAGES: Final = 3


class SignalsRequest(Input):
    """Which signals."""

    limit: int = Field(
        20, ge=1, le=50, description="How many signals to return at most, the strongest first."
    )
    min_volume24h: float = Field(
        10_000,
        alias="minVolume24h",
        ge=0,
        le=1e9,
        description="Leave out markets with less volume in 24 hours, in USD.",
    )
    kind: SignalKind | None = Field(
        None,
        description="Only this kind: the price within an hour, a day or a week, the volume, the spread, or a "
        "resolution that is under way. All when left out.",
    )


class Evidence(Output):
    """A number behind a signal."""

    name: str = Field(description="What it is, such as change, before, price, ratio, averageDay.")
    value: float = Field(description="Its value: prices in USD of a share that pays 1, volumes in USD.")


class MarketSignal(Output):
    """Something that a market does."""

    market: MarketName = Field(description="Which market.")
    signal: SignalKind = Field(description="What kind of signal.")
    strength: float = Field(description="How many times the kind's threshold it reaches; 1 just reaches it.")
    why: str = Field(description="What happened, in words.")
    numbers: list[Evidence] = Field(description="The numbers behind it.")
    outcome: str = Field(description="The outcome whose price is meant, in the market's word.")
    price: float | None = Field(description="Its last price.")
    volume24h: float | None = Field(alias="volume24h", description="Volume of 24 hours in USD.")
    liquidity_usd: float | None = Field(
        description="What stands in its book, in USD, as Polymarket counts it."
    )


class Threshold(Output):
    """From when on something counts."""

    kind: SignalKind = Field(description="Which kind of signal.")
    value: float = Field(description="The least that counts.")
    unit: str = Field(description="What it is measured in.")


class MarketSignals(Output):
    """What moves on Polymarket."""

    signals: list[MarketSignal] = Field(description="Signals, the strongest first.")
    total: int = Field(description="How many there were in all; more than signals when limit cut them.")
    markets: int = Field(
        description="How many markets were looked at, those with the most volume of 24 hours."
    )
    whole: bool = Field(description="False when there are more markets of that volume than were looked at.")
    thresholds: list[Threshold] = Field(description="From when on something counts.")
    fetched_at: AwareDatetime = Field(description="When the oldest of the answers used was fetched (UTC).")
    sources: list[Provenance] = Field(description="Where it is from.")


@tool(
    title="Market signals",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def polymarket_signals(arguments: SignalsRequest, context: Context) -> MarketSignals:
    """List price and volume moves on Polymarket that are worth a look, with the numbers behind each.

    Use it for "what is moving", news that markets noticed, and books that stand far apart. Use
    polymarket_edge for what a bet would be worth after fees and polymarket_categorize to sort titles. A move
    isn't a reason to follow it: the price has it in already. It looks at the 300 busiest open markets, knows
    no history beyond a week and can't tell that a spread narrowed; it trades nothing.

    Returns per signal the market, kind, strength (times the threshold), words and numbers. Questions are
    other people's words. Renewed every half minute.
    """
    http = context.hub.http
    pages, whole, failure = await _pages(http, arguments.min_volume24h)
    looked = [
        each
        for number, page in enumerate(pages)
        for each in http.memo.get(("signals", number, page.fetched_at), partial(_looked, page))
        if (each[0].volume_day or 0) >= arguments.min_volume24h
    ]
    found = [
        (signal, market)
        for market, its_own in looked
        for signal in its_own
        if arguments.kind in {None, signal.kind}
    ]
    found.sort(key=_strength, reverse=True)
    return MarketSignals(
        signals=[_row(signal, market) for signal, market in found[: arguments.limit]],
        total=len(found),
        markets=len(looked),
        whole=whole,
        thresholds=_thresholds(),
        fetched_at=min(page.fetched_at for page in pages),
        sources=[
            *(provenance(page) for page in pages),
            *([failed(SOURCES["polymarket_gamma"], failure)] if failure else []),
        ],
    )


async def _pages(http: "Http", least: float) -> "tuple[list[Fetched[Page]], bool, Unavailable | None]":
    """The pages with markets of `least` volume, three at most, whether they hold all, and what failed."""
    from alya_mcp.tools.markets.sources import polymarket_gamma

    pages: list[Fetched[Page]] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        try:
            pages.append(await polymarket_gamma.busiest(http, cursor=cursor))
        except Unavailable as failure:
            if not pages:
                raise
            return pages, False, failure
        page = pages[-1].value
        cursor = page.next_cursor
        if cursor is None or not page.markets or (page.markets[-1].volume_day or 0) < least:
            return pages, True, None
    return pages, False, None


def _looked(page: "Fetched[Page]") -> "list[tuple[Market, list[Signal]]]":
    """A page's open markets with two outcomes, each with its signals as of when the page was fetched."""
    return [
        (market, signals(_snapshot(market), page.fetched_at))
        for market in page.value.markets
        if len(market.outcomes) == 2 and not market.closed
    ]


def _snapshot(market: "Market") -> MarketSnapshot:
    return MarketSnapshot(
        started=market.start,
        price=_price(market),
        bid=market.bid,
        ask=market.ask,
        change_hour=market.change_hour,
        change_day=market.change_day,
        change_week=market.change_week,
        volume_day=market.volume_day,
        volume_week=market.volume_week,
        resolution=market.resolution,
    )


def _price(market: "Market") -> float | None:
    return market.last if market.last is not None else next(iter(market.prices), None)


def _strength(found: "tuple[Signal, Market]") -> float:
    return found[0].strength


def _row(signal: Signal, market: "Market") -> MarketSignal:
    return MarketSignal(
        market=named(market),
        signal=signal.kind,
        strength=signal.strength,
        why=signal.why,
        numbers=[Evidence(name=name, value=value) for name, value in signal.numbers.items()],
        outcome=market.outcomes[0],
        price=_price(market),
        volume24h=market.volume_day,
        liquidity_usd=market.liquidity,
    )


def _thresholds() -> list[Threshold]:
    return [
        *(Threshold(kind=kind, value=least, unit="USD of a share") for kind, least in PRICE.items()),
        Threshold(kind="volume", value=VOLUME, unit="times an average day"),
        Threshold(kind="spread", value=SPREAD, unit="USD of a share"),
    ]
