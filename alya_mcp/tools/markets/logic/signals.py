"""Signals of a market: its price, its volume, its spread, its resolution, each against a threshold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

SignalKind = Literal["price_hour", "price_day", "price_week", "volume", "spread", "resolution"]

PRICE: Final[dict[SignalKind, float]] = {"price_hour": 0.03, "price_day": 0.06, "price_week": 0.12}
"""The least change of the price, in USD of a share that pays 1, by span."""

VOLUME: Final = 3.0
"""The least ratio of the last 24 hours' volume to that of an average day of the week before them."""

SPREAD: Final = 0.04
"""The least distance of ask and bid."""

_WEEK_DAYS: Final = 7.0
_YOUNGEST_DAYS: Final = 3.0
_DAY: Final = 86_400.0
_DISPUTED: Final = frozenset({"disputed", "proposed", "requested"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSnapshot:
    """What is known of a market now; prices are the first outcome's, volumes in USD, None for unknown."""

    started: datetime | None
    price: float | None
    bid: float | None
    ask: float | None
    change_hour: float | None
    change_day: float | None
    change_week: float | None
    volume_day: float | None
    volume_week: float | None
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Signal:
    """`strength` is how many times the threshold it is; `numbers` are behind it, `why` says it in words."""

    kind: SignalKind
    strength: float
    why: str
    numbers: dict[str, float] = field(default_factory=dict[str, float])


def signals(of: MarketSnapshot, now: datetime) -> list[Signal]:
    """Everything about a market that passes its threshold, the strongest first."""
    found = [*_price(of), *_volume(of, now), *_spread(of), *_resolution(of)]
    return sorted(found, key=lambda signal: signal.strength, reverse=True)


def _price(of: MarketSnapshot) -> Iterator[Signal]:
    spans: tuple[tuple[SignalKind, str, float | None], ...] = (
        ("price_hour", "an hour", of.change_hour),
        ("price_day", "24 hours", of.change_day),
        ("price_week", "a week", of.change_week),
    )
    for kind, span, change in spans:
        if change is None or of.price is None or abs(change) < PRICE[kind]:
            continue
        way = "rose" if change > 0 else "fell"
        yield Signal(
            kind,
            abs(change) / PRICE[kind],
            f"the price {way} by {abs(change):.3f} to {of.price:.3f} within {span}",
            {"change": change, "price": of.price, "before": of.price - change},
        )


def _volume(of: MarketSnapshot, now: datetime) -> Iterator[Signal]:
    if of.volume_day is None or of.volume_week is None or of.started is None:
        return
    age = (now - of.started).total_seconds() / _DAY
    before = of.volume_week - of.volume_day
    if age < _YOUNGEST_DAYS or before <= 0:
        return
    usual = before / (min(age, _WEEK_DAYS) - 1)
    ratio = of.volume_day / usual
    if ratio >= VOLUME:
        yield Signal(
            "volume",
            ratio / VOLUME,
            f"{of.volume_day:,.0f} USD in 24 hours, {ratio:.1f} times an average day before",
            {"volume24h": of.volume_day, "averageDay": usual, "ratio": ratio},
        )


def _spread(of: MarketSnapshot) -> Iterator[Signal]:
    if of.bid is None or of.ask is None or not 0 < of.bid < of.ask < 1:
        return
    spread = of.ask - of.bid
    if spread >= SPREAD:
        yield Signal(
            "spread",
            spread / SPREAD,
            f"bid {of.bid:.3f} and ask {of.ask:.3f} stand {spread:.3f} apart",
            {"bid": of.bid, "ask": of.ask, "spread": spread},
        )


def _resolution(of: MarketSnapshot) -> Iterator[Signal]:
    if of.resolution in _DISPUTED:
        yield Signal("resolution", 1.0, f"its resolution is {of.resolution}, while it still trades")
