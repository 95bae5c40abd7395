"""Alpaca's paper trading: an account of play money at a real broker, its positions, the exchange's clock.

https://docs.alpaca.markets/reference; 200 requests a minute. Money comes as text, times with nanoseconds, and
fields about day trading went in July 2026. Only the paper host is asked: the same paths at another one are
real money.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import AwareDatetime, Field

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.net.answers import Body, Fetched, Shape, SourceRefused
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import SOURCES

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

ALPACA: Final = SOURCES["alpaca"]
_PAPER: Final = "paper-api.alpaca.markets"
_HOSTS: Final = frozenset({_PAPER, "127.0.0.1", "localhost", "::1"})
_PAIRS: Final = (
    ("ALYA_ALPACA_KEY_ID", "ALYA_ALPACA_SECRET_KEY"),
    ("APCA_API_KEY_ID", "APCA_API_SECRET_KEY"),
)
_REFUSED: Final = frozenset({401, 403})

T = TypeVar("T")
ShortText = Annotated[str, Field(max_length=60)]


class Account(Shape):
    """An account; money in `currency`, exact."""

    status: ShortText
    currency: ShortText
    cash: Decimal
    equity: Decimal
    last_equity: Decimal | None = None
    buying_power: Decimal | None = None
    long_market_value: Decimal | None = None
    short_market_value: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    multiplier: Decimal | None = None
    trading_blocked: bool | None = None
    account_blocked: bool | None = None
    trade_suspended_by_user: bool | None = None
    created_at: AwareDatetime | None = None


class Position(Shape):
    """An open position; `unrealized_plpc` and its like are shares of one, not percent."""

    symbol: ShortText
    exchange: ShortText | None = None
    asset_class: ShortText
    side: ShortText
    qty: Decimal
    avg_entry_price: Decimal
    market_value: Decimal | None = None
    cost_basis: Decimal
    unrealized_pl: Decimal | None = None
    unrealized_plpc: Decimal | None = None
    current_price: Decimal | None = None
    change_today: Decimal | None = None


class ExchangeClock(Shape):
    """The exchange's hours."""

    timestamp: AwareDatetime
    is_open: bool
    next_open: AwareDatetime
    next_close: AwareDatetime


def keys(settings: Settings) -> Mapping[str, str] | None:
    """The headers with the user's keys; None when no key is set.

    Raises:
        NotConfigured: half a pair is set, or they would go to a host that isn't for paper trading or
            go there unencrypted.
    """
    held = settings.source_secrets
    for name, secret in _PAIRS:
        if name in held and secret in held:
            _check_host(settings)
            return {"APCA-API-KEY-ID": held[name], "APCA-API-SECRET-KEY": held[secret]}
        if name in held or secret in held:
            there, missing = (name, secret) if name in held else (secret, name)
            raise NotConfigured(
                f"{there} is set and {missing} isn't; Alpaca needs both, or neither for a simulation"
            )
    return None


def _check_host(settings: Settings) -> None:
    url = settings.source_urls.get(ALPACA.key, ALPACA.url)
    parts = urlsplit(url)
    host = parts.hostname
    if host == _PAPER and parts.scheme != "https":
        raise NotConfigured(f"{ALPACA.variable} is not encrypted; it takes {ALPACA.url}")
    if host not in _HOSTS:
        raise NotConfigured(
            f"{ALPACA.variable} leads to {host}, which isn't Alpaca's paper trading; it takes {ALPACA.url} "
            "and nothing is sent elsewhere, since that may be a real account"
        )


def explained(failure: Unavailable) -> Failure:
    """A failure of this module's functions in words for the user, where keys are the reason."""
    if isinstance(failure, SourceRefused) and failure.status in _REFUSED:
        return NotConfigured(
            f"Alpaca refuses the keys ({failure.status}). The user should check ALYA_ALPACA_KEY_ID and "
            "ALYA_ALPACA_SECRET_KEY: they must be those of the paper account, not of the live one"
        )
    return failure


async def account(http: "Http", keys: Mapping[str, str]) -> Fetched[Account]:
    """The account that the keys open."""
    return await _get(http, keys, "/v2/account", _account)


async def positions(http: "Http", keys: Mapping[str, str]) -> Fetched[list[Position]]:
    """Its open positions."""
    return await _get(http, keys, "/v2/positions", _positions)


async def clock(http: "Http", keys: Mapping[str, str]) -> Fetched[ExchangeClock]:
    """The exchange's clock."""
    return await _get(http, keys, "/v2/clock", _clock)


async def _get(http: "Http", keys: Mapping[str, str], path: str, read: Callable[[Body], T]) -> Fetched[T]:
    return await http.get(ALPACA, path, read=read, secrets=keys, fresh_for=5, stale_for=4 * 3600, deadline=10)


def _account(body: Body) -> Account:
    return body.json(Account)


def _positions(body: Body) -> list[Position]:
    return body.json(list[Position])


def _clock(body: Body) -> ExchangeClock:
    return body.json(ExchangeClock)
