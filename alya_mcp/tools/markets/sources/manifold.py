"""Manifold: a market of play money, whose probabilities are independent of Polymarket's.

https://docs.manifold.markets/api; no key to read, 500 requests a minute. Anyone may write a question there.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools.markets.logic.fair import Opinion, Opinions, by_words

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

MANIFOLD: Final = SOURCES["manifold"]
_LARGEST: Final = 12 << 20
_MOST: Final = 1000
_LAST_TIME: Final = 32_503_680_000_000
"""The year 3000 in milliseconds; some questions close later than a date can be."""


class _Question(Shape):
    question: Annotated[str, Field(max_length=2000)]
    url: Annotated[str, Field(max_length=2000)]
    outcome_type: str = Field(alias="outcomeType")
    probability: Annotated[float, Field(ge=0, le=1)] | None = None
    close_time: float | None = Field(None, alias="closeTime")
    resolved: bool = Field(alias="isResolved")
    bettors: int = Field(0, alias="uniqueBettorCount")


async def open_questions(http: "Http") -> Fetched[Opinions]:
    """The thousand best-known open questions with a yes or a no."""
    return await http.get(
        MANIFOLD,
        "/v0/search-markets",
        {"term": "", "filter": "open", "contractType": "BINARY", "sort": "most-popular", "limit": _MOST},
        read=_read,
        fresh_for=300,
        stale_for=6 * 3600,
        deadline=10,
        largest=_LARGEST,
    )


def _read(body: Body) -> Opinions:
    return by_words(
        Opinion(
            venue=MANIFOLD.title,
            question=each.question,
            url=each.url,
            probability=each.probability,
            people=each.bettors,
            ends=_moment(each.close_time),
        )
        for each in body.json_records(_Question)
        if each.outcome_type == "BINARY" and not each.resolved and each.probability is not None
    )


def _moment(milliseconds: float | None) -> datetime | None:
    if milliseconds is None or not 0 <= milliseconds < _LAST_TIME:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
