"""Interactions of pairs of ingredients, by rules over their groups and effects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final, Literal, get_args

Severity = Literal["none-known", "minor", "moderate", "severe"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
Strength = Literal["strong", "moderate", "weak"]

PATHWAYS: Final[Mapping[str, str]] = {
    "cyp1a2": "CYP1A2", "cyp2b6": "CYP2B6", "cyp2c8": "CYP2C8", "cyp2c9": "CYP2C9", "cyp2c19": "CYP2C19",
    "cyp2d6": "CYP2D6", "cyp3a4": "CYP3A4", "pgp": "P-glycoprotein", "bcrp": "BCRP", "oatp1b": "OATP1B1/1B3",
}  # fmt: skip
NARROW: Final = "narrow-index"

_INHIBITED: Final[Mapping[tuple[str, str], Severity]] = {
    ("strong", "sensitive"): "severe", ("strong", "moderate"): "moderate",
    ("moderate", "sensitive"): "moderate", ("moderate", "moderate"): "minor",
    ("weak", "sensitive"): "minor",
}  # fmt: skip
"""Severity by the strength of the inhibitor or inducer and the sensitivity of its victim
(docs/tools/health.md).
"""
_SEVERE: Final = frozenset(["cyp3a4"])
"""Pathways by which a strong inhibitor or inducer alone makes a pair severe.

Most victims of the others are taken, at lower doses, by people who lack the enzyme: the exceptions have
rules.
"""


@dataclass(frozen=True, kw_only=True)
class Ingredient:
    """A substance: the groups it is in and its effects, each with a strength or the empty string."""

    name: str
    kind: str
    groups: frozenset[str]
    effects: Mapping[str, str]

    @cached_property
    def traits(self) -> frozenset[str]:
        """The selectors of rules that are about it."""
        return frozenset(
            [
                self.name,
                *(f"group:{group}" for group in self.groups),
                *(f"effect:{effect}" for effect in self.effects),
                *(f"effect:{effect}/{strength}" for effect, strength in self.effects.items() if strength),
            ]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugRule:
    """What happens between one of `first` and one of `second`.

    These are selectors: `group:NAME`, `effect:NAME`, `effect:NAME/STRENGTH`, or an ingredient's name. `but`
    selects ingredients that the rule isn't about.
    """

    id: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    severity: Severity
    mechanism: str
    description: str
    recommendation: str
    evidence: str
    sources: tuple[str, ...]
    but: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugInteraction:
    """One interaction of a pair: `rule` names what found it."""

    rule: str
    severity: Severity
    mechanism: str
    description: str
    recommendation: str
    evidence: str
    sources: tuple[str, ...]


class DrugRules:
    """Rules by what they are about."""

    def __init__(self, rules: Sequence[DrugRule]) -> None:
        self._rules = rules
        self._first = _index([rule.first for rule in rules])
        self._second = _index([rule.second for rule in rules])
        self._but = _index([rule.but for rule in rules])

    def findings(self, one: Ingredient, other: Ingredient) -> list[DrugInteraction]:
        """All that the rules and the table of pathways say of a pair, the most severe first."""
        about = (_hits(self._first, one) & _hits(self._second, other)) | (
            _hits(self._first, other) & _hits(self._second, one)
        )
        about -= _hits(self._but, one) | _hits(self._but, other)
        found = [_of_rule(self._rules[at]) for at in sorted(about)]
        for actor, victim in ((one, other), (other, one)):
            found += _pathways(actor, victim)
        return sorted(found, key=lambda each: -SEVERITIES.index(each.severity))


def _index(selectors: Sequence[Sequence[str]]) -> Mapping[str, set[int]]:
    """Where each selector stands."""
    index: dict[str, set[int]] = {}
    for at, each in enumerate(selectors):
        for selector in each:
            index.setdefault(selector, set()).add(at)
    return index


def _hits(index: Mapping[str, set[int]], ingredient: Ingredient) -> set[int]:
    return set[int]().union(*(index[trait] for trait in ingredient.traits if trait in index))


def _of_rule(rule: DrugRule) -> DrugInteraction:
    return DrugInteraction(
        rule=rule.id,
        severity=rule.severity,
        mechanism=rule.mechanism,
        description=rule.description,
        recommendation=rule.recommendation,
        evidence=rule.evidence,
        sources=rule.sources,
    )


def _pathways(actor: Ingredient, victim: Ingredient) -> list[DrugInteraction]:
    """What `actor` does to the level of `victim` by enzymes and transporters."""
    found: list[DrugInteraction] = []
    for (key, pathway), way in product(PATHWAYS.items(), ("inhibitor", "inducer")):
        strength = actor.effects.get(f"{key}-{way}")
        sensitivity = victim.effects.get(f"{key}-substrate")
        if strength is None or sensitivity is None:
            continue
        severity = _INHIBITED.get((strength, sensitivity))
        if severity == "severe" and key not in _SEVERE:
            severity = "moderate"
        if NARROW in victim.effects:
            severity = _raised(severity)
        if severity is not None:
            found.append(_pathway(actor, victim, pathway, way, strength, sensitivity, severity))
    return found


def _raised(severity: Severity | None) -> Severity:
    """One step more, for a victim whose effective and toxic levels are near each other."""
    if severity is None:
        return "minor"
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def _pathway(
    actor: Ingredient, victim: Ingredient, pathway: str, way: str, strength: str, sensitivity: str,
    severity: Severity,
) -> DrugInteraction:  # fmt: skip
    raises = way == "inhibitor"
    narrow = " Its effective and toxic levels are near each other." if NARROW in victim.effects else ""
    level = "raise" if raises else "lower"
    outcome = "more effect and side effects" if raises else "less or no effect"
    advice = {
        "severe": "Avoid the combination, or change the dose and follow levels or effects closely, with a "
        "prescriber or pharmacist.",
        "moderate": "Ask a prescriber or pharmacist; the dose may have to change and effects need watching.",
        "minor": "Watch for a change in effect.",
        "none-known": "",
    }[severity]
    return DrugInteraction(
        rule=f"pathway:{pathway}",
        severity=severity,
        mechanism=f"{actor.name} is a {strength} {way} of {pathway}; {victim.name} is a {sensitivity} "
        f"substrate of it.",
        description=f"{actor.name} can {level} the level of {victim.name}: {outcome}.{narrow}",
        recommendation=advice,
        evidence="Derived from published tables of inhibitors, inducers and substrates",
        sources=("fda-ddi",),
    )
