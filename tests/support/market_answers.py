"""Documented answers of Polymarket, Manifold and Alpaca, hand-written after their pages, quirks included."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime.now(UTC).replace(microsecond=0)

MARKETS, BOOK, HISTORY = "/markets/keyset", "/book", "/v2/prices-history"
BOARD, QUESTIONS = "/v2/leaderboard", "/v0/search-markets"
ACCOUNT, POSITIONS, CLOCK = "/v2/account", "/v2/positions", "/v2/clock"


def market(number: int = 1, question: str = "Will it rain?", **fields: Any) -> dict[str, Any]:
    """A market of Gamma: lists are JSON in a string, some amounts text."""
    days = fields.pop("days", 30)
    usual = {
        "id": str(500_000 + number),
        "question": question,
        "conditionId": f"0x{number:064x}",
        "slug": f"market-{number}",
        "startDate": stamp(NOW - timedelta(days=60)),
        "endDate": stamp(NOW + timedelta(days=days)),
        "description": "This market resolves to Yes if ...",
        "outcomes": json.dumps(["Yes", "No"]),
        "outcomePrices": json.dumps(["0.49", "0.51"]),
        "clobTokenIds": json.dumps([f"{number}001", f"{number}002"]),
        "volume": "900000.5",
        "volumeNum": 900000.5,
        "liquidity": "45000.25",
        "liquidityNum": 45000.25,
        "volume24hr": 50_000 - number,
        "volume1wk": 350_000,
        "active": True,
        "closed": False,
        "archived": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "negRisk": False,
        "bestBid": 0.48,
        "bestAsk": 0.5,
        "spread": 0.02,
        "lastTradePrice": 0.49,
        "oneHourPriceChange": 0.0,
        "oneDayPriceChange": 0.01,
        "oneWeekPriceChange": -0.01,
        "feesEnabled": True,
        "feeType": "other",
        "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
        "events": [{"id": "1", "slug": f"event-{number}", "title": "An event"}],
    }
    return {name: value for name, value in (usual | fields).items() if value is not None}


def legacy(number: int = 90) -> dict[str, Any]:
    """A market of the early years, with one outcome and little else."""
    return {
        "id": str(number), "question": "How many?", "slug": f"old-{number}", "outcomes": json.dumps(["Long"]),
        "outcomePrices": None, "endDate": "", "active": True, "closed": False,
    }  # fmt: skip


def page(*markets: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    """A page of markets; the last one has no cursor."""
    return {"markets": list(markets)} | ({"next_cursor": cursor} if cursor else {})


def book(
    token: str = "1001",
    bids: tuple[tuple[float, float], ...] = ((0.48, 1000), (0.46, 4000)),
    asks: tuple[tuple[float, float], ...] = ((0.50, 1000), (0.52, 4000)),
) -> dict[str, Any]:
    """An order book: text for numbers, the best of each side last."""
    return {
        "market": "0x1", "asset_id": token, "timestamp": str(int(NOW.timestamp() * 1000)), "hash": "abc",
        "bids": [{"price": str(price), "size": str(size)} for price, size in sorted(bids)],
        "asks": [{"price": str(price), "size": str(size)} for price, size in sorted(asks, reverse=True)],
        "min_order_size": "5", "tick_size": "0.01", "neg_risk": False, "last_trade_price": "0.49",
    }  # fmt: skip


def trader(rank: int, number: int, profit: float, **fields: Any) -> dict[str, Any]:
    """A line of the leaderboard."""
    return {
        "rank": rank, "user_id": f"0x{number:040x}", "user_name": f"trader {number}", "pnl": profit,
        "volume": 10 * profit, "verified": False, "profile_image": "", "x_username": "",
    } | fields  # fmt: skip


def board(*traders: dict[str, Any]) -> dict[str, Any]:
    """A page of the leaderboard."""
    return {
        "data": list(traders),
        "pagination": {"limit": 50, "offset": 0, "has_more": False, "next_cursor": None},
    }


def prices(*points: tuple[int, float]) -> dict[str, Any]:
    """Prices at times in seconds since 1970."""
    return {
        "data": [{"timestamp": time, "price": price, "resolution_seconds": 3600} for time, price in points],
        "pagination": {"limit": 1000, "offset": 0, "has_more": False, "next_cursor": None},
    }


def question(text: str = "Will it rain?", probability: float | None = 0.9, **fields: Any) -> dict[str, Any]:
    """A question of Manifold."""
    return {
        "id": "EvIhzcJXwhL0HavaszD7", "creatorUsername": "Someone", "createdTime": 1653850472294,
        "closeTime": int((NOW + timedelta(days=35)).timestamp() * 1000), "question": text,
        "url": "https://manifold.markets/Someone/will-it-rain", "pool": {"YES": 1, "NO": 9},
        "probability": probability, "p": 0.5, "totalLiquidity": 1000, "outcomeType": "BINARY",
        "mechanism": "cpmm-1", "volume": 2410.5, "volume24Hours": 10, "isResolved": False,
        "uniqueBettorCount": 57, "token": "MANA",
    } | fields  # fmt: skip


ALPACA_ACCOUNT = {
    "id": "e6fe16f3-64a4-4921-8928-cadf02f92f98", "account_number": "PA123", "status": "ACTIVE",
    "crypto_status": "ACTIVE", "currency": "USD", "cash": "80000.10", "equity": "100100.30",
    "last_equity": "100000.10", "portfolio_value": "100100.30", "buying_power": "180100.40",
    "regt_buying_power": "180100.40", "long_market_value": "20100.20", "short_market_value": "0",
    "initial_margin": "10050.1", "maintenance_margin": "6030.06", "sma": "0", "multiplier": "2",
    "accrued_fees": "0", "shorting_enabled": True, "trading_blocked": False, "transfers_blocked": False,
    "account_blocked": False, "trade_suspended_by_user": False, "created_at": "2026-01-05T14:02:11.123456Z",
}  # fmt: skip
"""Without the fields about day trading, which went in July 2026."""

ALPACA_POSITIONS = [
    {"asset_id": "904837e3-3b76-47ec-b432-046db621571b", "symbol": "AAPL", "exchange": "NASDAQ",
     "asset_class": "us_equity", "avg_entry_price": "100.1", "qty": "100.5", "side": "long",
     "market_value": "10100.10", "cost_basis": "10060.05", "unrealized_pl": "40.05",
     "unrealized_plpc": "0.0039811", "unrealized_intraday_pl": "10.1", "unrealized_intraday_plpc": "0.001",
     "current_price": "100.4985", "lastday_price": "100", "change_today": "0.004985"},
    {"asset_id": "64bbff51-59d6-4b3c-9351-13ad85e3c752", "symbol": "BTCUSD", "exchange": "CRYPTO",
     "asset_class": "crypto", "avg_entry_price": "50000", "qty": "0.2", "side": "long",
     "market_value": "10000.10", "cost_basis": "10000", "unrealized_pl": "0.1", "unrealized_plpc": "0.00001",
     "current_price": "50000.5", "lastday_price": None, "change_today": None},
]  # fmt: skip

ALPACA_CLOCK = {
    "timestamp": "2022-05-16T16:32:24.143735881-04:00", "is_open": False,
    "next_open": "2022-05-17T09:30:00-04:00", "next_close": "2022-05-17T16:00:00-04:00",
}  # fmt: skip
"""With nanoseconds."""


def stamp(moment: datetime) -> str:
    """As Gamma writes times."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
