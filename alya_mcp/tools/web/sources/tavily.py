"""Tavily, a search service for agents, with a key or, within low limits, without one.

https://docs.tavily.com/documentation/api-reference/endpoint/search. It takes questions by POST, so nothing is
kept of its answers.
"""

from typing import Final

from alya_mcp.net.answers import Body, Fetched, Shape, SourceRefused
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.web.logic.hits import Hit, SearchQuery, moment

TAVILY: Final = SOURCES["tavily"]
_MOST: Final = 20
_USED_UP: Final = {432: "its plan's limit", 433: "its limit of pay-as-you-go"}


class _Result(Shape):
    title: str
    url: str
    content: str | None = None
    score: float | None = None
    published_date: str | None = None


class _Results(Shape):
    results: Records[_Result]


async def search(http: Http, wanted: SearchQuery, *, key: str | None) -> Fetched[list[Hit]]:
    """What it finds; without a key it answers few questions a day."""
    asked: dict[str, object] = {
        "query": wanted.query,
        "max_results": min(wanted.count, _MOST),
        "search_depth": "basic",
    }
    if wanted.freshness is not None:
        asked["time_range"] = wanted.freshness
    headers = {"X-Tavily-Access-Mode": "keyless"} if key is None else {}
    secrets = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        return await http.post(
            TAVILY,
            "/search",
            json=asked,
            read=_hits,
            headers=headers,
            secrets=secrets,
            repeatable=True,
            deadline=8,
        )
    except SourceRefused as refused:
        spent = _USED_UP.get(refused.status or 0)
        if spent is not None:
            raise SourceRefused(
                TAVILY, f"answers {refused.status}: {spent} is reached", status=refused.status
            ) from None
        raise


def _hits(body: Body) -> list[Hit]:
    return [
        Hit(
            title=each.title,
            url=each.url,
            snippet=each.content or "",
            published=moment(each.published_date),
            score=each.score,
        )
        for each in body.json(_Results).results
    ]
