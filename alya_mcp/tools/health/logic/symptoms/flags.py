"""Warning signs: explicit rules over findings, age and sex, whatever the ranking says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alya_mcp.tools.health.logic.symptoms.model import FlagRule, Patient


@dataclass(frozen=True, slots=True)
class RaisedFlag:
    """A rule that holds, and the findings for which it does."""

    rule: FlagRule
    because: tuple[str, ...]


def raised(rules: Iterable[FlagRule], present: Mapping[str, str], patient: Patient) -> list[RaisedFlag]:
    """The rules that hold for the findings that are present, in their order.

    `present` maps every present finding, those that follow from others included, to the one that was said.
    """
    found: list[RaisedFlag] = []
    for rule in rules:
        if not _fits(rule, patient) or not rule.none_of.isdisjoint(present):
            continue
        for groups in rule.any_of:
            because = [sorted(group.intersection(present)) for group in groups]
            if all(because):
                said = dict.fromkeys(present[name] for group in because for name in group)
                found.append(RaisedFlag(rule, tuple(said)))
                break
    return found


def _fits(rule: FlagRule, patient: Patient) -> bool:
    """Whether a rule is for this patient: an age that isn't known fits rules of no age only."""
    low, high = rule.ages
    if (low, high) != (0.0, 200.0) and (patient.age is None or not low <= patient.age < high):
        return False
    return rule.sex is None or patient.sex is None or rule.sex == patient.sex
