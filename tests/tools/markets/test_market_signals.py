"""Signals against their thresholds, each with the numbers behind it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alya_mcp.tools.markets.logic.signals import MarketSnapshot, signals

NOW = datetime(2026, 11, 26, tzinfo=UTC)
QUIET = MarketSnapshot(
    started=NOW - timedelta(days=30), price=0.5, bid=0.49, ask=0.51, change_hour=0.0, change_day=0.01,
    change_week=-0.02, volume_day=10_000, volume_week=70_000, resolution=None,
)  # fmt: skip
UNKNOWN = MarketSnapshot(
    started=None, price=None, bid=None, ask=None, change_hour=None, change_day=None, change_week=None,
    volume_day=None, volume_week=None, resolution=None,
)  # fmt: skip


def test_a_quiet_or_unknown_market_has_none() -> None:
    assert signals(QUIET, NOW) == signals(UNKNOWN, NOW) == []


def test_a_price_that_moved_is_told_with_where_it_was() -> None:
    (found,) = signals(replace(QUIET, change_day=-0.12), NOW)
    assert (found.kind, found.strength) == ("price_day", pytest.approx(2))
    assert found.numbers == {"change": -0.12, "price": 0.5, "before": 0.62}
    assert found.why == "the price fell by 0.120 to 0.500 within 24 hours"


def test_volume_is_compared_with_the_days_before() -> None:
    """130,000 in the week, 70,000 today: 60,000 over the 6 days before, 10,000 a day, so seven times that."""
    (found,) = signals(replace(QUIET, volume_day=70_000, volume_week=130_000), NOW)
    assert (found.kind, found.numbers["ratio"]) == ("volume", pytest.approx(7))
    assert found.strength == pytest.approx(7 / 3)


def test_a_young_market_is_compared_with_its_own_days_or_not_at_all() -> None:
    """Four days old: the 30,000 before today are three days'."""
    busy = replace(QUIET, started=NOW - timedelta(days=4), volume_day=60_000, volume_week=90_000)
    (found,) = signals(busy, NOW)
    assert found.numbers["ratio"] == pytest.approx(6)
    assert signals(replace(busy, started=NOW - timedelta(days=2)), NOW) == []


def test_a_wide_spread_and_an_open_resolution_are_told_and_the_strongest_comes_first() -> None:
    found = signals(replace(QUIET, bid=0.40, ask=0.52, resolution="disputed"), NOW)
    assert [(each.kind, each.strength) for each in found] == [
        ("spread", pytest.approx(3)),
        ("resolution", 1.0),
    ]


def test_an_empty_side_of_a_book_is_no_spread() -> None:
    assert signals(replace(QUIET, bid=0.0, ask=1.0), NOW) == []
