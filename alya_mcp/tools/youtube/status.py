"""`youtube_get_pipeline_status` and `youtube_get_recommendations`: the channel's state, and what is next."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import anyio.to_thread
from pydantic import AwareDatetime, Field

from alya_mcp.toolkit.models import NoArguments, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.configure import ChannelConfiguration, configuration
from alya_mcp.tools.youtube.connection import ChannelConnection, Connections
from alya_mcp.tools.youtube.logic.advice import Situation, advice
from alya_mcp.tools.youtube.logic.pace import WEEKS, Criterion, Pace, abort_criteria, pace_of, week_of
from alya_mcp.tools.youtube.logic.states import STATES, DraftState
from alya_mcp.tools.youtube.pipeline import Pipeline, pipeline_of
from alya_mcp.tools.youtube.quota import Bucket, Quota, Used
from alya_mcp.tools.youtube.topics import Topics

if TYPE_CHECKING:
    from alya_mcp.settings import Settings

_ENDS = 20
_FAILED = 50


class PipelineWeek(Output):
    """The current week, from Monday 0:00 UTC on."""

    number: str = Field(description="ISO 8601 week, such as 2026-W49.")
    begins_at: AwareDatetime = Field(description="When it began (UTC).")
    ends_at: AwareDatetime = Field(description="When it ends (UTC).")
    uploaded: int = Field(description="Videos uploaded in it.")
    missing: int = Field(description="Videos that it still lacks of the goal.")


class Velocity(Output):
    """How many videos a week are uploaded."""

    per_week: float = Field(description=f"Mean of the {WEEKS} whole weeks before this one.")
    goal: float = Field(description="Videos a week that the channel aims at; 0 for no aim.")
    behind: bool = Field(description="True when perWeek is below the goal.")


class AbortCriterion(Output):
    """A reason to stop making videos until the user has looked."""

    name: Literal["failures", "quota", "silence"] = Field(description="Which one.")
    met: bool = Field(description="Whether it holds now.")
    detail: str = Field(description="The figures behind it.")


class QuotaUse(Output):
    """A bucket of the YouTube API's daily quota."""

    used: int = Field(description="Used since midnight Pacific time, failed requests included.")
    limit: int = Field(description="The most that is used a day.")


class QuotaStatus(Output):
    """The YouTube API's quota of today, shared by all callers of this machine."""

    searches: QuotaUse = Field(description="Calls of search.list.")
    uploads: QuotaUse = Field(description="Calls of videos.insert.")
    units: QuotaUse = Field(description="Units of all other calls.")


class PipelineStatus(Output):
    """How the channel's pipeline stands."""

    mode: Literal["connected", "preview"] = Field(
        description="connected: drafts can be uploaded; preview: no channel is connected."
    )
    channel: ChannelConfiguration = Field(description="The channel's configuration.")
    week: PipelineWeek = Field(description="The current week.")
    velocity: Velocity = Field(description="How fast videos come.")
    counters: dict[DraftState, int] = Field(description="Drafts by state.")
    abort: bool = Field(description="True when an abort criterion is met.")
    abort_criteria: list[AbortCriterion] = Field(description="When to stop, and whether that is so.")
    quota: QuotaStatus = Field(description="The API's quota.")
    quota_renewed_at: AwareDatetime = Field(description="Midnight Pacific time, when it is renewed (UTC).")
    quota_exhausted: list[Bucket] = Field(description="Buckets that YouTube itself called used up today.")


class RecommendedAction(Output):
    """Something to do."""

    priority: int = Field(description="1 comes first.")
    action: str = Field(description="What to do.")
    why: str = Field(description="The figures behind it.")
    tool: str | None = Field(description="The tool that does it; null where the user does.")


class Recommendations(Output):
    """What to do next."""

    actions: list[RecommendedAction] = Field(description="Actions, the most urgent first.")


@tool(
    title="YouTube pipeline status",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def youtube_get_pipeline_status(arguments: NoArguments, context: Context) -> PipelineStatus:  # noqa: ARG001
    """Show how the channel's pipeline stands: drafts by state, week, velocity, abort criteria, API quota.

    Use it to see whether to go on; youtube_get_recommendations says what to do, youtube_list_drafts lists the
    drafts.

    It asks nobody: everything is counted on this machine. The quota counts what this machine sent, not what
    other programs of the same Google project used.
    """
    found = await anyio.to_thread.run_sync(_standing, context.hub.settings, pipeline_of(context))
    pace = found.pace
    return PipelineStatus(
        mode="preview" if found.connection is None else "connected",
        channel=await configuration(context, found.channel),
        week=PipelineWeek(
            number=pace.week,
            begins_at=pace.begins,
            ends_at=pace.ends,
            uploaded=pace.uploaded,
            missing=pace.missing,
        ),
        velocity=Velocity(per_week=pace.per_week, goal=pace.goal, behind=pace.behind),
        counters={state: found.counts.get(state, 0) for state in STATES},
        abort=any(criterion.met for criterion in found.criteria),
        abort_criteria=[AbortCriterion(name=c.name, met=c.met, detail=c.detail) for c in found.criteria],
        quota=QuotaStatus(**{b: QuotaUse(used=u.used, limit=u.limit) for b, u in found.used.items()}),
        quota_renewed_at=found.renewed_at,
        quota_exhausted=[bucket for bucket, used in found.used.items() if used.exhausted_at is not None],
    )


@tool(
    title="YouTube recommendations",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=False,
)
async def youtube_get_recommendations(arguments: NoArguments, context: Context) -> Recommendations:  # noqa: ARG001
    """Say what to do next for the channel, the most urgent first, each with the reason.

    Use it to plan; youtube_get_pipeline_status has the figures behind it, youtube_find_opportunities topics.

    The actions follow fixed rules over this machine's own data: what isn't set up, failures, quota, missed
    velocity, the stage in which most drafts wait. It asks nobody and knows nothing of views.
    """
    found = await anyio.to_thread.run_sync(_standing, context.hub.settings, pipeline_of(context))
    secrets = context.hub.settings.source_secrets
    situation = Situation(
        configured=found.channel.configured,
        connected=found.connection is not None,
        figures=bool(secrets.get("ALYA_YOUTUBE_KEY")) or found.connection is not None or found.imported,
        counts=found.counts,
        pace=found.pace,
        criteria=found.criteria,
        used={bucket: _share(used) for bucket, used in found.used.items()},
        renewed_at=found.renewed_at,
        failures=found.failures,
    )
    visible = context.tools
    actions = [each for each in advice(situation) if each.tool is None or each.tool in visible]
    return Recommendations(
        actions=[
            RecommendedAction(priority=place, action=each.action, why=each.why, tool=each.tool)
            for place, each in enumerate(actions, 1)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    channel: ChannelProfile
    connection: ChannelConnection | None
    imported: bool
    counts: dict[DraftState, int]
    pace: Pace
    criteria: list[Criterion]
    used: dict[Bucket, Used]
    renewed_at: datetime
    failures: list[str]


def _standing(settings: "Settings", pipeline: Pipeline) -> _Standing:
    now = datetime.now(UTC)
    quota = Quota(pipeline.database, settings)
    channel, used = pipeline.channel(), quota.used()
    uploads = pipeline.moments("uploaded", week_of(now)[0] - timedelta(weeks=WEEKS))
    pace = pace_of(uploads, channel.cadence_per_week, now)
    begun = next(iter(pipeline.moments("drafted", datetime.min.replace(tzinfo=UTC))), None)
    spent = [bucket for bucket, each in used.items() if _share(each) >= 1]
    failed = Counter(draft.reason for draft in pipeline.list("failed", _FAILED).drafts if draft.reason)
    return _Standing(
        channel=channel,
        connection=Connections(settings.home, pipeline.grant).load(),
        imported=bool(Topics(pipeline.database, pipeline.grant).of(channel.language)),
        counts=pipeline.counts(),
        pace=pace,
        criteria=abort_criteria(pipeline.newest_ends(_ENDS), pace, begun, spent, now),
        used=used,
        renewed_at=quota.renewed_at,
        failures=[reason for reason, _ in failed.most_common()],
    )


def _share(used: Used) -> float:
    """How much of a bucket is used, 1 for all of it."""
    if used.exhausted_at is not None or used.limit == 0:
        return 1.0
    return used.used / used.limit
