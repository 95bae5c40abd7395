"""A fair probability, from the order book, calibration on resolved markets, and other venues."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from alya_mcp.text.folding import fold

LEAST_PEOPLE: Final = 20
"""An opinion of fewer people counts for nothing."""

WEIGHT: Final = 0.25
"""The most that opinions weigh beside the market's price, which has the rest; see `weight`."""

HALF: Final = 100
"""People whose opinion has half of that. Both are chosen, not fitted: play money is worth less than money."""

_SAME_END: Final = timedelta(days=31)
_ARTICLES: Final = frozenset({"the", "a", "an", "will"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What `people` at another venue think of a question; `url` is where."""

    venue: str
    question: str
    url: str
    probability: float
    people: int
    ends: datetime | None


Opinions = Mapping[tuple[str, ...], Sequence[Opinion]]
"""Opinions by the words of their question, see `by_words`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecalibrationFit:
    """A correction for the bias between favourites and longshots: logit q = intercept + slope x logit p.

    A slope over 1 says that longshots cost too much. `fitted` is False for the one that changes nothing.
    `markets` is how many resolved markets it rests on, `days_before` how long before they were due to end
    their price was taken, `date` when it was fitted and `source` where the prices are from.
    """

    fitted: bool
    intercept: float
    slope: float
    markets: int
    days_before: float | None
    date: str | None
    source: str | None

    def of(self, probability: float) -> float:
        """The corrected probability."""
        if not self.fitted:
            return probability
        return expit(self.intercept + self.slope * logit(probability))


@cache
def bundled() -> RecalibrationFit:
    """The one that scripts/fit_recalibration.py wrote last."""
    from importlib.resources import files

    text = files("alya_mcp.tools.markets.logic").joinpath("recalibration.json").read_text(encoding="utf-8")
    written: dict[str, Any] = json.loads(text)
    return RecalibrationFit(**written)


def logit(probability: float) -> float:
    """Log-odds; the ends are moved in by a millionth, so that they have some."""
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))


def expit(log_odds: float) -> float:
    """The probability that has these log-odds."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    return math.exp(log_odds) / (1 + math.exp(log_odds))


def weight(people: int) -> float:
    """What the opinion of so many people weighs, beside 1 for all: the more, the nearer to `WEIGHT`."""
    return WEIGHT * people / (people + HALF)


def pooled(own: float, opinions: Sequence[Opinion]) -> float:
    """A market's own probability and opinions as one: the weighted mean of their log-odds.

    Logarithmic pooling (Genest and Zidek, Combining probability distributions, 1986). Opinions count among
    themselves by their people.
    """
    people = sum(each.people for each in opinions)
    if not people:
        return own
    others = sum(each.people * logit(each.probability) for each in opinions) / people
    share = weight(people)
    return expit((1 - share) * logit(own) + share * others)


def words(question: str) -> tuple[str, ...]:
    """What is asked, without articles, marks, capitals and punctuation."""
    kept = "".join(letter if letter.isalnum() or letter in "$%.+-" else " " for letter in fold(question))
    found = (each.strip(".") for each in kept.split())
    return tuple(word for word in found if word.strip("+-") and word not in _ARTICLES)


def by_words(opinions: Iterable[Opinion]) -> Opinions:
    """Opinions in the form in which `about` finds them."""
    found: dict[tuple[str, ...], list[Opinion]] = {}
    for each in opinions:
        found.setdefault(words(each.question), []).append(each)
    return found


def about(question: str, ends: datetime | None, opinions: Opinions) -> list[Opinion]:
    """Those of `opinions` that are surely about the same question: the same words, ending in the same month.

    Words in another order, "by" for "in", or an end that is not known, may make it another question.
    """
    return [
        each
        for each in opinions.get(words(question), ())
        if each.people >= LEAST_PEOPLE
        and ends is not None
        and each.ends is not None
        and abs(each.ends - ends) <= _SAME_END
    ]
