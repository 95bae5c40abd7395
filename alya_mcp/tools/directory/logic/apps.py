"""Applications, and which of them are for business, artificial intelligence or human resources."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from alya_mcp.text.bm25 import bm25
from alya_mcp.text.folding import fold
from alya_mcp.text.words import guess_language, terms

AppCategory = Literal["business", "ai", "hr"]
Platform = Literal["ios", "macos", "linux"]

TERMS: Final[dict[AppCategory, str]] = {
    "business": "business",
    "ai": "AI assistant",
    "hr": "human resources",
}
"""What to look for in a category when nothing else is asked for."""

_NAMES: Final = re.compile(r"\bHR\b|\bHRM\b|\bHRIS\b|\bİK\b")
_HR: Final = re.compile(
    r"\bhuman resources?\b|\bpayrolls?\b|\brecruit\w*|\bhiring\b|\bemployees?\b|\bworkforce\b|\btimesheets?\b"
    r"|\bstaff (?:scheduling|management)\b|\binsan kaynaklar\w*|\bbordro\w*|\bi\u015fe al\u0131m\w*"
    r"|\bpersonel\b",
    re.IGNORECASE,
)
_AI: Final = re.compile(
    r"\bA\.?I\b|\b[Gg][Pp][Tt]\b|\bGPT-?\d\w*|\bLLMs?\b|(?i:\bartificial intelligence\b|\bmachine learning\b"
    r"|\bchatbots?\b|\bchatgpt\b|\blanguage models?\b|\byapay zek[a\u00e2]\w*)"
)
_BUSINESS: Final = re.compile(
    r"\bbusiness(?:es)?\b|\binvoic\w+|\baccounting\b|\bCRM\b|\bERP\b|\benterprise\b|\bteams?\b|\bprojects?\b"
    r"|\bcompan(?:y|ies)\b|\bi\u015fletme\w*|\bfatura\w*|\bmuhasebe\w*|\b\u015firket\w*",
    re.IGNORECASE,
)
_GENRES: Final = frozenset({"business", "productivity", "finance", "server-and-cloud"})
_LOOKED_AT: Final = 1200
_PRIOR_RATINGS: Final = 50
_PRIOR: Final = 3.5
_BEST: Final = 5.0
_BY_WORDS: Final = 0.7
_BY_RATING: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One application. `price` is in `currency`, 0 for free, None where the store doesn't say."""

    name: str
    publisher: str
    genres: tuple[str, ...]
    price: float | None
    currency: str | None
    rating: float | None
    ratings: int | None
    url: str
    description: str
    platform: Platform
    source: str


def categories(app: App) -> list[AppCategory]:
    """Which of the three an application is for, by its words and its store's genre; the narrowest first."""
    text = f"{app.name} {app.description}"[:_LOOKED_AT]
    found: list[AppCategory] = []
    if _NAMES.search(text) or _HR.search(text):
        found.append("hr")
    if _AI.search(text):
        found.append("ai")
    genres = {genre.lower() for genre in app.genres}
    if genres & _GENRES and ("business" in genres or _BUSINESS.search(text) or "hr" in found):
        found.append("business")
    return found


def ranked(query: str, apps: Sequence[App]) -> list[App]:
    """The applications, the best first: exact name matches, then the others by score.

    0.7 for the query's words in name (twice) and description (BM25 over the highest), 0.3 for the rating, of
    50 more ratings of 3.5, over 5; without ratings for 3.5.
    """
    language = guess_language(query)
    documents = [
        terms(app.name, language) * 2 + terms(app.description[:_LOOKED_AT], language) for app in apps
    ]
    words = bm25(terms(query, language), documents)
    highest = max(words, default=0.0) or 1.0
    scores = [
        _BY_WORDS * score / highest + _BY_RATING * _rated(app) / _BEST
        for score, app in zip(words, apps, strict=True)
    ]
    name = _letters(query)
    order = sorted(range(len(apps)), key=lambda index: (_letters(apps[index].name) != name, -scores[index]))
    return [apps[index] for index in order]


def _letters(name: str) -> str:
    return "".join(letter for letter in fold(name) if letter.isalnum())


def _rated(app: App) -> float:
    count = app.ratings or 0
    if app.rating is None or not math.isfinite(app.rating):
        return _PRIOR
    return (app.rating * count + _PRIOR * _PRIOR_RATINGS) / (count + _PRIOR_RATINGS)
