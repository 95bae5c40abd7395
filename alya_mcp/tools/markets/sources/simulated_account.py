"""A simulated account for users without a broker, kept in ALYA_HOME, in the shapes of Alpaca's.

Nothing here trades, so it changes only when the user edits the file: `account` and `positions` are what
Alpaca would answer. The clock is the exchange's own rules.
"""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import Shape
from alya_mcp.runtime.private_files import write_whole
from alya_mcp.tools.markets.logic import nyse
from alya_mcp.tools.markets.sources.alpaca import Account, ExchangeClock, Position

FILE: Final = "paper-account.json"
CASH: Final = "100000"
"""USD in a new account, as many as Alpaca gives."""


class Simulation(Shape):
    """What the file holds."""

    account: Account
    positions: list[Position]


def open_account(home: Path, now: datetime) -> Simulation:
    """The account of a home, made when there is none.

    Raises:
        Unavailable: the file can't be read or written.
    """
    path = home / FILE
    try:
        if not path.exists():
            _write_once(path, _new(now))
        return Simulation.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Unavailable(f"the simulated account can't be kept: {error.strerror}") from None
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"]) or "the whole file"
        raise Unavailable(
            f"the simulated account's file ({FILE} in ALYA_HOME) can't be read at {where}; "
            "the user should correct it, or remove it for a new account"
        ) from None


def exchange_clock(now: datetime) -> ExchangeClock:
    """The exchange's clock, computed."""
    found = nyse.clock(now)
    return ExchangeClock(
        timestamp=found.now, is_open=found.is_open, next_open=found.next_open, next_close=found.next_close
    )


def _new(now: datetime) -> bytes:
    account = {
        "status": "ACTIVE",
        "currency": "USD",
        "cash": CASH,
        "equity": CASH,
        "last_equity": CASH,
        "buying_power": CASH,
        "long_market_value": "0",
        "short_market_value": "0",
        "initial_margin": "0",
        "maintenance_margin": "0",
        "multiplier": "1",
        "trading_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "created_at": now.isoformat(),
    }
    return json.dumps({"account": account, "positions": []}, indent=2).encode() + b"\n"


def _write_once(path: Path, content: bytes) -> None:
    """Write the file whole, unless another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        write_whole(path, content, mode=0o600, new=True)
