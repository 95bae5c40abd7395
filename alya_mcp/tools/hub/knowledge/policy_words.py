"""A policy's summary of a tool as text, in Turkish and English."""

from collections.abc import Iterator, Sequence

from alya_mcp.gate import Bound, LimitRow, Requirement, Summary
from alya_mcp.gate.messages import counted, said
from alya_mcp.gate.numbers import plain
from alya_mcp.text.words import Language


def policy_words(summary: Summary, limits: Sequence[LimitRow], language: Language) -> str:
    """The verdict, what the arguments have to meet, and every bound with what is left of it, as sentences."""
    if summary.verdict in {"deny", "hidden"}:
        return f"{_verdict(summary, language)}."
    turkish = language == "tr"
    conditions = [_requirement(each, turkish) for each in summary.requirements]
    left = {row.rule: row.left for row in limits if row.tool in {None, summary.tool}}
    bounds = (_bound(each, left.get(each.rule), turkish) for each in summary.bounds)
    return " ".join([", ".join([_verdict(summary, language), *conditions]) + ".", *bounds])


def units(unit: str, language: Language) -> str:
    """What a limit counts."""
    return "çağrı" if unit == "calls" and language == "tr" else unit


def _verdict(summary: Summary, language: Language) -> str:
    english, turkish = {
        "allow": ("allowed", "izinli"),
        "ask": ("a person has to say yes first", "önce bir insanın onayı gerekir"),
        "deny": ("denied", "reddedilir"),
        "hidden": ("hidden", "gizli"),
        "shadow": ("allowed, although a rule in shadow mode says otherwise",
                   "izinli, gölge kipindeki bir kural aksini söylese de"),
    }[summary.verdict]  # fmt: skip
    text = " ".join(filter(None, (turkish if language == "tr" else english, _named(summary.rule))))
    return f"{text}: {summary.reason.rstrip('.')}" if summary.reason else text


def _requirement(requirement: Requirement, turkish: bool) -> str:
    asked = [said(each.path, each.op, each.value) for each in requirement.comparisons]
    if turkish:
        text = f"{'yalnızca ' if requirement.must_hold else ''}{' ve '.join(asked)} ise"
        text += "" if requirement.must_hold else " reddedilir"
    else:
        text = f"{'only' if requirement.must_hold else 'not'} if {' and '.join(asked)}"
    return " ".join([text, _named(requirement.rule), *_notes(requirement.mode == "shadow", turkish)])


def _bound(bound: Bound, left: float | None, turkish: bool) -> str:
    parts = (_amount(bound, turkish), _span(bound, turkish))
    text = " ".join(reversed(parts) if turkish else parts)
    if bound.every_tool:
        text += " (bütün araçlar birlikte)" if turkish else " of all tools together"
    if left is not None and bound.window:
        text += f", {plain(left)} kaldı" if turkish else f", {plain(left)} left"
    return " ".join([text, *_notes(bound.mode == "shadow", turkish)]) + "."


def _amount(bound: Bound, turkish: bool) -> str:
    if bound.kind == "timeout":
        return f"{plain(bound.max)} {'saniye' if turkish else 's'}"
    calls = f"{plain(bound.max)} {units(bound.unit, 'tr')}" if turkish else counted(bound.max, bound.unit)
    if bound.kind == "max_repeats":
        return f"aynı parametrelerle {calls}" if turkish else f"{calls} with the same arguments"
    return calls


def _span(bound: Bound, turkish: bool) -> str:
    if bound.kind == "max_concurrent":
        return "aynı anda" if turkish else "at once"
    if not bound.window:
        return "çağrı başına" if turkish else "per call"
    return f"{plain(bound.window)} saniyede" if turkish else f"in {plain(bound.window)} s"


def _notes(shadow: bool, turkish: bool) -> Iterator[str]:
    if shadow:
        yield "(gölge kipinde, uygulanmaz)" if turkish else "(shadow mode, not enforced)"


def _named(rule: str) -> str:
    """A rule's id in parentheses, which the reserved ones have."""
    return rule if not rule or rule.startswith("(") else f"({rule})"
