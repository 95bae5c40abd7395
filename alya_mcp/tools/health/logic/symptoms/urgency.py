"""Whether a complaint reads like an emergency: a linear model over words, and how likely emergencies are.

It stands behind the rules and notices emergencies that no pattern reads. What is denied, past or a relative's
counts apart or not at all.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from alya_mcp.tools.health.logic.symptoms.extraction import ReadSentence

_STEM: Final = 6


@dataclass(frozen=True, slots=True)
class UrgencyModel:
    """`weights` by cue; a text reads like an emergency whose sum exceeds `threshold`.

    To the sum of the cues and `bias` come `emergency` and `urgent`, each times the probability of conditions
    that need such care.
    """

    bias: float
    threshold: float
    emergency: float
    urgent: float
    weights: Mapping[str, float]

    def score(self, cues: Iterable[str]) -> float:
        """The sum of the weights of a text's cues, in log odds."""
        return self.bias + sum(self.weights.get(cue, 0.0) for cue in cues)

    def alarming(self, score: float, emergency: float, urgent: float) -> bool:
        """Whether a score with these probabilities of emergencies and of urgent conditions is alarming."""
        likely = self.emergency * min(1.0, emergency) + self.urgent * min(1.0, urgent)
        return score + likely > self.threshold


def cues_of(sentences: Iterable[ReadSentence]) -> set[str]:
    """The beginnings of words and of pairs of words; `no:` marks what is denied."""
    return {cue for sentence in sentences for cue in _cues(sentence)}


def _cues(sentence: ReadSentence) -> Iterator[str]:
    stems: list[str] = []
    for place, word in enumerate(sentence.words):
        if place in sentence.elsewhere or not word[0].isalnum():
            continue
        stem = f"#{len(word)}" if word[0].isdigit() else word[:_STEM]
        stems.append(f"no:{stem}" if sentence.denied_by[place] >= 0 else stem)
    yield from stems
    for one, two in pairwise(stems):
        yield f"{one} {two}"
