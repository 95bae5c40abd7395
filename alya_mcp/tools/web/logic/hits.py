"""Results of a web search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Literal

Freshness = Literal["day", "week", "month", "year"]

SPANS: Final = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What to look for. `language` is a code such as `tr`, None for any; `count` how many hits to ask for."""

    query: str
    language: str | None = None
    freshness: Freshness | None = None
    count: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One page that was found, in the search engine's words. `score` is its own, the more the better."""

    title: str
    url: str
    snippet: str
    published: datetime | None = None
    score: float | None = None


def moment(text: str | None) -> datetime | None:
    """A time as search engines write it: ISO 8601, or that of mail headers; None when it is neither."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            found = parsedate_to_datetime(text)
        except (TypeError, ValueError, OverflowError):
            return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        return None


def recent(hits: Sequence[Hit], freshness: Freshness | None, now: datetime) -> list[Hit]:
    """The hits without those that are known to be older than asked for; a day more is let by."""
    if freshness is None:
        return list(hits)
    oldest = now - SPANS[freshness] - timedelta(days=1)
    return [hit for hit in hits if hit.published is None or hit.published >= oldest]
