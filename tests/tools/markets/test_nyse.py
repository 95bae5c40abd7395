"""The exchange's calendar against the dates that it published, and its clock around them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from alya_mcp.tools.markets.logic.nyse import clock, early_closes, holidays, session


def days(year: int, *dates: str) -> set[date]:
    return {date.fromisoformat(f"{year}-{each}") for each in dates}


@pytest.mark.parametrize(
    ("year", "closed", "early"),
    [
        (2021, ("01-01", "01-18", "02-15", "04-02", "05-31", "07-05", "09-06", "11-25", "12-24"), ("11-26",)),
        (2022, ("01-17", "02-21", "04-15", "05-30", "06-20", "07-04", "09-05", "11-24", "12-26"), ("11-25",)),
        (2023, ("01-02", "01-16", "02-20", "04-07", "05-29", "06-19", "07-04", "09-04", "11-23", "12-25"),
         ("07-03", "11-24")),
        (2024, ("01-01", "01-15", "02-19", "03-29", "05-27", "06-19", "07-04", "09-02", "11-28", "12-25"),
         ("07-03", "11-29", "12-24")),
        (2025, ("01-01", "01-20", "02-17", "04-18", "05-26", "06-19", "07-04", "09-01", "11-27", "12-25"),
         ("07-03", "11-28", "12-24")),
        (2026, ("01-01", "01-19", "02-16", "04-03", "05-25", "06-19", "07-03", "09-07", "11-26", "12-25"),
         ("11-27", "12-24")),
        (2027, ("01-01", "01-18", "02-15", "03-26", "05-31", "06-18", "07-05", "09-06", "11-25", "12-24"),
         ("11-26",)),
        (2028, ("01-17", "02-21", "04-14", "05-29", "06-19", "07-04", "09-04", "11-23", "12-25"),
         ("07-03", "11-24")),
    ],
)  # fmt: skip
def test_holidays_and_early_closes_are_those_published(
    year: int, closed: tuple[str, ...], early: tuple[str, ...]
) -> None:
    assert holidays(year) == days(year, *closed)
    assert early_closes(year) == days(year, *early)


@pytest.mark.parametrize(
    ("now", "is_open", "next_open", "next_close"),
    [
        ("2026-11-25T14:29:59+00:00", False, "2026-11-25T09:30:00-05:00", "2026-11-25T16:00:00-05:00"),
        ("2026-11-25T14:30:00+00:00", True, "2026-11-27T09:30:00-05:00", "2026-11-25T16:00:00-05:00"),
        ("2026-11-25T21:00:00+00:00", False, "2026-11-27T09:30:00-05:00", "2026-11-27T13:00:00-05:00"),
        ("2026-11-27T18:00:00+00:00", False, "2026-11-30T09:30:00-05:00", "2026-11-30T16:00:00-05:00"),
        ("2026-07-02T13:30:00+00:00", True, "2026-07-06T09:30:00-04:00", "2026-07-02T16:00:00-04:00"),
        ("2026-12-31T23:30:00+00:00", False, "2027-01-04T09:30:00-05:00", "2027-01-04T16:00:00-05:00"),
        ("2026-03-06T22:00:00+00:00", False, "2026-03-09T09:30:00-04:00", "2026-03-09T16:00:00-04:00"),
        ("2026-11-01T12:00:00+00:00", False, "2026-11-02T09:30:00-05:00", "2026-11-02T16:00:00-05:00"),
    ],
)  # fmt: skip
def test_the_clock_knows_nights_holidays_and_the_change_of_time(
    now: str, is_open: bool, next_open: str, next_close: str
) -> None:
    found = clock(datetime.fromisoformat(now))
    assert found.is_open is is_open
    assert (found.next_open.isoformat(), found.next_close.isoformat()) == (next_open, next_close)
    assert found.now == datetime.fromisoformat(now)


def test_there_is_always_a_next_session() -> None:
    start = datetime(2024, 1, 1, 5, tzinfo=UTC)
    for number in range(5 * 366):
        found = clock(start + timedelta(days=number))
        assert found.now < found.next_open <= found.now + timedelta(days=5)


def test_a_year_has_about_252_sessions() -> None:
    for year in range(2022, 2031):
        first = date(year, 1, 1)
        open_days = [session(first + timedelta(days=n)) for n in range(365)]
        assert 249 <= sum(each is not None for each in open_days) <= 252
