"""How much a sentence sounds like a wish, by its words. Pure.

People have more ways to want something than there are phrases. The weights of words and of pairs of words are
those of a logistic regression over labelled sentences (`scripts/eval/wishes.py`).
"""

import csv
import math
import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

WEIGHTS: Final = Path(__file__).with_name("wishes.csv")
_TOKEN: Final = re.compile(r"[^\W_][\w'+#-]*|[?!$€£₺]")
_NUMBER: Final = re.compile(r"\d[\d.,]*")


def likelihood(folded: str) -> float:
    """How likely folded text is a wish, 0 to 1, where two sentences of five are wishes."""
    weights = _weights()
    score = weights["BIAS"] + sum(weights.get(cue, 0.0) for cue in cues(folded))
    return 1 / (1 + math.exp(-score))


def cues(folded: str) -> frozenset[str]:
    """The words of folded text, with numbers as 0, and pairs of them."""
    tokens = ["^", *_TOKEN.findall(_NUMBER.sub("0", folded)), "."]
    return frozenset((*tokens, *map(" ".join, pairwise(tokens))))


@cache
def _weights() -> Mapping[str, float]:
    with WEIGHTS.open(encoding="utf-8", newline="") as lines:
        return {cue: float(weight) for cue, weight in csv.reader(lines)}
