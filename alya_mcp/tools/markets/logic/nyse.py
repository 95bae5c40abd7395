"""Hours of the New York Stock Exchange by its own rules; holidays are computed, not looked up.

https://www.nyse.com/trade/hours-calendars and NYSE Rule 7.2. Days of mourning and other closings that are
announced from case to case are not known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final

_OPEN: Final = time(9, 30)
_CLOSE: Final = time(16)
_EARLY: Final = time(13)
_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6
_JUNETEENTH_SINCE: Final = 2022
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingHours:
    """Whether the exchange is open at `now`, and its next opening and closing; all in New York's time."""

    now: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


def clock(now: datetime) -> TradingHours:
    """The exchange's clock at a moment with a time zone, for years from 2007 on."""
    here = now.astimezone(_zone(now.astimezone(timezone(timedelta(hours=-5))).date()))
    sessions = [each for day in _days(here.date()) if (each := session(day))]
    return TradingHours(
        now=here,
        is_open=any(opens <= here < closes for opens, closes in sessions),
        next_open=next(opens for opens, _ in sessions if opens > here),
        next_close=next(closes for _, closes in sessions if closes > here),
    )


def session(day: date) -> tuple[datetime, datetime] | None:
    """When the exchange opens and closes on a day; None when it doesn't open."""
    if day.weekday() >= _SATURDAY or day in holidays(day.year):
        return None
    zone = _zone(day)
    closes = _EARLY if day in early_closes(day.year) else _CLOSE
    return datetime.combine(day, _OPEN, zone), datetime.combine(day, closes, zone)


@lru_cache(maxsize=16)
def holidays(year: int) -> frozenset[date]:
    """The weekdays of a year on which the exchange is closed."""
    fixed = [date(year, 7, 4), date(year, 12, 25)]
    if year >= _JUNETEENTH_SINCE:
        fixed.append(date(year, 6, 19))
    days = {_observed(day) for day in fixed}
    days |= {
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _easter(year) - 2 * _DAY,
        _nth(year, 6, _MONDAY, 1) - 7 * _DAY,  # the last Monday of May
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 11, _THURSDAY, 4),
    }
    if date(year, 1, 1).weekday() != _SATURDAY:  # else it isn't made up for, the year's end being a Friday
        days.add(_observed(date(year, 1, 1)))
    return frozenset(days)


@lru_cache(maxsize=16)
def early_closes(year: int) -> frozenset[date]:
    """The days of a year that end at 13:00: before Independence Day and Christmas, after Thanksgiving."""
    days = {_nth(year, 11, _THURSDAY, 4) + _DAY}
    for eve, feast in ((date(year, 7, 3), date(year, 7, 4)), (date(year, 12, 24), date(year, 12, 25))):
        if _MONDAY < feast.weekday() < _SATURDAY:
            days.add(eve)
    return frozenset(days)


def _days(start: date) -> Iterator[date]:
    """The next days, enough to hold an opening after the longest row of closed ones."""
    return (start + number * _DAY for number in range(8))


def _observed(day: date) -> date:
    """The weekday on which a holiday is kept: a Saturday's on Friday, a Sunday's on Monday."""
    return day + {_SATURDAY: -_DAY, _SUNDAY: _DAY}.get(day.weekday(), 0 * _DAY)


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _easter(year: int) -> date:
    """Easter Sunday (Gauss's rule as Butcher wrote it, Nature, 20 April 1876)."""
    century, rest = divmod(year, 100)
    cycle = year % 19
    epact = (19 * cycle + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    day = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    shift = (cycle + 11 * epact + 22 * day) // 451
    month, last = divmod(epact + day - 7 * shift + 114, 31)
    return date(year, month, last + 1)


def _zone(day: date) -> timezone:
    """New York's time zone on a day: daylight saving time from March's second Sunday to November's first.

    Energy Policy Act of 2005. No table of time zones is needed, which Windows doesn't have.
    """
    summer = _nth(day.year, 3, _SUNDAY, 2) <= day < _nth(day.year, 11, _SUNDAY, 1)
    return timezone(timedelta(hours=-4 if summer else -5))
