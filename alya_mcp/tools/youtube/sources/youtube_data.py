"""The YouTube Data API v3: the shapes of its answers, and what its errors mean.

developers.google.com/youtube/v3/docs, read 2026-11.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import Field, ValidationError, model_validator

from alya_mcp.net.answers import ChangedShape, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES

if TYPE_CHECKING:
    from alya_mcp.net.request import SourceResponse

YOUTUBE: Final = SOURCES["youtube"]

WATCH: Final = "https://www.youtube.com/watch?v="

UNITS: Final[Mapping[str, int]] = {
    "channels.list": 1,
    "playlistItems.list": 1,
    "videos.list": 1,
    "videos.update": 50,
    "thumbnails.set": 50,
    "captions.list": 50,
    "captions.insert": 400,
}
"""What a call costs of the 10,000 units a day (developers.google.com/youtube/v3/determine_quota_cost)."""

QUOTA: Final = frozenset({"quotaExceeded", "dailyLimitExceeded"})
UPLOAD_LIMIT: Final = "uploadLimitExceeded"

_REASON: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")

T = TypeVar("T", bound=Shape)


class _Error(Shape):
    reason: str = ""


class _Errors(Shape):
    errors: Records[_Error] = Field(default_factory=list[_Error])


class _Refusal(Shape):
    error: _Errors


class Snippet(Shape):
    """Words of a channel, a video or an item of a playlist."""

    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    published_at: datetime | None = Field(default=None, validation_alias="publishedAt")
    channel_id: str = Field(default="", validation_alias="channelId")


class VideoStatus(Shape):
    """What may be seen of a video, and the parts of it that an update has to give back."""

    privacy: str = Field(default="", validation_alias="privacyStatus")
    upload_status: str = Field(default="", validation_alias="uploadStatus")
    license: str | None = None
    embeddable: bool | None = None
    public_stats: bool | None = Field(default=None, validation_alias="publicStatsViewable")
    made_for_kids: bool | None = Field(default=None, validation_alias="selfDeclaredMadeForKids")
    synthetic: bool | None = Field(default=None, validation_alias="containsSyntheticMedia")


class Statistics(Shape):
    """Counts, which the API writes as text; a hidden one isn't there."""

    views: int | None = Field(default=None, validation_alias="viewCount")
    subscribers: int | None = Field(default=None, validation_alias="subscriberCount")


class Video(Shape):
    """A video."""

    id: str
    snippet: Snippet = Snippet()
    status: VideoStatus = VideoStatus()
    statistics: Statistics = Statistics()


class VideoList(Shape):
    """An answer of videos.list."""

    items: Records[Video]


class _Playlists(Shape):
    uploads: str = ""


class _ChannelContent(Shape):
    playlists: _Playlists = Field(default=_Playlists(), validation_alias="relatedPlaylists")


class ChannelFacts(Shape):
    """A channel."""

    id: str
    snippet: Snippet = Snippet()
    statistics: Statistics = Statistics()
    content: _ChannelContent = Field(default=_ChannelContent(), validation_alias="contentDetails")


class ChannelList(Shape):
    """An answer of channels.list, which leaves `items` out where there is none."""

    items: Records[ChannelFacts] = Field(default_factory=list[ChannelFacts])

    @model_validator(mode="before")
    @classmethod
    def _is_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and not {"items", "kind", "pageInfo"} & set(cast("dict[str, Any]", value)):
            raise ValueError("no list of channels")
        return cast("Any", value)


class _ItemContent(Shape):
    video_id: str = Field(default="", validation_alias="videoId")


class PlaylistItem(Shape):
    """A video in a playlist."""

    snippet: Snippet = Snippet()
    content: _ItemContent = Field(default=_ItemContent(), validation_alias="contentDetails")


class PlaylistItems(Shape):
    """An answer of playlistItems.list."""

    items: Records[PlaylistItem] = Field(default_factory=list[PlaylistItem])


class _FoundId(Shape):
    video_id: str = Field(default="", validation_alias="videoId")


class SearchItem(Shape):
    """A video that a search found. Its words are left to videos.list: here they are escaped as HTML."""

    id: _FoundId


class SearchResults(Shape):
    """An answer of search.list."""

    items: Records[SearchItem]


class _TrackSnippet(Shape):
    language: str = ""
    name: str = ""


class CaptionTrack(Shape):
    """A track of captions."""

    id: str
    snippet: _TrackSnippet


class CaptionTracks(Shape):
    """An answer of captions.list."""

    items: Records[CaptionTrack] = Field(default_factory=list[CaptionTrack])


def reasons(body: bytes) -> tuple[str, ...]:
    """YouTube's own words for why it refuses, such as `quotaExceeded`."""
    try:
        errors = _Refusal.model_validate_json(body).error.errors
    except ValidationError:
        return ()
    return tuple(error.reason for error in errors if _REASON.fullmatch(error.reason))


def read(answer: "SourceResponse", shape: type[T]) -> T:
    """The `shape` that an answer holds.

    Raises:
        ChangedShape: it holds something else.
    """
    try:
        return shape.model_validate_json(answer.body)
    except ValidationError:
        raise ChangedShape(YOUTUBE, "changed its shape; a newer version of alya-mcp may know it") from None
