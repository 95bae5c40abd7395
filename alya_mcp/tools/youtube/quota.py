"""Usage of the YouTube Data API's daily quota, counted over all processes of this state.

`search.list` and `videos.insert` have buckets of their own, 100 calls a day each; everything else shares
10,000 units. The day begins at midnight Pacific time (developers.google.com/youtube/v3/determine_quota_cost,
read 2026-11). Every request that is sent counts, those that fail too.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

import anyio.to_thread

from alya_mcp.errors import Unavailable
from alya_mcp.net.request import Charge
from alya_mcp.settings import Settings
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.logic.pacific import next_midnight, pacific_day

Bucket = Literal["searches", "uploads", "units"]

BUCKETS: Final[Mapping[Bucket, str]] = {
    "searches": "ALYA_YOUTUBE_DAILY_SEARCHES",
    "uploads": "ALYA_YOUTUBE_DAILY_UPLOADS",
    "units": "ALYA_YOUTUBE_DAILY_UNITS",
}
"""The buckets, each with the variable that caps it."""

_KEPT_DAYS: Final = 30
_RESERVE: Final = """
    INSERT INTO requests VALUES (?, ?, ?, NULL)
    ON CONFLICT DO UPDATE SET used = used + excluded.used
"""
_EXHAUST: Final = """
    INSERT INTO requests VALUES (?, ?, 0, ?) ON CONFLICT DO UPDATE SET exhausted_at = excluded.exhausted_at
"""


class QuotaSpent(Unavailable):
    """Nothing more may be asked of a bucket today; the text says until when."""


@dataclass(frozen=True, slots=True)
class Used:
    """What is used of a bucket today, its cap, and when YouTube said that there is no more."""

    used: int
    limit: int
    exhausted_at: datetime | None


class Quota:
    """Counts and caps. `now` is the clock. The methods block, but for those of `charge`."""

    def __init__(
        self, database: YoutubeDatabase, settings: Settings, now: Callable[[], datetime] | None = None
    ) -> None:
        self._database = database
        self._limits: Mapping[Bucket, int] = {
            "searches": settings.youtube_daily_searches,
            "uploads": settings.youtube_daily_uploads,
            "units": settings.youtube_daily_units,
        }
        self._now = now or (lambda: datetime.now(UTC))

    @property
    def renewed_at(self) -> datetime:
        """When the next day's quota begins (UTC)."""
        return next_midnight(self._now())

    def used(self) -> dict[Bucket, Used]:
        """What is used today, by bucket."""
        with self._database.reading() as db:
            return self._used(db)

    def check(self, bucket: Bucket, cost: int = 1) -> None:
        """Refuse what a request of that cost would exceed; nothing is counted.

        Raises:
            QuotaSpent: the cap is reached, or YouTube said today that the quota is used up.
        """
        self._check(bucket, self.used()[bucket], cost)

    def charge(self, bucket: Bucket, cost: int = 1) -> Charge:
        """What counts a request before it is sent; it raises `QuotaSpent` as `check` does."""
        return partial(anyio.to_thread.run_sync, partial(self._reserve, bucket, cost))

    def exhaust(self, bucket: Bucket) -> QuotaSpent:
        """Remember that YouTube said `quotaExceeded`; returns what to raise."""
        now = self._now()
        with self._database.writing() as db:
            db.execute(_EXHAUST, (pacific_day(now).isoformat(), bucket, now.isoformat()))
        return QuotaSpent(f"YouTube says that today's quota of {bucket} is used up. {self._again()}")

    def _check(self, bucket: Bucket, used: Used, cost: int) -> None:
        if used.exhausted_at is not None:
            said = f"YouTube said at {_clock(used.exhausted_at)} that today's quota of {bucket} is used up"
        elif used.used + cost > used.limit:
            said = (
                f"{used.used:,} of {used.limit:,} {bucket} of today's YouTube quota are used, as "
                f"{BUCKETS[bucket]} allows, and this needs {cost:,}"
            )
        else:
            return
        raise QuotaSpent(f"{said}. Nothing was sent. {self._again()}")

    def _used(self, db: sqlite3.Connection) -> dict[Bucket, Used]:
        day = pacific_day(self._now()).isoformat()
        rows = db.execute("SELECT bucket, used, exhausted_at FROM requests WHERE day = ?", (day,))
        found = {bucket: (used, at) for bucket, used, at in rows}
        return {
            bucket: Used(used, limit, None if at is None else datetime.fromisoformat(at))
            for bucket, limit in self._limits.items()
            for used, at in [found.get(bucket, (0, None))]
        }

    def _reserve(self, bucket: Bucket, cost: int) -> None:
        day = pacific_day(self._now())
        with self._database.writing() as db:
            self._check(bucket, self._used(db)[bucket], cost)
            db.execute(_RESERVE, (day.isoformat(), bucket, cost))
            oldest = (day - timedelta(days=_KEPT_DAYS)).isoformat()
            db.execute("DELETE FROM requests WHERE day < ?", (oldest,))

    def _again(self) -> str:
        left = self.renewed_at - self._now()
        hours, minutes = divmod(int(left.total_seconds()) // 60, 60)
        return (
            f"It comes back at midnight Pacific time, {_clock(self.renewed_at)}, in {hours} h {minutes} min."
        )


def _clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
