"""Reddit: posts by their words, the newest first.

https://www.reddit.com/dev/api#GET_search. It wants a token (`ALYA_REDDIT_TOKEN`, for oauth.reddit.com) and
mostly refuses who has none (403, 429). The text is Markdown; `raw_json=1` keeps its signs unescaped.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape, SourceRefused
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.demand.logic.posts import Post
from alya_mcp.tools.demand.sources.found import FRESH_FOR, STALE_FOR, FoundPosts

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

REDDIT: Final = SOURCES["reddit"]
REDDIT_OAUTH: Final = SOURCES["reddit_oauth"]
_MOST: Final = 100
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class _Submission(Shape):
    id: Annotated[str, Field(pattern=r"^[0-9a-z]{1,12}$")]
    title: str
    text: str = Field("", alias="selftext")
    time: Annotated[float, Field(ge=0, le=32_503_680_000)] = Field(alias="created_utc")
    score: int = 0
    num_comments: int = 0


class _Child(Shape):
    kind: str
    data: _Submission


class _Data(Shape):
    children: Records[_Child]
    after: str | None = None


class _Listing(Shape):
    kind: Literal["Listing"]
    data: _Data


async def search(http: "Http", query: str, *, token: str | None = None) -> Fetched[FoundPosts]:
    """The newest 100 posts that Reddit finds for `query`.

    Raises:
        SourceRefused: Reddit doesn't take the token, or wants one.
    """
    source, path = (REDDIT_OAUTH, "/search") if token else (REDDIT, "/search.json")
    try:
        return await http.get(
            source,
            path,
            {"q": query, "sort": "new", "t": "year", "type": "link", "limit": _MOST, "raw_json": 1},
            secrets={"Authorization": f"Bearer {token}"} if token else None,
            read=_read,
            fresh_for=FRESH_FOR,
            stale_for=STALE_FOR,
        )
    except SourceRefused as refused:
        if refused.status not in _REFUSED:
            raise
        help_ = (
            "ALYA_REDDIT_TOKEN is wrong or has expired"
            if token
            else "the user can set a token in ALYA_REDDIT_TOKEN"
        )
        problem = f"refuses to be searched ({refused.status}); {help_}"
        raise SourceRefused(source, problem, status=refused.status) from None


def _read(body: Body) -> FoundPosts:
    data = body.json(_Listing).data
    return FoundPosts(posts=tuple(_post(child.data) for child in data.children), more=data.after is not None)


def _post(submission: _Submission) -> Post:
    return Post(
        venue=REDDIT.title,
        url=f"https://www.reddit.com/comments/{submission.id}",
        time=datetime.fromtimestamp(submission.time, UTC),
        title=submission.title,
        text=submission.text,
        markup="markdown",
        reactions=max(0, submission.score) + submission.num_comments,
    )
