"""Probabilities of conditions given findings: a two-layer noisy-OR network.

A finding is brought about by any condition that the patient has, or by something else (its `base`):
P(finding | conditions) = 1 - (1 - base) * product of (1 - p of each condition). At most two conditions are
taken to be there at once; every single one is judged, and every pair of the most probable. What isn't said
counts a little too: of what patients have they tell a share, so a condition whose usual findings go unsaid
loses. See Shwe et al., Methods Inf Med 30 (1991) 241-255, for such networks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from math import exp, log
from typing import Final

from alya_mcp.tools.health.logic.symptoms.model import (
    DURATIONS,
    Condition,
    Duration,
    Finding,
    Patient,
    age_band,
)

OTHER: Final = "other"
"""Stands for any condition that the network doesn't hold."""

_LISTED_CHILD: Final = 0.12
_PAIRED: Final = 14
_SURE: Final = 0.995
_OTHER_TIMES: Final = 2.5
_OTHER_LEAST: Final = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Figures fitted on simulated patients; `wording` and `worded` on a blind set of complaints.

    `told` is the share of their findings that patients tell by themselves, `temperature` divides log
    probabilities, `other` is the prior of a condition outside the network, `wording` is what a unit of a
    complaint's leaning counts, `worded` the temperature where there is one.
    """

    told: float = 0.35
    temperature: float = 1.5
    other: float = 0.06
    wording: float = 0.5
    worded: float = 2.5


@dataclass(frozen=True, slots=True)
class SymptomEvidence:
    """Findings that are there (True) or not (False), how long it has lasted, and what the words lean to."""

    findings: Mapping[str, bool]
    duration: Duration | None = None
    leaning: Mapping[str, float] = field(default_factory=dict[str, float])


class Network:
    """The conditions with their findings."""

    def __init__(
        self, findings: Mapping[str, Finding], conditions: Mapping[str, Condition], calibration: Calibration
    ) -> None:
        self.findings = findings
        self.conditions = conditions
        self.calibration = calibration
        self._durations: dict[Duration, Mapping[str, float]] = {}
        self._columns: dict[str, dict[str, float]] = {}
        self._columns_of_logs: dict[tuple[str, bool], dict[str, float]] = {}

    @cached_property
    def ancestors(self) -> Mapping[str, frozenset[str]]:
        """Everything that whoever has a finding has too."""
        return {name: frozenset(_above(name, self.findings)) for name in self.findings}

    @cached_property
    def _chances(self) -> Mapping[str, Mapping[str, float]]:
        """By condition: how likely it brings about each finding that it has or that follows from one."""
        chances: dict[str, Mapping[str, float]] = {}
        for name, condition in self.conditions.items():
            full = dict(condition.findings)
            for finding, chance in condition.findings.items():
                for above in self.ancestors[finding]:
                    full[above] = max(full.get(above, 0.0), chance)
            chances[name] = full
        return chances

    def chance(self, condition: str, finding: str) -> float:
        """The probability that a condition brings about a finding, without other causes."""
        own = self._chances[condition]
        if finding in own:
            return own[finding]
        return max(
            (_LISTED_CHILD * own.get(parent, 0.0) for parent in self.findings[finding].parents), default=0.0
        )

    def probability(self, condition: str, finding: str) -> float:
        """The probability that somebody with one condition has a finding."""
        return self.column(finding)[condition]

    def column(self, finding: str) -> Mapping[str, float]:
        """By condition, `OTHER` among them: the probability that somebody who has it has a finding."""
        known = self._columns.get(finding)
        if known is None:
            base = self.findings[finding].base
            known = {
                name: min(_SURE, 1 - (1 - base) * (1 - self.chance(name, finding)))
                for name in self.conditions
            }
            known[OTHER] = min(0.5, _OTHER_TIMES * base + _OTHER_LEAST)
            self._columns[finding] = known
        return known

    def _logs(self, finding: str, *, there: bool) -> Mapping[str, float]:
        known = self._columns_of_logs.get((finding, there))
        if known is None:
            known = {
                name: log(chance if there else 1 - chance) for name, chance in self.column(finding).items()
            }
            self._columns_of_logs[finding, there] = known
        return known

    @cached_property
    def _silence(self) -> Mapping[str, Mapping[str, float]]:
        """By condition and finding: the log of what it costs that nobody said a word of it."""
        told = self.calibration.told
        costs: dict[str, Mapping[str, float]] = {}
        for name, own in self._chances.items():
            costs[name] = {
                finding: log(1 - told * self.probability(name, finding))
                - log(1 - told * self.findings[finding].base)
                for finding in own
                if not self.findings[finding].background
            }
        return costs

    @cached_property
    def _all_silent(self) -> Mapping[str, float]:
        return {name: sum(costs.values()) for name, costs in self._silence.items()}

    def priors(self, patient: Patient) -> dict[str, float]:
        """How probable each condition is before anything is said; they add up to 1 with `OTHER`."""
        band = None if patient.age is None else age_band(patient.age)
        weights: dict[str, float] = {}
        for name, each in self.conditions.items():
            by_age = each.ages[band] if band is not None else sum(each.ages[1:]) / (len(each.ages) - 1)
            female, male = each.sexes
            by_sex = {"female": female, "male": male, None: (female + male) / 2}[patient.sex]
            weights[name] = each.prior * by_age * by_sex
        total = sum(weights.values())
        share = 1 - self.calibration.other
        return {OTHER: self.calibration.other} | {
            name: share * weight / total for name, weight in weights.items() if weight
        }

    def counted(self, evidence: SymptomEvidence) -> dict[str, bool]:
        """The findings that count: of a present one its parents say nothing more, of an absent one its kinds.

        What is present makes its parents present, whatever else was said of them.
        """
        present = {name for name, there in evidence.findings.items() if there}
        implied = {above for name in present for above in self.ancestors[name]}
        absent = {name for name, there in evidence.findings.items() if not there} - present - implied
        counted = dict.fromkeys(present - implied, True)
        return counted | {name: False for name in absent if self.ancestors[name].isdisjoint(absent)}

    def posterior(self, evidence: SymptomEvidence, patient: Patient) -> dict[str, float]:
        """The probability of each condition, `OTHER` among them; each is present alone or with one other."""
        priors = self.priors(patient)
        counted = self.counted(evidence)
        spoken = {*counted, *(above for name in counted for above in self.ancestors[name])}
        columns = [self._logs(finding, there=there) for finding, there in counted.items()]
        fits = self._fits(evidence.duration)
        leans = {name: self.calibration.wording * lean for name, lean in evidence.leaning.items()}
        scores = {
            name: log(prior)
            + sum(column[name] for column in columns)
            + (log(fits[name]) if fits else 0.0)
            + self._unsaid(name, spoken)
            + leans.get(name, 0.0)
            for name, prior in priors.items()
        }
        best = sorted((name for name in scores if name != OTHER), key=lambda name: -scores[name])[:_PAIRED]
        pairs = {
            (one, two): log(priors[one] * priors[two])
            + self._pair_score(one, two, counted, fits)
            + self._unsaid(one, spoken)
            + self._unsaid(two, spoken)
            + max(leans.get(one, 0.0), leans.get(two, 0.0))
            for one, two in combinations(best, 2)
        }
        top = max(*scores.values(), *pairs.values()) if pairs else max(scores.values())
        temperature = self.calibration.worded if leans else self.calibration.temperature
        single = {name: exp((score - top) / temperature) for name, score in scores.items()}
        double = {names: exp((score - top) / temperature) for names, score in pairs.items()}
        total = sum(single.values()) + sum(double.values())
        marginal = dict(single)
        for names, weight in double.items():
            for name in names:
                marginal[name] += weight
        return {name: weight / total for name, weight in marginal.items()}

    def weight(self, condition: str, finding: str, *, present: bool) -> float:
        """The log likelihood ratio of a finding for a condition against anything else."""
        with_it, without = self.probability(condition, finding), self.probability(OTHER, finding)
        return log(with_it / without) if present else log((1 - with_it) / (1 - without))

    def _pair_score(
        self, one: str, two: str, counted: Mapping[str, bool], fits: Mapping[str, float]
    ) -> float:
        total = 0.0
        for finding, there in counted.items():
            absent = (1 - self.column(finding)[one]) * (1 - self.chance(two, finding))
            total += log(min(_SURE, 1 - absent) if there else max(absent, 1 - _SURE))
        return total + (log(max(fits[one], fits[two])) if fits else 0.0)

    def _fits(self, duration: Duration | None) -> Mapping[str, float]:
        """By condition: the probability of a duration; nothing without one."""
        if duration is None:
            return {}
        if duration not in self._durations:
            fits = {name: _fit(each.lasts, duration) for name, each in self.conditions.items()}
            self._durations[duration] = fits | {OTHER: _fit(frozenset(), duration)}
        return self._durations[duration]

    def _unsaid(self, name: str, spoken: Iterable[str]) -> float:
        if name == OTHER:
            return 0.0
        costs = self._silence[name]
        return self._all_silent[name] - sum(costs[finding] for finding in spoken if finding in costs)


def _fit(lasts: frozenset[Duration], duration: Duration) -> float:
    """The share of patients who report a duration: the usual ones alike, others less the farther they are."""
    if not lasts:
        return 1 / len(DURATIONS)
    weights: dict[Duration, float] = {}
    usual = [DURATIONS.index(each) for each in lasts]
    for index, each in enumerate(DURATIONS):
        far = min(abs(index - one) for one in usual)
        weights[each] = (1.0, 0.3, 0.06, 0.02)[far]
    return weights[duration] / sum(weights.values())


def _above(name: str, findings: Mapping[str, Finding]) -> Iterable[str]:
    for parent in findings[name].parents:
        yield parent
        yield from _above(parent, findings)
