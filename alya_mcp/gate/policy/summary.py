"""What a policy says of one tool, whatever the arguments, as data that others word. Not on the call path."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from alya_mcp.gate.decision import HIDDEN, NO_POLICY, Mode
from alya_mcp.gate.policy.rules import UNIT, Approval, LimitKind, Rules, Scope, quotient

ToolVerdict = Literal["allow", "shadow", "ask", "deny", "hidden"]
BoundKind = Literal["max_repeats", "max_concurrent", LimitKind, "timeout"]

_EVERY_TOOL = "/tools/*/"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison over the arguments, as the document writes it: `args.steps`, `gt`, `4`.

    The value of a redacted argument is `(redacted)`.
    """

    path: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What the arguments of a call have to meet.

    With `must_hold` a call passes only if all comparisons hold, otherwise only if not all of them do.
    `every_tool`: the rule is for all tools.
    """

    rule: str
    comparisons: tuple[Comparison, ...]
    must_hold: bool
    message: str
    mode: Mode
    every_tool: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A cap, a limit, a budget or a deadline.

    `max` is in `unit`: `calls`, `usd`, `seconds`, or the argument that is added up, as `args.n`. `window` is
    in seconds: 0 for a limit on each call by itself, None where no window slides. `every_tool`: the calls of
    all tools count together.
    """

    rule: str
    kind: BoundKind
    unit: str
    max: float
    window: float | None = None
    scope: Scope | None = None
    mode: Mode = "enforce"
    every_tool: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the policy says of a tool, whatever the arguments.

    `verdict` is the decision on a call that meets `requirements` and `bounds`: `shadow` means that it passes
    although a rule in shadow mode says otherwise, `hidden` that the tool doesn't exist for clients. `rule` is
    the deciding rule and `reason` the policy's own text; both may be empty. `approval` is the required
    approval, also in shadow mode.
    """

    tool: str
    verdict: ToolVerdict
    rule: str
    reason: str
    requirements: tuple[Requirement, ...]
    bounds: tuple[Bound, ...]
    approval: Approval | None


class _Policy(Protocol):
    is_available: bool

    def rules(self, tool: str, category: str | None = None) -> Rules: ...

    def hides(self, name: str) -> bool: ...


def verdict_on(policy: _Policy, tool: str, category: str | None) -> tuple[ToolVerdict, str, str]:
    """What becomes of a call of `tool` under `policy`, the rule that says so and that rule's reason."""
    if policy.hides(tool):
        return "hidden", HIDDEN, ""
    if not policy.is_available:
        return "deny", NO_POLICY, ""
    return _verdict(policy.rules(tool, category))


def summarise(policy: _Policy, tool: str, category: str | None) -> Summary:
    """What `policy` says of `tool`."""
    rules = policy.rules(tool, category)
    verdict, rule, reason = verdict_on(policy, tool, category)
    return Summary(
        tool=tool,
        verdict=verdict,
        rule=rule,
        reason=reason,
        requirements=tuple(_requirements(rules)),
        bounds=tuple(_bounds(rules)),
        approval=rules.approval,
    )


def _verdict(rules: Rules) -> tuple[ToolVerdict, str, str]:
    """The strictest that holds for every call, its rule and that rule's reason."""
    found = list(_verdicts(rules))
    if not found:
        return "allow", "", ""
    for verdict in ("deny", "ask", "shadow"):
        for each in found:
            if each[0] == verdict:
                return each
    return "allow", "", ""


def _verdicts(rules: Rules) -> Iterator[tuple[ToolVerdict, str, str]]:
    if rules.denial is not None:
        yield "deny", rules.denial.rule, rules.reason
    for denial in rules.shadow_denials:
        yield "shadow", denial.rule, rules.reason
    for test in rules.tests:
        if test.always_refuses:
            yield "shadow" if test.shadow else "deny", test.rule, test.message
    if (approval := rules.approval) is not None:
        yield "shadow" if approval.shadow else "ask", approval.rule, approval.reason


def _requirements(rules: Rules) -> Iterator[Requirement]:
    for test in rules.tests:
        if not test.always_refuses:
            yield Requirement(
                rule=test.rule,
                comparisons=tuple(Comparison(each.path, each.op, each.shown) for each in test.conditions),
                must_hold=test.must_hold,
                message=test.message,
                mode=_mode(test.shadow),
                every_tool=test.rule.startswith(_EVERY_TOOL),
            )


def _bounds(rules: Rules) -> Iterator[Bound]:
    """In the order in which a call is asked."""
    for repeats in rules.repeats:
        yield Bound(
            rule=repeats.rule,
            kind="max_repeats",
            unit="calls",
            max=repeats.max,
            window=repeats.window,
            scope=repeats.scope,
            mode=_mode(repeats.shadow),
            every_tool=repeats.tool is None,
        )
    for cap in rules.concurrency:
        yield Bound(
            rule=cap.rule,
            kind="max_concurrent",
            unit="calls",
            max=cap.max,
            scope=cap.scope,
            mode=_mode(cap.shadow),
            every_tool=cap.tool is None,
        )
    for limit in rules.limits:
        yield Bound(
            rule=limit.rule,
            kind=limit.kind,
            unit=limit.unit,
            max=quotient(limit.max, UNIT),
            window=limit.window,
            scope=limit.scope,
            mode=_mode(limit.shadow),
            every_tool=limit.tool is None,
        )
    if rules.timeout is not None:
        yield Bound(rule="", kind="timeout", unit="seconds", max=rules.timeout)


def _mode(shadow: bool) -> Mode:
    return "shadow" if shadow else "enforce"
