"""What a bet is worth beyond what it costs: price, fee, edge, Kelly fraction. It never places one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from .book import Book, microprice
from .fees import Fees

_YEAR: Final = 365.0
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet:
    """Buying one side for a size, and holding it to the end.

    `price` is the average price paid, `cost` the same with the fee, both per share that pays 1 USD;
    `edge` is `fair` less `cost`, `ev` the expected profit in USD of all `shares`, `ev_share` that of a USD
    spent. `kelly` is the share of one's money that the Kelly rule (1956) would bet, 0 when it wouldn't.
    """

    side: str
    shares: float
    price: float
    fee: float
    cost: float
    fair: float
    edge: float
    ev: float
    ev_share: float
    kelly: float


def own_fair(book: Book, usd: float) -> float | None:
    """What the book itself says of the outcome, at the size that `usd` buys; None where it is too thin."""
    bought = book.buy(usd)
    sold = book.sell(bought.shares) if bought else None
    return microprice(bought, sold) if bought and sold else None


def bet(side: str, book: Book, fees: Fees, fair: float, usd: float) -> Bet | None:
    """Buying `side`, whose book and fair probability these are, for `usd`; None where the book is thin."""
    bought = book.buy(usd)
    if bought is None:
        return None
    fee = sum(fees.of(level.shares, level.price) for level in bought.levels)
    cost = (bought.usd + fee) / bought.shares
    edge = fair - cost
    return Bet(
        side=side,
        shares=bought.shares,
        price=bought.price,
        fee=fee,
        cost=cost,
        fair=fair,
        edge=edge,
        ev=edge * bought.shares,
        ev_share=edge / cost,
        kelly=kelly(fair, cost),
    )


def kelly(fair: float, cost: float) -> float:
    """(fair - cost) / (1 - cost) where that is positive, else 0."""
    return max(0.0, (fair - cost) / (1 - cost)) if cost < 1 else 0.0


def days_to(end: datetime | None, now: datetime) -> float | None:
    """Days until `end`; None when that isn't known or past."""
    if end is None or end <= now:
        return None
    return (end - now).total_seconds() / _DAY


def annualised(ev_share: float, days: float | None) -> float | None:
    """A year of such bets in a row, without compounding; None for less than a day or an unknown end."""
    return None if days is None or days < 1 else ev_share * _YEAR / days
