"""Stack Exchange: questions of its Software Recommendations site, where people ask for a tool they lack.

https://api.stackexchange.com/docs/advanced-search; CC BY-SA 4.0, 300 requests a day without a key. An answer
may hold `backoff`, seconds for which not to ask again; too many requests are a 400 `throttle_violation`.
Titles are escaped text, bodies HTML.
"""

import re
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape, SourceRefused
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.demand.logic.posts import Post
from alya_mcp.tools.demand.sources.found import FRESH_FOR, STALE_FOR, FoundPosts

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

STACK_EXCHANGE: Final = SOURCES["stack_exchange"]
_SITE: Final = "softwarerecs"
_MOST: Final = 100
_THROTTLED: Final = re.compile(rb"throttle_violation")
_SECONDS: Final = re.compile(rb"available in ([0-9]{1,6}) seconds")
_PAUSE: Final = 60.0


class _Question(Shape):
    id: Annotated[int, Field(ge=1)] = Field(alias="question_id")
    title: str
    body: str
    time: Annotated[int, Field(ge=0, le=32_503_680_000)] = Field(alias="creation_date")
    score: int = 0
    answer_count: int = 0


class _Questions(Shape):
    items: Records[_Question]
    has_more: bool = False
    backoff: Annotated[float, Field(ge=0)] | None = None


async def search(http: "Http", query: str) -> Fetched[FoundPosts]:
    """The newest 100 questions on software that Stack Exchange finds for `query`.

    Raises:
        SourceFailed: it doesn't answer, or asked not to be asked for a while and nothing is kept.
    """
    try:
        answer = await _ask(http, query)
    except SourceRefused as refused:
        if not _THROTTLED.search(refused.body):
            raise
        asked = _SECONDS.search(refused.body)
        http.pause(STACK_EXCHANGE, float(asked[1]) if asked else _PAUSE)
        return await _ask(http, query)  # a kept answer, or a failure that says how long the pause is
    if not answer.cached and answer.value.pause:
        http.pause(STACK_EXCHANGE, answer.value.pause)
    return answer


async def _ask(http: "Http", query: str) -> Fetched[FoundPosts]:
    return await http.get(
        STACK_EXCHANGE,
        "/2.3/search/advanced",
        {
            "q": query, "site": _SITE, "sort": "creation", "order": "desc", "pagesize": _MOST,
            "filter": "withbody",
        },
        read=_read,
        fresh_for=FRESH_FOR,
        stale_for=STALE_FOR,
    )  # fmt: skip


def _read(body: Body) -> FoundPosts:
    answer = body.json(_Questions)
    return FoundPosts(
        posts=tuple(_post(question) for question in answer.items),
        more=answer.has_more,
        pause=answer.backoff or 0.0,
    )


def _post(question: _Question) -> Post:
    return Post(
        venue=STACK_EXCHANGE.title,
        url=f"https://{_SITE}.stackexchange.com/q/{question.id}",
        time=datetime.fromtimestamp(question.time, UTC),
        title=unescape(question.title),
        text=question.body,
        markup="html",
        reactions=max(0, question.score) + question.answer_count,
    )
