"""Polymarket's Gamma API: its markets, with their prices, volumes, fees and outcomes.

https://docs.polymarket.com/api-reference/markets/list-markets-keyset-pagination; no key. Lists inside an
answer come as JSON in a string, volumes as text, and markets of the early years lack many fields.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BeforeValidator, Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.markets.logic.fees import Fees

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

GAMMA: Final = SOURCES["polymarket_gamma"]
PAGE: Final = 100
"""Markets of a page, the most that Gamma gives."""

_SITE: Final = "https://polymarket.com"
_LARGEST: Final = 12 << 20


def _opened(value: Any) -> Any:
    """A list that Gamma writes as JSON in a string, or not at all."""
    if value is None or value == "":
        return []
    try:
        return json.loads(value) if isinstance(value, str) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _or_none(value: Any) -> Any:
    return None if value == "" else value


def _moment(value: Any) -> datetime | None:
    """A time with its zone; None for what says less, as in markets of the early years."""
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else None


Strings = Annotated[list[Annotated[str, Field(max_length=200)]], BeforeValidator(_opened)]
Prices = Annotated[list[Annotated[float, Field(ge=0, le=1)]], BeforeValidator(_opened)]
GammaNumber = Annotated[float | None, BeforeValidator(_or_none)]
GammaTime = Annotated[datetime | None, BeforeValidator(_moment)]
Text = Annotated[str, Field(max_length=2000)]


class _Event(Shape):
    slug: Text = ""


class _FeeSchedule(Shape):
    exponent: float | None = None
    rate: Annotated[float, Field(ge=0, le=1)] | None = None


class Market(Shape):
    """One question with its outcomes; every price is that of the first outcome.

    Changes are differences of the price over the span, volumes in USD. A market of the early years has fewer
    than two outcomes or no `tokens`; what Gamma leaves out is None.
    """

    id: Text
    question: Text
    slug: Text
    condition_id: Text = Field("", alias="conditionId")
    outcomes: Strings = Field(default_factory=list[str])
    prices: Prices = Field(default_factory=list[float], alias="outcomePrices")
    tokens: Strings = Field(default_factory=list[str], alias="clobTokenIds")
    start: GammaTime = Field(None, alias="startDate")
    end: GammaTime = Field(None, alias="endDate")
    ended: GammaTime = Field(None, alias="closedTime")
    active: bool = False
    closed: bool = False
    accepting: bool | None = Field(None, alias="acceptingOrders")
    has_book: bool | None = Field(None, alias="enableOrderBook")
    volume: GammaNumber = Field(None, alias="volumeNum")
    volume_day: GammaNumber = Field(None, alias="volume24hr")
    volume_week: GammaNumber = Field(None, alias="volume1wk")
    liquidity: GammaNumber = Field(None, alias="liquidityNum")
    bid: GammaNumber = Field(None, alias="bestBid")
    ask: GammaNumber = Field(None, alias="bestAsk")
    spread: GammaNumber = None
    last: GammaNumber = Field(None, alias="lastTradePrice")
    change_hour: GammaNumber = Field(None, alias="oneHourPriceChange")
    change_day: GammaNumber = Field(None, alias="oneDayPriceChange")
    change_week: GammaNumber = Field(None, alias="oneWeekPriceChange")
    resolution: str | None = Field(None, alias="umaResolutionStatus")
    fees_enabled: bool | None = Field(None, alias="feesEnabled")
    fee_schedule: _FeeSchedule | None = Field(None, alias="feeSchedule")
    events: Records[_Event] = Field(default_factory=list[_Event])

    @property
    def url(self) -> str:
        """Its page."""
        if self.events and self.events[0].slug:
            return f"{_SITE}/event/{self.events[0].slug}/{self.slug}"
        return f"{_SITE}/market/{self.slug}"

    @property
    def fees(self) -> Fees | None:
        """The taker fee; None if it is unknown or follows no documented formula."""
        if self.fees_enabled is False or (self.fee_schedule and self.fee_schedule.rate == 0):
            return Fees(rate=0.0)
        if self.fee_schedule is None or self.fee_schedule.rate is None or self.fee_schedule.exponent != 1:
            return None
        return Fees(rate=self.fee_schedule.rate)


class Page(Shape):
    """Some markets, and where the next ones begin; None on the last page."""

    markets: Records[Market]
    next_cursor: str | None = None


async def busiest(http: "Http", *, cursor: str | None = None) -> Fetched[Page]:
    """Open markets, those with the most volume of the last 24 hours first, 100 at a time."""
    return await _page(http, cursor, "volume24hr", closed=False, fresh_for=30)


async def closed(http: "Http", *, cursor: str | None = None) -> Fetched[Page]:
    """Markets that have ended, those with the most volume first, 100 at a time."""
    return await _page(http, cursor, "volumeNum", closed=True, fresh_for=86_400)


async def _page(
    http: "Http", cursor: str | None, order: str, *, closed: bool, fresh_for: float
) -> Fetched[Page]:
    params: dict[str, str | int] = {
        "limit": PAGE,
        "order": order,
        "ascending": "false",
        "closed": str(closed).lower(),
    }
    if cursor:
        params["after_cursor"] = cursor
    return await http.get(
        GAMMA,
        "/markets/keyset",
        params,
        read=_read,
        fresh_for=fresh_for,
        stale_for=fresh_for + 6 * 3600,
        deadline=10,
        largest=_LARGEST,
    )


def _read(body: Body) -> Page:
    return body.json(Page)
