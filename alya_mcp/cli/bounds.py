"""What bounds a tool's calls, whatever kind of rule does it, for people and for programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alya_mcp.gate.policy.rules import Rules

_SPANS = {60.0: "minute", 3600.0: "hour", 86400.0: "day"}
_OF_EVERY_TOOL = "/tools/*/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A condition, a cap, a limit or a deadline.

    `text` says what it bounds. `max` is in `unit`, `window` in seconds, None where there is none. With
    `every_tool` all tools count together.
    """

    rule: str
    kind: str
    text: str
    unit: str | None = None
    max: float | None = None
    window: float | None = None
    scope: str | None = None
    shadow: bool = False
    every_tool: bool = False

    @property
    def words(self) -> str:
        """All of it in words."""
        notes = [self.scope or "session"] if self.scope not in (None, "session") else []
        notes += ["shadow"] if self.shadow else []
        return f"{self.text} ({', '.join(notes)})" if notes else self.text

    def as_json(self) -> dict[str, Any]:
        """All of it for a program."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "text": self.text,
            "unit": self.unit,
            "max": self.max,
            "window": self.window,
            "scope": self.scope,
            "mode": "shadow" if self.shadow else "enforce",
        }


def bounds(rules: "Rules") -> list[Bound]:
    """What bounds the calls of a tool with these rules, in the order in which it is asked."""
    return [*_conditions(rules), *_caps(rules), *_limits(rules), *_deadline(rules)]


def _conditions(rules: "Rules") -> Iterator[Bound]:
    from alya_mcp.gate.messages import said

    for test in rules.tests:
        asked = " and ".join(said(each.path, each.op, each.value) for each in test.conditions)
        if asked:
            yield Bound(
                rule=test.rule,
                kind="condition",
                text=f"{'only' if test.must_hold else 'not'} if {asked}",
                shadow=test.shadow,
                every_tool=test.rule.startswith(_OF_EVERY_TOOL),
            )


def _caps(rules: "Rules") -> Iterator[Bound]:
    for rule in rules.repeats:
        yield Bound(
            rule=rule.rule,
            kind="max_repeats",
            text=f"{rule.max} times the same per {_span(rule.window)}",
            unit="calls",
            max=rule.max,
            window=rule.window,
            scope=rule.scope,
            shadow=rule.shadow,
            every_tool=rule.tool is None,
        )
    for cap in rules.concurrency:
        yield Bound(
            rule=cap.rule,
            kind="max_concurrent",
            text=f"{cap.max} at once",
            unit="calls",
            max=cap.max,
            scope=cap.scope,
            shadow=cap.shadow,
            every_tool=cap.tool is None,
        )


def _limits(rules: "Rules") -> Iterator[Bound]:
    from alya_mcp.gate.messages import measure
    from alya_mcp.gate.policy.rules import UNIT, quotient

    for limit in rules.limits:
        yield Bound(
            rule=limit.rule,
            kind=limit.kind,
            text=f"{measure(limit, limit.max).removesuffix(' of all tools')} per {_span(limit.window)}",
            unit=limit.unit,
            max=quotient(limit.max, UNIT),
            window=limit.window,
            scope=limit.scope,
            shadow=limit.shadow,
            every_tool=limit.tool is None,
        )


def _deadline(rules: "Rules") -> Iterator[Bound]:
    if rules.timeout is not None:
        yield Bound(
            rule="", kind="timeout", text=f"{rules.timeout:g} s a call", unit="seconds", max=rules.timeout
        )


def _span(seconds: float) -> str:
    return _SPANS.get(seconds) or f"{seconds:g} s"
