"""Whether the words of a complaint are those of an emergency: a linear model over words, behind the rules.

It notices emergencies that no pattern reads. What is denied, past or a relative's counts apart or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from alya_mcp.tools.health.logic.symptoms.model import SpokenLanguage
from alya_mcp.tools.health.logic.symptoms.negation import denied, others, past

_STEM: Final = 6


@dataclass(frozen=True, slots=True)
class UrgencyModel:
    """`weights` by cue; a text whose sum with `bias` exceeds `threshold` reads like an emergency."""

    bias: float
    threshold: float
    weights: Mapping[str, float]

    def score(self, cues: Iterable[str]) -> float:
        """The sum of the weights of a text's cues, in log odds."""
        return self.bias + sum(self.weights.get(cue, 0.0) for cue in cues)

    def urgent(self, cues: Iterable[str]) -> bool:
        """Whether a text reads like an emergency."""
        return self.score(cues) > self.threshold


def cues_of(sentences: Iterable[Sequence[str]], language: SpokenLanguage) -> set[str]:
    """The beginnings of words and of pairs of words; `no:` marks what is denied."""
    return {cue for words in sentences for cue in _cues(words, language)}


def _cues(words: Sequence[str], language: SpokenLanguage) -> Iterator[str]:
    by = denied(words, language)
    ignored = others(words, language) | past(words, language)
    stems: list[str] = []
    for place, word in enumerate(words):
        if place in ignored or not word[0].isalnum():
            continue
        stem = f"#{len(word)}" if word[0].isdigit() else word[:_STEM]
        stems.append(f"no:{stem}" if by[place] >= 0 else stem)
    yield from stems
    for one, two in pairwise(stems):
        yield f"{one} {two}"
