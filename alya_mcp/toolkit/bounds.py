"""The bounds of a tool's calls as text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alya_mcp.gate import Bound, Requirement, Summary

_SPANS = {60.0: "minute", 3600.0: "hour", 86400.0: "day"}


@dataclass(frozen=True, slots=True)
class Line:
    """A requirement or a bound; `text` says what it is, without its scope and mode."""

    of: "Requirement | Bound"
    text: str

    @property
    def words(self) -> str:
        """The whole line as text."""
        scope = getattr(self.of, "scope", None)
        notes = [scope] if scope not in (None, "session") else []
        notes += ["shadow"] if self.of.mode == "shadow" else []
        return f"{self.text} ({', '.join(notes)})" if notes else self.text

    def as_json(self) -> dict[str, Any]:
        """The whole line as JSON; null where a requirement has no such field."""
        return {
            "rule": self.of.rule,
            "kind": getattr(self.of, "kind", "condition"),
            "text": self.text,
            **{name: getattr(self.of, name, None) for name in ("unit", "max", "window", "scope")},
            "mode": self.of.mode,
        }


def lines(summary: "Summary") -> Iterator[Line]:
    """The requirements and bounds of a tool, in the order of their checks."""
    for requirement in summary.requirements:
        yield Line(requirement, _condition(requirement))
    for bound in summary.bounds:
        yield Line(bound, _bound(bound))


def _condition(requirement: "Requirement") -> str:
    from alya_mcp.gate.messages import said

    asked = " and ".join(said(each.path, each.op, each.value) for each in requirement.comparisons)
    return f"{'only' if requirement.must_hold else 'not'} if {asked}"


def _bound(bound: "Bound") -> str:
    from alya_mcp.gate.messages import counted
    from alya_mcp.gate.numbers import plain

    if bound.kind == "timeout":
        return f"{plain(bound.max)} s a call"
    if bound.kind == "max_concurrent":
        return f"{bound.max} at once"
    if bound.kind == "max_repeats":
        return f"{bound.max} times the same per {_span(bound.window)}"
    return f"{counted(bound.max, bound.unit)} per {_span(bound.window)}"


def _span(seconds: float | None) -> str:
    if not seconds:
        return "call"
    from alya_mcp.gate.numbers import plain

    return _SPANS.get(seconds) or f"{plain(seconds)} s"
