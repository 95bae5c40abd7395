"""Warning signs: explicit rules over findings, age and sex, whatever the ranking says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.health.logic.symptoms.model import FlagRule, Patient

ANY_AGE: Final = (0.0, 200.0)
_ADULT: Final = (18.0, 200.0)


@dataclass(frozen=True, slots=True)
class RaisedFlag:
    """A rule that holds, and the findings for which it does.

    `age_supposed`: the rule is for some ages only, and the patient's isn't known.
    """

    rule: FlagRule
    because: tuple[str, ...]
    age_supposed: bool = False


def raised(rules: Iterable[FlagRule], present: Mapping[str, str], patient: Patient) -> list[RaisedFlag]:
    """The rules that hold for the findings that are present, in their order.

    `present` maps every present finding, those that follow from others included, to the one that was said.
    """
    found: list[RaisedFlag] = []
    for rule in rules:
        if rule.last_resort and found:
            continue
        if not _fits(rule, patient) or not rule.none_of.isdisjoint(present):
            continue
        for groups in rule.any_of:
            because = [sorted(group.intersection(present)) for group in groups]
            if all(because):
                said = dict.fromkeys(present[name] for group in because for name in group)
                found.append(RaisedFlag(rule, tuple(said), age_supposed=_supposes_age(rule, patient)))
                break
    return found


def _fits(rule: FlagRule, patient: Patient) -> bool:
    """Whether a rule may be for this patient.

    An age that isn't known counts as each that it may be: those of `ages`, else that of any adult. Rules for
    children hold then only where the complaint is about a child.
    """
    low, high = rule.ages
    if patient.age is not None and patient.ages is None:
        if not low <= patient.age < high:
            return False
    else:
        youngest, oldest = patient.ages or _ADULT
        if oldest < low or youngest >= high:
            return False
    return rule.sex is None or patient.sex is None or rule.sex == patient.sex


def _supposes_age(rule: FlagRule, patient: Patient) -> bool:
    return rule.ages != ANY_AGE and (patient.age is None or patient.ages is not None)
