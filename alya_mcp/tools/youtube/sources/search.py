"""Recent videos on a keyword, with their views and the size of their channels."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from alya_mcp.net.answers import Body, Fetched
from alya_mcp.tools.youtube.logic.scores import WEEKS, Clip
from alya_mcp.tools.youtube.sources.youtube_data import (
    YOUTUBE,
    ChannelFacts,
    ChannelList,
    SearchResults,
    Video,
    VideoList,
)

if TYPE_CHECKING:
    from alya_mcp.net.client import Http
    from alya_mcp.net.request import Charge

FRESH: Final = 6 * 3600.0
STALE: Final = 7 * 86_400.0
BATCH: Final = 50
"""Ids that one request takes."""
_RESULTS: Final = 25


async def search(
    http: "Http", secrets: Mapping[str, str], charge: "Charge", keyword: str, locale: str, today: date
) -> Fetched[list[str]]:
    """The ids of the videos of the last weeks on `keyword`, the most viewed first. Costs one search."""
    language, _, region = locale.partition("-")
    params = {
        "part": "snippet",
        "type": "video",
        "q": keyword,
        "order": "viewCount",
        "maxResults": _RESULTS,
        "publishedAfter": f"{today - timedelta(weeks=WEEKS)}T00:00:00Z",
        "relevanceLanguage": language.lower(),
    }
    if len(region) == 2 and region.isalpha():
        params["regionCode"] = region.upper()
    return await http.get(
        YOUTUBE, "/youtube/v3/search", params,
        read=_ids, secrets=secrets, fresh_for=FRESH, stale_for=STALE, charge=charge,
    )  # fmt: skip


async def videos(
    http: "Http", secrets: Mapping[str, str], charge: "Charge", ids: Sequence[str]
) -> Fetched[list[Video]]:
    """At most `BATCH` videos. Costs one unit."""
    return await http.get(
        YOUTUBE, "/youtube/v3/videos", {"part": "snippet,statistics", "id": ",".join(ids)},
        read=_videos, secrets=secrets, fresh_for=FRESH, stale_for=STALE, charge=charge,
    )  # fmt: skip


async def channels(
    http: "Http", secrets: Mapping[str, str], charge: "Charge", ids: Sequence[str]
) -> Fetched[list[ChannelFacts]]:
    """At most `BATCH` channels. Costs one unit."""
    return await http.get(
        YOUTUBE, "/youtube/v3/channels", {"part": "statistics", "id": ",".join(ids), "maxResults": BATCH},
        read=_channels, secrets=secrets, fresh_for=FRESH, stale_for=STALE, charge=charge,
    )  # fmt: skip


def clips(found: Iterable[Video], sizes: Mapping[str, int | None]) -> list[Clip]:
    """Videos with what is known of their channels; one whose views are hidden is left out."""
    return [
        Clip(
            id=video.id,
            title=video.snippet.title,
            views=video.statistics.views,
            channel=video.snippet.channel_id,
            subscribers=sizes.get(video.snippet.channel_id),
        )
        for video in found
        if video.statistics.views is not None
    ]


def _ids(body: Body) -> list[str]:
    return [item.id.video_id for item in body.json(SearchResults).items if item.id.video_id]


def _videos(body: Body) -> list[Video]:
    return list(body.json(VideoList).items)


def _channels(body: Body) -> list[ChannelFacts]:
    return list(body.json(ChannelList).items)
