"""Which hits answer a question best: their words, the search engine's own order, and how new they are."""

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from alya_mcp.tools.web.logic.hits import Hit
from alya_mcp.text.words import Language, terms

_K1: Final = 1.2
_B: Final = 0.75
_TITLE: Final = 2
_BY_WORDS: Final = 0.6
_BY_SOURCE: Final = 0.25
_BY_AGE: Final = 0.15
_HALF_LIFE_DAYS: Final = 365.0
_UNKNOWN_AGE: Final = 0.5


def bm25(query: Sequence[str], documents: Sequence[Sequence[str]]) -> list[float]:
    """How well each document fits the words of a query: Okapi BM25 (k1 1.2, b 0.75), each word once.

    Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; the inverse
    document frequency is log(1 + (N - n + 0.5) / (n + 0.5)), which is never negative.
    """
    counts = [Counter(document) for document in documents]
    mean = sum(map(len, documents)) / len(documents) if documents else 0.0
    scores = [0.0] * len(documents)
    for term in dict.fromkeys(query):
        holding = sum(term in count for count in counts)
        rarity = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        for index, count in enumerate(counts):
            if count[term]:
                length = 1 - _B + _B * len(documents[index]) / mean
                scores[index] += rarity * count[term] * (_K1 + 1) / (count[term] + _K1 * length)
    return scores


def ranked(query: str, hits: Sequence[Hit], language: Language, now: datetime) -> list[Hit]:
    """The hits, the best first.

    0.6 for their words (BM25 of title, counted twice, and snippet, over the highest), 0.25 for the search
    engine's score over its highest or, without scores, its order, 0.15 for freshness, which halves every
    year and is 0.5 where the date is unknown. Equals keep their order.
    """
    documents = [terms(hit.title, language) * _TITLE + terms(hit.snippet, language) for hit in hits]
    words = _over_highest(bm25(terms(query, language), documents))
    own = _own(hits)
    scores = [
        _BY_WORDS * words[index] + _BY_SOURCE * own[index] + _BY_AGE * _freshness(hit, now)
        for index, hit in enumerate(hits)
    ]
    return [hits[index] for index in sorted(range(len(hits)), key=lambda index: -scores[index])]


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
