"""Result pages of search engines, read by the `ddgs` package: an extra, used only if the user enables it.

https://github.com/deedy5/ddgs. It connects by itself, past the shared client, to the engines that it knows.
"""

from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

import anyio

from alya_mcp.errors import NotInstalled
from alya_mcp.net.answers import ChangedShape, Fetched, SourceFailed
from alya_mcp.net.records import OddRecord, Tally
from alya_mcp.runtime.threads import run_abandonable
from alya_mcp.settings.providers import Source
from alya_mcp.tools.web.logic.hits import Hit, SearchQuery

DDGS: Final = Source(key="ddgs", title="ddgs", url="")
_REGIONS: Final = {"tr": "tr-tr", "en": "us-en", "de": "de-de", "fr": "fr-fr", "es": "es-es", "it": "it-it"}
_SECONDS: Final = 8


async def search(wanted: SearchQuery) -> Fetched[list[Hit]]:
    """What one of the engines finds; nothing is kept.

    Raises:
        NotInstalled: the extra is missing.
        SourceFailed: no engine answers.
    """
    try:
        package: Any = import_module("ddgs")
        problems: Any = import_module("ddgs.exceptions")
    except ImportError:
        raise NotInstalled("Search through ddgs (ALYA_WEB_DDGS)", "web") from None

    def ask() -> list[dict[str, Any]]:
        return package.DDGS(timeout=_SECONDS).text(
            wanted.query,
            region=_REGIONS.get(wanted.language or "", "wt-wt"),
            safesearch="moderate",
            timelimit=wanted.freshness and wanted.freshness[0],
            max_results=wanted.count,
        )

    try:
        with anyio.fail_after(2 * _SECONDS):
            found = await run_abandonable(ask)
    except TimeoutError:
        raise SourceFailed(DDGS, f"had no answer within {2 * _SECONDS} s; call again later") from None
    except problems.RatelimitException:
        raise SourceFailed(DDGS, "is asked too often; call again later") from None
    except problems.TimeoutException:
        raise SourceFailed(DDGS, f"had no answer within {_SECONDS} s; call again later") from None
    except problems.DDGSException:
        raise SourceFailed(DDGS, "got nothing out of the search engines; call again later") from None
    tally = Tally()
    try:
        hits = tally.made(found, _hit)
    except OddRecord as error:
        raise ChangedShape(DDGS, f"changed its shape: {error}") from None
    return Fetched(
        value=hits,
        source=DDGS,
        fetched_at=datetime.now(UTC),
        age=0.0,
        cached=False,
        left_out=tally.left_out,
    )


def _hit(found: dict[str, Any]) -> Hit:
    title, url, text = (found.get(name) for name in ("title", "href", "body"))
    if not isinstance(title, str) or not isinstance(url, str):
        raise OddRecord("a result without a title or an address")
    return Hit(title=title, url=url, snippet=text if isinstance(text, str) else "")
