"""Hierarchical Bayesian calibration of stated confidences.

The chance that a statement comes true is modelled as logit p = a + b logit(stated), Platt's logistic
calibration (Platt, Probabilistic Outputs for Support Vector Machines, 1999). Before any outcome, a is normal
around 0 and b around 1: what is stated is believed, with room for doubt. A ledger's outcomes are read from
the widest to the narrowest prefix of a domain: what the rest of a prefix taught, with `DRIFT` added to its
uncertainty, is the prior of the next narrower one. So a domain without outcomes borrows from its relatives,
and one with many goes its own way. Posteriors are Laplace approximations (Newton's method on the concave log
posterior).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

LEVEL: Final = 0.9
"""Probability that an interval holds."""

EXTREME: Final = 0.01
"""Stated confidences are read as at least this far from 0 and 1: nobody's certainty is worth more."""

PRIOR_SD: Final = (0.3, 0.3)
"""Standard deviations of a and b before any outcome; chosen on resolved questions, see
docs/tools/decisions.md."""

DRIFT: Final = (0.3, 0.15)
"""Standard deviations by which a and b of a domain differ from those of its relatives."""

_Z: Final = 1.6448536269514722  # the normal quantile of 0.95
_STEPS: Final = 50
_CLOSE: Final = 1e-9


class Cell(NamedTuple):
    """Outcomes of about the same stated confidence: `x` is the mean logit stated."""

    x: float
    n: int
    wins: int


class Posterior(NamedTuple):
    """A normal distribution of (a, b): means, variances and covariance."""

    a: float
    b: float
    aa: float
    ab: float
    bb: float


PRIOR: Final = Posterior(0.0, 1.0, PRIOR_SD[0] ** 2, 0.0, PRIOR_SD[1] ** 2)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibrated probability with the ends of its `LEVEL` credible interval."""

    probability: float
    low: float
    high: float


def logit(probability: float) -> float:
    """Log odds of a stated confidence, clipped to at least `EXTREME` away from 0 and 1."""
    held = min(max(probability, EXTREME), 1 - EXTREME)
    return math.log(held / (1 - held))


def sigmoid(x: float) -> float:
    """The probability whose log odds are `x`."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def learned(prior: Posterior, cells: Sequence[Cell]) -> Posterior:
    """The posterior after `cells`, given `prior`."""
    if not cells:
        return prior
    determinant = prior.aa * prior.bb - prior.ab**2
    paa, pab, pbb = prior.bb / determinant, -prior.ab / determinant, prior.aa / determinant
    haa, hab, hbb = paa, pab, pbb
    a, b = prior.a, prior.b
    for _ in range(_STEPS):
        da, db = a - prior.a, b - prior.b
        ga, gb = -(paa * da + pab * db), -(pab * da + pbb * db)
        haa, hab, hbb = paa, pab, pbb
        for x, n, wins in cells:
            p = sigmoid(a + b * x)
            missing, weight = wins - n * p, n * p * (1 - p)
            ga += missing
            gb += missing * x
            haa += weight
            hab += weight * x
            hbb += weight * x * x
        determinant = haa * hbb - hab**2
        step_a, step_b = (hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant
        size = max(abs(step_a), abs(step_b))
        held = 1.0 if size <= 1 else 1 / size  # a full step from far away can overshoot
        a, b = a + held * step_a, b + held * step_b
        if size < _CLOSE:
            break
    return Posterior(a, b, hbb / determinant, -hab / determinant, haa / determinant)


def calibrated(levels: Sequence[Sequence[Cell]], confidence: float) -> Calibrated:
    """Calibrate a stated confidence by outcomes, `levels` from the widest to the narrowest.

    Each level has only the outcomes that no narrower one has.
    """
    posterior = PRIOR
    for index, cells in enumerate(levels):
        posterior = learned(_drifted(posterior) if index else posterior, cells)
    return _at(posterior, logit(confidence))


def _drifted(posterior: Posterior) -> Posterior:
    return posterior._replace(aa=posterior.aa + DRIFT[0] ** 2, bb=posterior.bb + DRIFT[1] ** 2)


def _at(posterior: Posterior, x: float) -> Calibrated:
    """The mean is MacKay's approximation of a logistic normal's (The Evidence Framework, 1992)."""
    mean = posterior.a + posterior.b * x
    variance = posterior.aa + 2 * x * posterior.ab + x * x * posterior.bb
    spread = _Z * math.sqrt(max(variance, 0.0))
    probability = sigmoid(mean / math.sqrt(1 + math.pi * variance / 8))
    low, high = sigmoid(mean - spread), sigmoid(mean + spread)
    return Calibrated(probability, min(low, probability), max(high, probability))
