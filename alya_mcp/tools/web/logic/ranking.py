"""Ranking of hits: their words, the search engine's own order, and how new they are."""

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from alya_mcp.text.bm25 import bm25
from alya_mcp.text.folding import fold
from alya_mcp.text.words import Language, terms
from alya_mcp.tools.web.logic.hits import Hit

_TITLE: Final = 2
_BY_WORDS: Final = 0.6
_BY_SOURCE: Final = 0.25
_BY_AGE: Final = 0.15
_HALF_LIFE_DAYS: Final = 365.0
_UNKNOWN_AGE: Final = 0.5
_LIKELY: Final = 3
_FRONT_PAGE: Final = re.compile(r"/?(?:[a-z]{2}(?:-[A-Za-z]{2})?/?|index\.html?)?")
_WORD: Final = re.compile(r"[^\W_]+")
_OF_A_SITE: Final = frozenset(
    ["www", "https", "http", "official", "site", "website", "homepage", "resmi", "sitesi"]
)


def ranked(query: str, hits: Sequence[Hit], language: Language, now: datetime) -> list[Hit]:
    """The hits, the best first.

    The site that the query names comes first, where the search engine has it among its first three.
    The others by a score: 0.6 for their words (BM25 of title, counted twice, and snippet, over the highest),
    0.25 for the search engine's score over its highest or, without scores, its order, 0.15 for freshness,
    which halves every year and is 0.5 where the date is unknown. Equals keep their order.
    """
    documents = [terms(hit.title, language) * _TITLE + terms(hit.snippet, language) for hit in hits]
    words = _over_highest(bm25(terms(query, language), documents))
    own = _own(hits)
    scores = [
        _BY_WORDS * words[index] + _BY_SOURCE * own[index] + _BY_AGE * _freshness(hit, now)
        for index, hit in enumerate(hits)
    ]
    site = next((index for index, hit in enumerate(hits[:_LIKELY]) if _is_named(hit.url, query)), None)
    order = sorted(range(len(hits)), key=lambda index: (index != site, -scores[index]))
    return [hits[index] for index in order]


def _is_named(url: str, query: str) -> bool:
    """Whether `url` is the front page of the site that `query` asks for by its name or its address."""
    parts = urlsplit(url)
    if not _FRONT_PAGE.fullmatch(parts.path) or parts.query:
        return False
    name = "".join(word for word in _WORD.findall(fold(query)) if word not in _OF_A_SITE)
    labels = fold(parts.hostname or "").removeprefix("www.").split(".")
    return bool(name) and name in {*labels[:-1], "".join(labels)}


def _own(hits: Sequence[Hit]) -> list[float]:
    given = [hit.score for hit in hits if hit.score is not None and hit.score >= 0]
    if len(given) == len(hits):
        return _over_highest(given)
    return [1 - index / len(hits) for index in range(len(hits))]


def _freshness(hit: Hit, now: datetime) -> float:
    if hit.published is None:
        return _UNKNOWN_AGE
    days = max(0.0, (now - hit.published).total_seconds() / 86_400)
    return math.pow(0.5, days / _HALF_LIFE_DAYS)


def _over_highest(scores: Sequence[float]) -> list[float]:
    highest = max(scores, default=0.0)
    return [score / highest for score in scores] if highest else [0.0] * len(scores)
