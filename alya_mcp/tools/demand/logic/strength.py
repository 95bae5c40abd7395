"""Strength of a demand signal. Pure.

    strength = doubt * (base + 0.10 * engagement + 0.05 * freshness + 0.05 * relevance)

`base` is that of the kind (`BASE`). `doubt` is 1 and multiplied by 0.1 when the sentence says no to paying
or asks others whether they would pay, 0.25 for marks of irony, 0.25 for an offer of one's own, 0.7 when it
speaks of others, 0.9 when no phrase tells that it is a wish but its words do. A purchase that is over is no
payment. Engagement is log(1 + points + replies) / log(501), at most 1; freshness goes from 1 for now to 0 for
the first moment looked at; relevance is the share of the topic's words in the sentence. The weights are
chosen, not fitted. Every part is between 0 and 1, and so is the strength.
"""

import math
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.demand.logic.phrases import (
    AMOUNT,
    ASKS_OTHERS,
    BOUGHT_ONCE,
    HINT,
    IDLE,
    NEGATED,
    PHRASES,
    PROMOTES,
    SARCASTIC,
    THIRD_PERSON,
)
from alya_mcp.tools.demand.logic.posts import Kind
from alya_mcp.tools.demand.logic.wishes import likelihood
from alya_mcp.tools.demand.logic.words import fold

BASE: Final = {Kind.AMOUNT: 0.8, Kind.PAYS: 0.7, Kind.WOULD_PAY: 0.62, Kind.MISSES: 0.45, Kind.ASKS: 0.35}
LEAST: Final = 0.3
"""A sentence whose strength is lower isn't a signal."""

LIKELY: Final = 0.65
"""A sentence without a phrase counts as a wish when its words make it so likely."""
UNLIKELY: Final = 0.15
"""A sentence with a phrase doesn't count when its words leave less."""

_CROWD: Final = 500
_PAYMENT: Final = frozenset({Kind.PAYS, Kind.WOULD_PAY})


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence says by itself.

    `amount` is as it is written there; `doubt` goes from 0, nothing of it is left, to 1.
    """

    kind: Kind
    amount: str | None
    doubt: float


def claim(sentence: str) -> Claim | None:
    """What `sentence` says somebody wants; None when nothing."""
    folded = fold(sentence)
    likely = likelihood(folded)
    if likely < UNLIKELY or IDLE.search(folded):
        return None
    kind = said_by_phrase(folded)
    if kind is None:
        if likely < LIKELY:
            return None
        return Claim(Kind.ASKS if "?" in sentence else Kind.MISSES, None, 0.9 * _honesty(folded))
    doubt, amount = 1.0, None
    if kind in _PAYMENT:
        if NEGATED.search(folded) or ASKS_OTHERS.search(folded):
            doubt *= 0.1
        if THIRD_PERSON.search(folded):
            doubt *= 0.7
        if found := AMOUNT.search(sentence):
            kind, amount = Kind.AMOUNT, " ".join(found[0].split())
    return Claim(kind, amount, doubt * _honesty(folded))


def said_by_phrase(folded: str) -> Kind | None:
    """The strongest kind of which folded text holds a phrase."""
    if not HINT.search(folded):
        return None
    over = BOUGHT_ONCE.search(folded) is not None
    return next(
        (kind for kind, phrases in PHRASES if phrases.search(folded) and not (over and kind is Kind.PAYS)),
        None,
    )


def _honesty(folded: str) -> float:
    """1, less for marks of irony and for an offer of one's own."""
    return (0.25 if SARCASTIC.search(folded) else 1.0) * (0.25 if PROMOTES.search(folded) else 1.0)


def strength(claim: Claim, *, reactions: int, freshness: float, relevance: float) -> float:
    """The strength of a claim, 0 to 1.

    `reactions` are points and replies together; `freshness` and `relevance` go from 0 to 1.
    """
    engagement = min(1.0, math.log1p(max(0, reactions)) / math.log1p(_CROWD))
    return claim.doubt * (BASE[claim.kind] + 0.10 * engagement + 0.05 * freshness + 0.05 * relevance)
