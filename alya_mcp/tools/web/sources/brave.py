"""Brave Search, an index of its own, with a key.

https://api-dashboard.search.brave.com/documentation; 400 characters of query, 20 results at a time. Titles
and descriptions hold HTML entities.
"""

from html import unescape
from typing import Final

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.web.logic.hits import Hit, SearchQuery, moment

BRAVE: Final = SOURCES["brave"]
_SPANS: Final = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}
_LANGUAGES: Final = {"ja": "jp", "zh": "zh-hans", "pt": "pt-pt"}
_MOST: Final = 20


class _Result(Shape):
    title: str
    url: str
    description: str | None = None
    page_age: str | None = None


class _Web(Shape):
    results: Records[_Result]


class _Results(Shape):
    type: str
    web: _Web | None = None


async def search(http: Http, wanted: SearchQuery, *, key: str) -> Fetched[list[Hit]]:
    """What its index has."""
    params: dict[str, str | int] = {
        "q": wanted.query,
        "count": min(wanted.count, _MOST),
        "text_decorations": "false",
        "result_filter": "web",
    }
    if wanted.language is not None:
        params["search_lang"] = _LANGUAGES.get(wanted.language, wanted.language)
    if wanted.freshness is not None:
        params["freshness"] = _SPANS[wanted.freshness]
    return await http.get(
        BRAVE,
        "/res/v1/web/search",
        params,
        read=_hits,
        secrets={"X-Subscription-Token": key},
        fresh_for=600,
        stale_for=86_400,
        deadline=8,
    )


def _hits(body: Body) -> list[Hit]:
    web = body.json(_Results).web
    return [
        Hit(
            title=unescape(each.title),
            url=each.url,
            snippet=unescape(each.description or ""),
            published=moment(each.page_age),
        )
        for each in (web.results if web else [])
    ]
