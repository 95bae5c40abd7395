"""An order book: cost and proceeds of a size, and the microprice."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """Shares on offer at a price between 0 and 1 USD."""

    price: float
    shares: float


@dataclass(frozen=True, slots=True)
class Fill:
    """A size met by a side of the book: `levels` as taken, and the shares that stood at those levels."""

    levels: tuple[Level, ...]
    standing: float

    @property
    def shares(self) -> float:
        """Shares taken."""
        return sum(level.shares for level in self.levels)

    @property
    def usd(self) -> float:
        """What they cost or bring, without fees."""
        return sum(level.shares * level.price for level in self.levels)

    @property
    def price(self) -> float:
        """Average price of a share."""
        return self.usd / self.shares


@dataclass(frozen=True, slots=True)
class Book:
    """Bids and asks for an outcome, the best of each first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def other(self) -> "Book":
        """The book of the opposite outcome of two: who buys one at p sells the other at 1 - p."""
        return Book(bids=_opposite(self.asks), asks=_opposite(self.bids))

    @property
    def spread(self) -> float:
        """Best ask less best bid; both sides must have one."""
        return self.asks[0].price - self.bids[0].price

    def buy(self, usd: float) -> Fill | None:
        """What `usd` buys, without fees; None where the book is too thin."""
        left, taken = usd, list[Level]()
        standing = 0.0
        for level in self.asks:
            standing += level.shares
            if level.price * level.shares >= left:
                taken.append(Level(level.price, left / level.price))
                return Fill(tuple(taken), standing)
            taken.append(level)
            left -= level.price * level.shares
        return None

    def sell(self, shares: float) -> Fill | None:
        """What `shares` bring, without fees; None where the book is too thin."""
        left, taken = shares, list[Level]()
        standing = 0.0
        for level in self.bids:
            standing += level.shares
            if level.shares >= left:
                taken.append(Level(level.price, left))
                return Fill(tuple(taken), standing)
            taken.append(level)
            left -= level.shares
        return None


def microprice(bought: Fill, sold: Fill) -> float:
    """The price between buying and selling a size, nearer to the side that is about to give way.

    The average of both, each weighed by the shares that stand on the other side, over the levels that the
    size reaches: the imbalance-weighted mid price of the literature (Stoikov, The micro-price, 2018, of which
    this is the starting point), at a size instead of at the best level.
    """
    return (bought.price * sold.standing + sold.price * bought.standing) / (bought.standing + sold.standing)


def depth_usd(levels: Sequence[Level], *, within: float) -> float:
    """USD on offer at prices at most `within` from the best one."""
    reach = within + 1e-9
    return sum(each.price * each.shares for each in levels if abs(each.price - levels[0].price) <= reach)


def _opposite(levels: Sequence[Level]) -> tuple[Level, ...]:
    return tuple(Level(1 - level.price, level.shares) for level in levels)
