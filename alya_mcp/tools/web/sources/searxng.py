"""SearXNG: a metasearch engine that the user hosts.

https://docs.searxng.org/dev/search_api.html; its settings have to allow the `json` format. It answers without
results also when none of its engines does, and then names them.
"""

from typing import Any, Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape, SourceFailed, SourceRefused
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.web.logic.hits import Hit, SearchQuery, moment

SEARXNG: Final = SOURCES["searxng"]
_MOST_NAMED: Final = 4


class _Result(Shape):
    title: str
    url: str
    content: str | None = None
    score: float | None = None
    publishedDate: str | None = None  # noqa: N815 - theirs


class _Results(Shape):
    results: Records[_Result]
    unresponsive_engines: list[list[Any]] = Field(default_factory=list[list[Any]])


async def search(http: Http, wanted: SearchQuery) -> Fetched[list[Hit]]:
    """What its engines find; a week is asked for as a month, which is the next that it knows.

    Raises:
        SourceFailed: also when it finds nothing and some of its engines didn't respond.
    """
    params: dict[str, str | int] = {"q": wanted.query, "format": "json", "safesearch": 1}
    if wanted.language is not None:
        params["language"] = wanted.language
    if wanted.freshness is not None:
        params["time_range"] = "month" if wanted.freshness == "week" else wanted.freshness
    try:
        return await http.get(
            SEARXNG, "/search", params, read=_hits, fresh_for=600, stale_for=86_400, deadline=8
        )
    except SourceRefused as refused:
        if refused.status == 403:
            problem = "answers 403 Forbidden; its settings.yml has to allow the json format"
            raise SourceRefused(SEARXNG, problem, status=403) from None
        raise


def _hits(body: Body) -> list[Hit]:
    answer = body.json(_Results)
    if not answer.results and answer.unresponsive_engines:
        silent = [str(engine[0])[:40] for engine in answer.unresponsive_engines[:_MOST_NAMED] if engine]
        raise SourceFailed(
            SEARXNG,
            f"found nothing because its engines don't respond ({', '.join(silent)}); call again later",
        )
    return [
        Hit(
            title=each.title,
            url=each.url,
            snippet=each.content or "",
            published=moment(each.publishedDate),
            score=each.score,
        )
        for each in answer.results
    ]
