"""BM25: how well documents fit the words of a query."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

_K1: Final = 1.2
_B: Final = 0.75


def bm25(query: Sequence[str], documents: Sequence[Sequence[str]]) -> list[float]:
    """The score of each document for the words of a query: Okapi BM25 (k1 1.2, b 0.75), each word once.

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
