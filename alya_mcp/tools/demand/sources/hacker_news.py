"""Hacker News, searched through Algolia: comments and stories by their words, the newest first.

https://hn.algolia.com/api; no key, 10,000 requests an hour, at most the newest 1,000 of a search. A comment
has no title of its own, and points only when it is new; a story with a link has no text.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.demand.logic.posts import Post
from alya_mcp.tools.demand.sources.found import FRESH_FOR, STALE_FOR, FoundPosts

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

HACKER_NEWS: Final = SOURCES["hacker_news"]
_MOST: Final = 500
_LARGEST: Final = 12 << 20


class _Hit(Shape):
    id: Annotated[str, Field(pattern=r"^[0-9]{1,12}$")] = Field(alias="objectID")
    time: Annotated[int, Field(ge=0, le=32_503_680_000)] = Field(alias="created_at_i")
    title: str | None = None
    story_title: str | None = None
    comment_text: str | None = None
    story_text: str | None = None
    points: int | None = None
    num_comments: int | None = None


class _Hits(Shape):
    hits: Records[_Hit]
    total: int = Field(alias="nbHits")


async def search(http: "Http", query: str) -> Fetched[FoundPosts]:
    """The newest 500 comments and stories that hold every word of `query`."""
    return await http.get(
        HACKER_NEWS,
        "/api/v1/search_by_date",
        {"query": query, "tags": "(comment,story)", "hitsPerPage": _MOST, "page": 0},
        read=_read,
        fresh_for=FRESH_FOR,
        stale_for=STALE_FOR,
        largest=_LARGEST,
    )


def _read(body: Body) -> FoundPosts:
    answer = body.json(_Hits)
    return FoundPosts(posts=tuple(_post(hit) for hit in answer.hits), more=answer.total > len(answer.hits))


def _post(hit: _Hit) -> Post:
    return Post(
        venue=HACKER_NEWS.title,
        url=f"https://news.ycombinator.com/item?id={hit.id}",
        time=datetime.fromtimestamp(hit.time, UTC),
        title=hit.title or hit.story_title or "",
        text=hit.comment_text or hit.story_text or "",
        markup="html",
        reactions=(hit.points or 0) + (hit.num_comments or 0),
        is_reply=hit.comment_text is not None,
    )
