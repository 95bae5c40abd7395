"""Recommendations for a channel from its pipeline's state: pure rules, the most urgent first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alya_mcp.text.plurals import counted
from alya_mcp.tools.youtube.logic.pace import Criterion, Pace
from alya_mcp.tools.youtube.logic.states import DraftState

ALMOST: Final = 0.8
"""The share of a bucket of the quota from which on it is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A channel as it stands.

    `used` is the share of each bucket of the quota, `renewed_at` when it is renewed. `failures` are the
    reasons of failed drafts, the most frequent first. `figures` is whether topics can be scored.
    """

    configured: bool
    connected: bool
    figures: bool
    counts: Mapping[DraftState, int]
    pace: Pace
    criteria: Sequence[Criterion]
    used: Mapping[str, float]
    renewed_at: datetime
    failures: Sequence[str]


@dataclass(frozen=True, slots=True)
class Advice:
    """Something to do, why, and the tool that does it; None where a person does."""

    action: str
    why: str
    tool: str | None = None


_STAGES: Final[Mapping[DraftState, tuple[str, str, str]]] = {
    "drafted": (
        "Make new drafts in place of those without a preview.",
        "have no whole preview: their making was interrupted",
        "youtube_generate_video",
    ),
    "previewed": (
        "Watch the previews with the user, and upload those they like.",
        "have a preview that nobody has approved",
        "youtube_upload_video",
    ),
    "approved": (
        "Upload the approved drafts.",
        "are approved and not on their way",
        "youtube_upload_video",
    ),
    "queued": (
        "Make the interrupted uploads' calls again; they go on where they were.",
        "were interrupted on their way to YouTube",
        "youtube_upload_video",
    ),
    "uploaded": (
        "Ask the user which uploaded videos to publish.",
        "are on YouTube and not public",
        "youtube_upload_video",
    ),
}


def advice(found: Situation) -> Iterator[Advice]:
    """What to do, the most urgent first; something always."""
    said = False
    for each in (*_stops(found), *_onboarding(found), *_quota(found), *_velocity(found), *_stage(found)):
        said = True
        yield each
    if not said:
        yield Advice(
            "Find the next topic.",
            "nothing is missing, and no draft is waiting",
            "youtube_find_opportunities",
        )


def _stops(found: Situation) -> Iterator[Advice]:
    for criterion in found.criteria:
        if criterion.met and criterion.name != "quota":
            why = criterion.detail
            if found.failures:
                why += f"; most often: {found.failures[0]}"
            yield Advice("Stop making videos until the user has looked at what went wrong.", why)


def _onboarding(found: Situation) -> Iterator[Advice]:
    if not found.configured:
        yield Advice(
            "Ask the user what the channel is about, and set its niche keywords.",
            "without a niche no topic can be scored, and drafts have no voice",
            "youtube_configure_channel",
        )
    elif found.pace.goal == 0:
        yield Advice(
            "Ask the user how many videos a week the channel aims at.",
            "without a goal velocity can't be judged",
            "youtube_configure_channel",
        )
    if not found.connected:
        yield Advice(
            "The user connects a channel: alya-mcp youtube connect.",
            "no channel is connected, so drafts end as previews",
        )
    if not found.figures:
        yield Advice(
            "The user sets ALYA_YOUTUBE_KEY, or imports figures: alya-mcp youtube import FILE.",
            "there are no figures by which topics could be scored",
        )


def _quota(found: Situation) -> Iterator[Advice]:
    again = found.renewed_at.strftime("%Y-%m-%d %H:%M UTC")
    for bucket, share in found.used.items():
        if share >= 1:
            yield Advice(f"Wait until {again}.", f"today's quota of {bucket} is used up")
        elif share >= ALMOST:
            yield Advice(f"Spare the API until {again}.", f"{share:.0%} of today's quota of {bucket} is used")


def _velocity(found: Situation) -> Iterator[Advice]:
    pace = found.pace
    if pace.goal == 0 or pace.missing == 0:
        return
    why = (
        f"{pace.uploaded} of {pace.goal:g} videos of week {pace.week} are uploaded; "
        f"the weeks before had {pace.per_week:g}"
    )
    waiting = sum(found.counts.get(state, 0) for state in ("previewed", "approved", "queued"))
    if waiting >= pace.missing:
        yield Advice("Upload drafts that are ready.", why, "youtube_upload_video")
    else:
        missing = counted(pace.missing - waiting, "draft")
        yield Advice(f"Make {missing} more this week.", why, "youtube_generate_video")


def _stage(found: Situation) -> Iterator[Advice]:
    """The stage in which most drafts wait, and failed ones."""
    failed = found.counts.get("failed", 0)
    if failed:
        most = f"; most often: {found.failures[0]}" if found.failures else ""
        yield Advice(
            "Look at the failed drafts, and try again what can be.",
            f"{counted(failed, 'draft')} failed{most}",
            "youtube_list_drafts",
        )
    waiting: dict[DraftState, int] = {state: found.counts.get(state, 0) for state in _STAGES}
    weakest = max(waiting, key=waiting.__getitem__)
    if waiting[weakest]:
        action, why, tool = _STAGES[weakest]
        yield Advice(action, f"the weakest stage: {counted(waiting[weakest], 'draft')} {why}", tool)
