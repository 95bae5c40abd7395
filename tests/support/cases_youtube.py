"""YouTube as a source: what it answers, and what is made of that."""

from collections.abc import Awaitable
from datetime import date
from typing import Any

from source_case import SourceCase

from alya_mcp.net.answers import Fetched
from alya_mcp.net.client import Http
from alya_mcp.tools.youtube.sources import search
from alya_mcp.tools.youtube.sources.youtube_data import YOUTUBE

KEY = {"X-Goog-Api-Key": "a-key-that-nobody-may-see"}
SEARCH = "/youtube/v3/search"
VIDEOS = "/youtube/v3/videos"
CHANNELS = "/youtube/v3/channels"
ITEM = {"id": {"kind": "youtube#video", "videoId": "dQw4w9WgXcQ"}, "snippet": {"title": "Tea &amp; more"}}


async def free() -> None:
    """A request that nobody counts."""


def find(http: Http) -> Awaitable[Fetched[list[str]]]:
    return search.search(http, KEY, free, "green tea", "en-GB", date(2026, 12, 1))


def look(http: Http) -> Awaitable[Fetched[list[Any]]]:
    return search.videos(http, KEY, free, ["dQw4w9WgXcQ"])


def ask_channels(http: Http) -> Awaitable[Fetched[list[Any]]]:
    return search.channels(http, KEY, free, ["UC_1", "UC_2"])


def are_ids(value: list[str]) -> None:
    assert "dQw4w9WgXcQ" in value


def are_clips(value: list[Any]) -> None:
    (clip,) = search.clips(value, {"UC_1": 7})
    assert (clip.views, clip.title, clip.subscribers) == (1200, "Tea & more", 7)


def are_channels(value: list[Any]) -> None:
    assert [each.statistics.subscribers for each in value] == [50, None]


CASES = [
    SourceCase(
        name="YouTube search",
        source=YOUTUBE,
        ask=find,
        answers={SEARCH: {"items": [ITEM], "pageInfo": {"totalResults": 1}}},
        right=are_ids,
        records="items",
        old=3 * 86_400,
        live=False,
    ),
    SourceCase(
        name="YouTube videos",
        source=YOUTUBE,
        ask=look,
        answers={
            VIDEOS: {
                "items": [
                    {
                        "id": "dQw4w9WgXcQ",
                        "snippet": {"title": "Tea & more", "channelId": "UC_1"},
                        "statistics": {"viewCount": "1200"},
                    }
                ]
            }
        },
        right=are_clips,
        records="items",
        old=3 * 86_400,
        live=False,
    ),
    SourceCase(
        name="YouTube channels",
        source=YOUTUBE,
        ask=ask_channels,
        answers={
            CHANNELS: {
                "items": [
                    {"id": "UC_1", "statistics": {"subscriberCount": "50"}},
                    {"id": "UC_2", "statistics": {"hiddenSubscriberCount": True}},
                ]
            }
        },
        right=are_channels,
        records="items",
        old=3 * 86_400,
        live=False,
    ),
]
