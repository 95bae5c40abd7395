"""`youtube_find_opportunities`: the topics that are worth a video next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Annotated, Any, Final, Literal

import anyio.to_thread
from pydantic import Field, StringConstraints

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.net.answers import Fetched, SourceRefused, none_answered
from alya_mcp.text.plurals import counted
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.provenance import Provenance, failed, provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.youtube.channel import ChannelProfile
from alya_mcp.tools.youtube.connection import Connections
from alya_mcp.tools.youtube.database import database_of
from alya_mcp.tools.youtube.logic.scores import (
    FORMULA,
    WEEKS,
    Clip,
    Score,
    competition_of,
    fit_of,
    score,
    topics_in,
    weekly_views,
)
from alya_mcp.tools.youtube.pipeline import pipeline_of
from alya_mcp.tools.youtube.quota import Bucket, Quota, QuotaSpent
from alya_mcp.tools.youtube.sources.search import BATCH, channels, clips, search, videos
from alya_mcp.tools.youtube.sources.youtube_data import QUOTA, YOUTUBE, Video, reasons
from alya_mcp.tools.youtube.topics import TopicFigures, Topics

KEYWORDS: Final = 5
"""Keywords that one call searches for; each costs one of 100 searches a day."""


class OpportunitiesRequest(Input):
    """How many topics, and for where."""

    count: int = Field(5, ge=1, le=10, description="How many topics to return.")
    locale: (
        Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
        | None
    ) = Field(None, description="BCP-47 tag such as tr-TR; the channel's language when left out.")


class ScoreParts(Output):
    """What the score is made of, each from 0 to 1."""

    demand: float = Field(description="log10(1 + searchVolumeWeekly) / 6, 1 at most.")
    competition: float = Field(description="0: nobody; 1: channels of ten million subscribers.")
    fit: float = Field(description="How much it belongs to the channel's niche and voice.")


class Opportunity(Output):
    """A topic."""

    topic: str = Field(description="The topic.")
    search_volume_weekly: float = Field(
        description="Demand a week: imported searches, or views of recent videos on it, which stand in for "
        "searches; see basis."
    )
    competition_score: float = Field(description="parts.competition.")
    opportunity_score: float = Field(description="0 to 1, by the formula.")
    parts: ScoreParts = Field(description="The parts of the score.")
    formula: str = Field(description="How the parts make the score.")
    rationale: str = Field(description="The figures behind it, in words.")
    basis: Literal["views", "imported"] = Field(description="Where searchVolumeWeekly comes from.")


class Opportunities(Output):
    """Topics, the best first."""

    opportunities: list[Opportunity] = Field(description="The topics, the best first.")
    formula: str = Field(description="How the parts of each make its score.")
    locale: str = Field(description="The locale that was asked about.")
    keywords: list[str] = Field(description="The channel's keywords that were asked about.")
    sources: list[Provenance] = Field(description="Where the figures came from; empty for imported ones.")
    notice: str | None = Field(description="What is missing or stands in for something; null when nothing.")


@tool(
    title="Find video topics",
    category="Read",
    risk="Low",
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,
)
async def youtube_find_opportunities(arguments: OpportunitiesRequest, context: Context) -> Opportunities:
    """Find the topics that are worth a video next, scored against the channel's niche and voice.

    Use it before youtube_generate_video; alya_demand_signals tells what people would pay for instead. The
    niche comes from youtube_configure_channel.

    Returns topics, the best first, each with demand, competition, fit and the formula. YouTube gives nobody
    its search volumes: views of the last four weeks' videos stand in, unless figures were imported. Needs
    ALYA_YOUTUBE_KEY or a connected channel, and uses up to five of 100 searches a day; without either it
    scores imported figures alone. It promises no views.
    """
    pipeline = pipeline_of(context)
    channel = await anyio.to_thread.run_sync(pipeline.channel)
    locale = arguments.locale or channel.language
    imported = await anyio.to_thread.run_sync(Topics(pipeline.database, context.grant).of, locale)
    secrets = await _secrets(context)
    if secrets is None and not imported:
        raise NotConfigured(
            "There are no figures of topics. The user can set ALYA_YOUTUBE_KEY to a key of the YouTube Data "
            "API, connect a channel with `alya-mcp youtube connect`, or import figures with "
            "`alya-mcp youtube import FILE`."
        )
    if not channel.configured:
        raise NotConfigured(
            "The channel has no niche yet: youtube_configure_channel sets its nicheKeywords, against which "
            "topics are scored."
        )
    look = _Look(context, channel, locale, secrets or {})
    rows = [_imported(each, channel) for each in imported]
    if secrets is None:
        look.notices.append("ALYA_YOUTUBE_KEY is not set: these are imported figures alone.")
    else:
        try:
            seen = await look.rows()
        except Unavailable as failure:
            if not rows:
                raise
            look.notices.append(f"These are imported figures alone: {failure}")
        else:
            known = {row.topic.casefold() for row in rows}
            rows += [row for row in seen if row.topic.casefold() not in known]
    rows.sort(key=lambda row: (-row.opportunity_score, row.topic))
    return Opportunities(
        opportunities=rows[: arguments.count],
        formula=FORMULA,
        locale=locale,
        keywords=list(look.keywords),
        sources=look.sources,
        notice=" ".join(look.notices) or None,
    )


@dataclass
class _Look:
    """One look at what YouTube has on the channel's keywords."""

    context: Context
    channel: ChannelProfile
    locale: str
    secrets: Mapping[str, str]
    notices: list[str] = field(default_factory=list[str])
    sources: list[Provenance] = field(default_factory=list[Provenance])

    @property
    def keywords(self) -> Sequence[str]:
        return self.channel.niche_keywords[:KEYWORDS]

    async def rows(self) -> list[Opportunity]:
        """The topics of recent videos.

        Raises:
            QuotaSpent: there are no searches left today.
            Unavailable: no search was answered.
        """
        quota = Quota(database_of(self.context.hub), self.context.hub.settings)
        await anyio.to_thread.run_sync(quota.check, "searches")
        today = datetime.now(UTC).date()
        http = self.context.hub.http
        found: dict[str, list[str]] = {}
        failures: list[Unavailable] = []
        for keyword in self.keywords:
            ask = partial(search, http, self.secrets, quota.charge("searches"), keyword, self.locale, today)
            try:
                found[keyword] = (await self._asked(quota, "searches", ask)).value
            except Unavailable as failure:
                failures.append(failure)
                self.notices.append(f"{keyword!r} wasn't looked at: {failure}")
                if isinstance(failure, QuotaSpent):
                    break
        if not found:
            if isinstance(failures[0], QuotaSpent):
                raise failures[0]
            raise none_answered("No search was answered", failures)
        if len(self.channel.niche_keywords) > KEYWORDS:
            self.notices.append(f"Only the first {KEYWORDS} keywords were searched for.")
        return self._scored(await self._clips(quota, found))

    async def _clips(self, quota: Quota, found: Mapping[str, Sequence[str]]) -> dict[str, list[Clip]]:
        http = self.context.hub.http
        ids = list(dict.fromkeys(video for each in found.values() for video in each))
        seen: list[Video] = []
        for batch in _batches(ids):
            ask = partial(videos, http, self.secrets, quota.charge("units"), batch)
            seen += (await self._asked(quota, "units", ask)).value
        sizes: dict[str, int | None] = {}
        owners = sorted({video.snippet.channel_id for video in seen if video.snippet.channel_id})
        try:
            for batch in _batches(owners):
                ask = partial(channels, http, self.secrets, quota.charge("units"), batch)
                answer = await self._asked(quota, "units", ask)
                sizes |= {each.id: each.statistics.subscribers for each in answer.value}
        except Failure as failure:
            self.notices.append(f"The size of some channels isn't known, and counts as medium: {failure}")
        by_id = {clip.id: clip for clip in clips(seen, sizes)}
        return {
            keyword: [by_id[each] for each in each_ids if each in by_id]
            for keyword, each_ids in found.items()
        }

    def _scored(self, found: Mapping[str, Sequence[Clip]]) -> list[Opportunity]:
        empty = [keyword for keyword, each in found.items() if not each]
        if empty:
            self.notices.append(f"No recent videos were found on {', '.join(map(repr, empty))}.")
        rows: list[Opportunity] = []
        for topic in topics_in(found):
            weekly = weekly_views(topic.clips)
            titles = [clip.title for clip in topic.clips]
            fit = fit_of(topic.words, self.channel.niche_keywords, self.channel.brand_voice, titles)
            parts = score(weekly, competition_of(topic.clips), fit)
            known = [clip.subscribers for clip in topic.clips if clip.subscribers is not None]
            size = f"{median(known):,.0f} subscribers in the median" if known else "an unknown size"
            rationale = (
                f"{counted(len(topic.clips), 'video')} of the last {WEEKS} weeks had {weekly:,.0f} views a "
                f"week; their channels have {size}; fit {parts.fit:.2f}."
            )
            rows.append(_row(topic.words, weekly, parts, rationale, "views"))
        return rows

    async def _asked(self, quota: Quota, bucket: Bucket, ask: Any) -> Fetched[Any]:
        try:
            answer: Fetched[Any] = await ask()
        except SourceRefused as refused:
            if not QUOTA.isdisjoint(reasons(refused.body)):
                raise await anyio.to_thread.run_sync(quota.exhaust, bucket) from None
            raise
        except Unavailable as failure:
            self.sources.append(failed(YOUTUBE, failure))
            raise
        self.sources.append(provenance(answer))
        return answer


async def _secrets(context: Context) -> dict[str, str] | None:
    """The headers that let YouTube be asked: a key's, else those of the connected channel; None without."""
    hub = context.hub
    key = hub.settings.source_secrets.get("ALYA_YOUTUBE_KEY")
    if key:
        return {"X-Goog-Api-Key": key}
    connections = Connections(hub.settings.home, context.grant)
    if await anyio.to_thread.run_sync(connections.load) is None:
        return None
    token = await connections.access_token(hub.http, hub.settings, now=lambda: datetime.now(UTC))
    return {"Authorization": f"Bearer {token}"}


def _imported(figures: TopicFigures, channel: ChannelProfile) -> Opportunity:
    fit = fit_of(figures.topic, channel.niche_keywords, channel.brand_voice)
    parts = score(figures.weekly, figures.competition, fit)
    rationale = (
        f"{figures.weekly:,.0f} searches a week and a competition of {figures.competition:.2f} were "
        f"imported; fit {parts.fit:.2f}."
    )
    return _row(figures.topic, figures.weekly, parts, rationale, "imported")


def _row(
    topic: str, weekly: float, parts: Score, rationale: str, basis: Literal["views", "imported"]
) -> Opportunity:
    return Opportunity(
        topic=topic,
        search_volume_weekly=round(weekly, 2),
        competition_score=parts.competition,
        opportunity_score=parts.total,
        parts=ScoreParts(demand=parts.demand, competition=parts.competition, fit=parts.fit),
        formula=FORMULA,
        rationale=rationale,
        basis=basis,
    )


def _batches(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
