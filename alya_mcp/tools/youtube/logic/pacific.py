"""The day of YouTube's quota, which begins at midnight Pacific time.

By the rule in force since 2007 (Energy Policy Act of 2005, section 110): daylight saving time from 2:00 on
the second Sunday of March to 2:00 on the first Sunday of November. Not by a time zone database, which small
systems lack.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

_STANDARD: Final = timedelta(hours=-8)
_SUMMER: Final = timedelta(hours=-7)


def pacific_day(moment: datetime) -> date:
    """The date in Pacific time at `moment`, which has a zone."""
    utc = moment.astimezone(UTC)
    # 2:00 standard time is 10:00 UTC; 2:00 daylight time is 9:00 UTC.
    begins = datetime.combine(_sunday(utc.year, 3, 2), time(10), UTC)
    ends = datetime.combine(_sunday(utc.year, 11, 1), time(9), UTC)
    return (utc + (_SUMMER if begins <= utc < ends else _STANDARD)).date()


def next_midnight(moment: datetime) -> datetime:
    """When the next day begins in Pacific time, in UTC."""
    following = pacific_day(moment) + timedelta(days=1)
    for offset in (_SUMMER, _STANDARD):
        midnight = datetime.combine(following, time(), UTC) - offset
        if pacific_day(midnight) == following and pacific_day(midnight - timedelta(seconds=1)) < following:
            return midnight
    raise AssertionError("a day without a midnight")  # clocks change at 2:00


def _sunday(year: int, month: int, number: int) -> date:
    """The `number`th Sunday of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))
