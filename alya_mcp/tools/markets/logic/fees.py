"""Fees of a trade on Polymarket."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fees:
    """A market's own schedule; `rate` is a share of one, such as 0.05. Makers pay nothing."""

    rate: float

    def of(self, shares: float, price: float) -> float:
        """USD that a taker pays for `shares` at `price`: shares x rate x p x (1 - p), to 5 decimals.

        https://docs.polymarket.com/trading/fees. An amount under half of 0.00001 USD is nothing.
        """
        return round(shares * self.rate * price * (1 - price), 5)
