"""Themes: signals grouped by topic, each group named by its most distinctive words. Pure."""

import heapq
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.demand.logic.posts import DemandSentence
from alya_mcp.tools.demand.logic.words import fold, stem, stems_of, telling

ALIKE: Final = 0.12
"""Two groups become one while the mean cosine of their members is this much or more."""

_TITLE: Final = 0.5
_NAMED_BY: Final = 3
Vector = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Signals about one thing: its most telling words, and the places of its signals in the list."""

    words: tuple[str, ...]
    members: tuple[int, ...]


def find_themes(signals: Sequence[DemandSentence], topic: str) -> list[Theme]:
    """The groups of signals about one thing, from two or more posts, the largest first.

    Each signal is a vector of its words and, at half their weight, its title's, weighted by how rare they are
    (tf-idf) and without the topic's own words; groups are joined by average linkage.
    """
    shown: dict[str, Counter[str]] = {}
    weights = _weights([_counts(signal, fold(topic), shown) for signal in signals])
    themes = [
        Theme(words=_name([weights[number] for number in group], shown), members=tuple(sorted(group)))
        for group in _joined(weights)
        if len({signals[number].post.url for number in group}) > 1
    ]
    return sorted(themes, key=lambda theme: (-len(theme.members), theme.members))


def _counts(signal: DemandSentence, topic: str, shown: dict[str, Counter[str]]) -> Vector:
    """How often each telling stem occurs; notes in `shown` how it is written."""
    own = stems_of([topic])
    counts: Vector = {}
    for text, weight in ((signal.quote, 1.0), (signal.post.title, _TITLE)):
        for word in telling(fold(text)):
            root = stem(word)
            if root not in own:
                counts[root] = counts.get(root, 0.0) + weight
                shown.setdefault(root, Counter())[word] += 1
    return counts


def _weights(counts: Sequence[Vector]) -> list[Vector]:
    """tf-idf vectors of length 1; a stem that occurs in a single signal groups nothing and names nothing."""
    frequency = Counter(root for each in counts for root in each)
    vectors: list[Vector] = []
    for each in counts:
        vector = {
            root: (1 + math.log(1 + count)) * math.log(1 + len(counts) / frequency[root])
            for root, count in each.items()
        }
        length = math.sqrt(sum(weight * weight for weight in vector.values()))
        vectors.append(
            {root: weight / length for root, weight in vector.items() if frequency[root] > 1}
            if length
            else {}
        )
    return vectors


def _joined(vectors: Sequence[Vector]) -> list[list[int]]:
    """Groups of vectors by average linkage: the two most alike are joined until none are alike enough."""
    groups = {number: [number] for number in range(len(vectors))}
    alike: dict[int, dict[int, float]] = {number: {} for number in groups}
    holders: dict[str, list[int]] = {}
    for number, vector in enumerate(vectors):
        for root, weight in vector.items():
            for other in holders.get(root, ()):
                both = alike[number].get(other, 0.0) + weight * vectors[other][root]
                alike[number][other] = alike[other][number] = both
            holders.setdefault(root, []).append(number)
    pairs = [
        (-value, one, other) for one, row in alike.items() for other, value in row.items() if one < other
    ]
    heapq.heapify(pairs)
    following = len(vectors)
    while pairs:
        value, one, other = heapq.heappop(pairs)
        if -value < ALIKE:
            break
        if one not in groups or other not in groups:
            continue
        sizes = len(groups[one]), len(groups[other])
        rows = alike.pop(one), alike.pop(other)
        groups[following] = groups.pop(one) + groups.pop(other)
        alike[following] = {}
        for third in sorted((rows[0].keys() | rows[1].keys()) - {one, other}):
            mean = (sizes[0] * rows[0].get(third, 0.0) + sizes[1] * rows[1].get(third, 0.0)) / sum(sizes)
            alike[third].pop(one, None)
            alike[third].pop(other, None)
            alike[following][third] = alike[third][following] = mean
            heapq.heappush(pairs, (-mean, third, following))
        following += 1
    return list(groups.values())


def _name(vectors: Sequence[Vector], shown: dict[str, Counter[str]]) -> tuple[str, ...]:
    """The stems that weigh most in a group and occur more than once in it, as they are mostly written."""
    weight: Counter[str] = Counter()
    for vector in vectors:
        weight.update(vector)
    shared = [root for root in weight if sum(root in vector for vector in vectors) > 1]
    ranked = sorted(shared, key=lambda root: (-weight[root], root))[:_NAMED_BY]
    return tuple(min(shown[root], key=lambda word: (-shown[root][word], word)) for root in ranked)
