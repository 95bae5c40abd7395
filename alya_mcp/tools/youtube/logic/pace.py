"""The channel's week and velocity, and when its pipeline should stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

from alya_mcp.tools.youtube.logic.states import DraftState

WEEKS: Final = 4
"""Whole weeks over which velocity is taken."""

FAILURES: Final = 3
"""Failures in a row after which the pipeline should stop."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A channel's pace. A week is one of ISO 8601, from Monday 0:00 UTC on; `goal` is in videos a week."""

    week: str
    begins: datetime
    ends: datetime
    uploaded: int
    per_week: float
    goal: float

    @property
    def missing(self) -> int:
        """Videos that this week still lacks of the goal, rounded up."""
        return max(0, -int(-self.goal // 1) - self.uploaded)

    @property
    def behind(self) -> bool:
        """Whether the last weeks were below the goal."""
        return self.per_week < self.goal


@dataclass(frozen=True, slots=True)
class Criterion:
    """A reason to stop, whether it holds, and the figures behind it."""

    name: Literal["failures", "quota", "silence"]
    met: bool
    detail: str


def week_of(now: datetime) -> tuple[datetime, datetime]:
    """When the week of `now` begins and ends."""
    today = now.astimezone(UTC).date()
    begins = datetime.combine(today - timedelta(days=today.weekday()), time(), UTC)
    return begins, begins + timedelta(weeks=1)


def pace_of(uploads: Sequence[datetime], goal: float, now: datetime) -> Pace:
    """The pace that the times of uploads show: this week's, and the mean of the whole weeks before it."""
    begins, ends = week_of(now)
    year, week, _ = begins.isocalendar()
    earlier = [each for each in uploads if begins - timedelta(weeks=WEEKS) <= each < begins]
    return Pace(
        week=f"{year}-W{week:02}",
        begins=begins,
        ends=ends,
        uploaded=sum(begins <= each < ends for each in uploads),
        per_week=len(earlier) / WEEKS,
        goal=goal,
    )


def abort_criteria(
    ends: Sequence[DraftState], pace: Pace, begun: datetime | None, spent: Sequence[str], now: datetime
) -> list[Criterion]:
    """When to stop making videos until the user has looked.

    `ends` is how the last drafts ended, the newest first; `begun` when the first draft was made; `spent` the
    buckets of the quota that are used up.
    """
    in_a_row = next((count for count, end in enumerate(ends) if end != "failed"), len(ends))
    long_enough = begun is not None and now - begun >= timedelta(weeks=WEEKS)
    silent = pace.goal > 0 and long_enough and pace.per_week == 0 and pace.uploaded == 0
    return [
        Criterion("failures", in_a_row >= FAILURES, f"{in_a_row} in a row failed; {FAILURES} stop it"),
        Criterion("quota", bool(spent), f"used up: {', '.join(spent)}" if spent else "there is quota left"),
        Criterion(
            "silence",
            silent,
            f"{pace.per_week:g} uploads a week in the last {WEEKS} weeks; none at all stop it",
        ),
    ]
