"""Towards which conditions the words of a complaint lean: naive Bayes over the beginnings of words.

It knows wordings that no pattern reads. What is denied, past or a relative's doesn't count.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

from alya_mcp.tools.health.logic.symptoms.extraction import ReadSentence

_STEM: Final = 5
_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class WordingModel:
    """By the beginning of a word: conditions of which it speaks, with log likelihood ratios."""

    weights: Mapping[str, Mapping[str, float]]

    def leaning(self, stems: Iterable[str]) -> dict[str, float]:
        """The conditions that a text speaks of most, each with the sum of its log likelihood ratios."""
        sums: dict[str, float] = defaultdict(float)
        for stem in stems:
            for condition, weight in self.weights.get(stem, {}).items():
                sums[condition] += weight
        return {name: round(sums[name], 2) for name in nlargest(_KEPT, sums, key=sums.__getitem__)}


def stems_of(sentences: Iterable[ReadSentence]) -> set[str]:
    """The beginnings of the words that are said of the patient."""
    return {
        word[:_STEM]
        for sentence in sentences
        for place, word in enumerate(sentence.words)
        if word[0].isalpha() and place not in sentence.elsewhere and sentence.denied_by[place] < 0
    }
