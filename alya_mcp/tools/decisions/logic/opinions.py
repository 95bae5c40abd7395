"""A second opinion, such as a market's price, weighed by its own record.

The pooled log odds are (1 - w) of the calibrated ones plus w of the opinion's, a logarithmic opinion pool
(Genest and Zidek, Combining Probability Distributions, 1986). The weight w is the mode of its posterior given
the resolved cases on which the same source had an opinion; before any, w is normal around 0, so that a source
without a record changes nothing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from alya_mcp.tools.decisions.logic.calibration import logit, sigmoid

_PRIOR_SD: Final = 0.5
_STEPS: Final = 30


class Heard(NamedTuple):
    """A resolved case on which a source had an opinion."""

    calibrated: float
    opinion: float
    won: bool


def weight(record: Sequence[Heard]) -> float:
    """The weight of a source in the pool, 0 to 1."""
    cases = [(logit(case.calibrated), logit(case.opinion), case.won) for case in record]
    found = 0.0
    for _ in range(_STEPS):
        slope, curve = -found / _PRIOR_SD**2, 1 / _PRIOR_SD**2
        for own, other, won in cases:
            p, lean = sigmoid(own + found * (other - own)), other - own
            slope += (won - p) * lean
            curve += p * (1 - p) * lean * lean
        found += min(max(slope / curve, -0.5), 0.5)
    return min(max(found, 0.0), 1.0)


def pooled(own: float, opinion: float, weighed: float) -> float:
    """The pooled probability of `own` and `opinion`."""
    return sigmoid((1 - weighed) * logit(own) + weighed * logit(opinion)) if weighed else own
