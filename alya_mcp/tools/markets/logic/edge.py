"""Edge of a bet: price, fee, edge, Kelly fraction. It never places one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alya_mcp.tools.markets.logic.book import Book, depth_usd, microprice
from alya_mcp.tools.markets.logic.fair import Opinion, Opinions, RecalibrationFit, about, pooled, weight
from alya_mcp.tools.markets.logic.fees import Fees

NEAR: Final = 0.02
"""Depth is counted up to so much from the best price, in USD of a share that pays 1."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryMarket:
    """What can be bet on: two outcomes, the book of the first, what trading costs, when it ends."""

    text: str
    outcomes: tuple[str, str]
    book: Book
    fees: Fees
    ends: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Both sides of a question, the better bet first. `own` is what the book alone says of the first outcome.

    `independent` is True where something besides the market's own book speaks in `fair`.
    """

    better: Bet
    worse: Bet
    own: float
    fair: float
    spread: float
    depth_usd: float
    opinions: tuple[Opinion, ...]
    independent: bool
    reasons: tuple[str, ...]


def assess(
    question: BinaryMarket, opinions: Opinions, recalibration: RecalibrationFit, usd: float
) -> Assessment | None:
    """What both sides of a question are worth for a bet of `usd`; None where its book is too thin for that.

    The fair probability is the book's own at that size, corrected where a recalibration is fitted, pooled
    with what others think of the very same question.
    """
    first, second = question.outcomes
    own = own_fair(question.book, usd)
    if own is None:
        return None
    found = about(question.text, question.ends, opinions) if first.casefold() == "yes" else []
    corrected = recalibration.of(own)
    fair = pooled(corrected, found)
    bets = (
        bet(first, question.book, question.fees, fair, usd),
        bet(second, question.book.other, question.fees, 1 - fair, usd),
    )
    if bets[0] is None or bets[1] is None:
        return None
    better, worse = sorted((bets[0], bets[1]), key=_edge, reverse=True)
    book = question.book if better.side == first else question.book.other
    return Assessment(
        better=better,
        worse=worse,
        own=own,
        fair=fair,
        spread=book.spread,
        depth_usd=depth_usd(book.asks, within=NEAR),
        opinions=tuple(found),
        independent=bool(found) or recalibration.fitted,
        reasons=tuple(_reasons(question, own, corrected, fair, found, better)),
    )


def _edge(of: Bet) -> float:
    return of.edge


def _reasons(
    question: BinaryMarket, own: float, corrected: float, fair: float, found: Sequence[Opinion], better: Bet
) -> list[str]:
    first = question.outcomes[0]
    said = [f"its own book puts {first} at {own:.4f} for this size"]
    if corrected != own:
        said.append(f"resolved markets of that price came true in {corrected:.4f}")
    said += [f"{each.venue} has {each.probability:.4f}, from {each.people} people" for each in found]
    if found:
        share = 100 * weight(sum(each.people for each in found))
        said.append(f"with {share:.1f} % of what others think that is {fair:.4f}")
    elif corrected == own:
        said.append("no independent information: the edge is only what trading costs")
    cost = better.cost - better.price
    said.append(f"{better.side} costs {better.price:.4f} and a fee of {cost:.4f} a share")
    return said


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
