"""The trace of one decision, and what is left of every limit: for a person, off the way of calls."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alya_mcp.gate import messages as wording
from alya_mcp.gate.admission import ADMISSION, WELL_FORMED, AdmissionStep, refusing
from alya_mcp.gate.call import Call
from alya_mcp.gate.canonical import NotCanonical
from alya_mcp.gate.charges import Counting, Uncountable
from alya_mcp.gate.decision import DEFAULT_DENY, INVALID_ARGUMENTS, Decision
from alya_mcp.gate.documents.document import step
from alya_mcp.gate.evaluate import Judge, fit
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.policy.conditions import values_at
from alya_mcp.gate.policy.rules import SECOND, UNIT, Condition, Limit, Redact, Rules, Test, quotient
from alya_mcp.gate.redaction import masked_at
from alya_mcp.gate.trace import LimitRow, Step, Trace


def explain(call: Call, policy: Policy, judge: Judge, counting: Counting, decision: Decision) -> Trace:
    """Every rule on the way of `call`, in order: what it asks, what it saw, whether it held."""
    rules = policy.rules(call.tool, call.category)
    refused = refusing(call, policy)
    arguments: Mapping[str, Any] = {}
    misfit = None
    if refused is not WELL_FORMED:
        arguments, misfit = fit(call, rules.redact)
    fits = "not checked" if call.validate is None else misfit or "they fit"
    steps = [
        *_admitted(refused),
        *_allowed(call, policy, rules),
        Step(INVALID_ARGUMENTS, "the arguments fit the input schema", fits, misfit is None),
        *(_tested(test, arguments, rules.redact) for test in rules.tests),
        *_capped(call, rules, arguments, judge, counting),
        *(_limited(call, limit, arguments, counting) for limit in rules.limits),
        *_approved(rules, decision),
    ]
    return Trace(decision, tuple(steps))


def limit_rows(
    policy: Policy, counting: Counting, session: str, grant: str, tools: Iterable[tuple[str, str | None]]
) -> tuple[LimitRow, ...]:
    """Every limit of `tools` (names and categories), each counter once, those of all tools together last."""
    limits = [limit for name, category in tools for limit in policy.rules(name, category).limits]
    limits.extend(limit for limit in policy.limits if limit.tool is None)
    own = {limit.counter: limit for limit in limits if limit.tool is not None}
    every = {limit.counter: limit for limit in limits if limit.tool is None}
    return tuple(_row(limit, counting, session, grant) for limit in (own | every).values())


def _row(limit: Limit, counting: Counting, session: str, grant: str) -> LimitRow:
    left, resets = counting.standing(limit, session, grant)
    return LimitRow(
        tool=limit.tool,
        rule=limit.rule,
        unit=limit.unit,
        scope=limit.scope,
        mode="shadow" if limit.shadow else "enforce",
        max=quotient(limit.max, UNIT),
        window_s=limit.window,
        left=quotient(left, UNIT),
        resets_in=0.0 if resets is None else resets / SECOND,
    )


def _admitted(refused: AdmissionStep | None) -> Iterator[Step]:
    """The steps of admission up to the one that refuses the call, if any does."""
    for each in ADMISSION:
        held = each is not refused
        yield Step(each.rule, each.asks, each.holds if held else each.fails, held)
        if not held:
            return


def _allowed(call: Call, policy: Policy, rules: Rules) -> Iterator[Step]:
    listed = call.tool in policy.compiled
    seen = "its entry" if listed else f'no entry, and "default" is "{policy.default}"'
    for denial in rules.shadow_denials:
        yield Step(denial.rule, "the policy allows the tool", seen, False, shadow=True)
    allows = step("/tools", call.tool) if listed else "/default"
    rule = allows if rules.denial is None else rules.denial.rule
    seen = seen if rules.denial is None or rules.denial.rule == DEFAULT_DENY else "the policy denies it"
    yield Step(rule, "the policy allows the tool", seen, rules.denial is None)


def _tested(test: Test, arguments: Mapping[str, Any], redact: Redact) -> Step:
    asked = " and ".join(wording.said(c.path, c.op, c.shown) for c in test.conditions)
    asks = asked if test.must_hold else f"not ({asked})" if asked else "the rule does not deny every call"
    seen = (
        "; ".join(f"{c.path} is {_seen(c, arguments, redact)}" for c in test.conditions)
        or "it denies every call"
    )
    return Step(test.rule, asks, seen, not test.refuses(arguments), test.shadow)


def _seen(condition: Condition, arguments: Mapping[str, Any], redact: Redact) -> str:
    path = condition.path
    values = (masked_at(path, value, redact.arguments) for value in values_at(arguments, path.split(".")[1:]))
    return " and ".join(map(wording.shown_value, values)) or "missing"


def _capped(
    call: Call, rules: Rules, arguments: Mapping[str, Any], judge: Judge, counting: Counting
) -> Iterator[Step]:
    if rules.repeats:
        try:
            digest = judge.digest(arguments)
            over = {rule.rule for rule, _ in counting.repeated(rules.repeats, call, digest, count=False)}
        except NotCanonical:
            over = set[str]()
        for rule in rules.repeats:
            asks = f"at most {rule.max} attempts with the same arguments per {plain(rule.window)} s"
            held = rule.rule not in over
            yield Step(rule.rule, asks, "fewer so far" if held else "as many already", held, rule.shadow)
    for cap in rules.concurrency:
        held = not counting.full(cap, call)
        seen = "a place is free" if held else "all are taken"
        yield Step(cap.rule, f"at most {cap.max} calls in flight", seen, held, cap.shadow)


def _limited(call: Call, limit: Limit, arguments: Mapping[str, Any], counting: Counting) -> Step:
    most = wording.measure(limit, limit.max)
    asks = f"at most {most} per {plain(limit.window)} s" if limit.window_ns else f"at most {most} per call"
    try:
        held = counting.over([limit], call, arguments) is None
    except Uncountable as error:
        return Step(limit.rule, asks, f"{limit.unit} {error.found}", False, limit.shadow)
    if not limit.window_ns:
        return Step(limit.rule, asks, "no more" if held else "more", held, limit.shadow)
    left, _ = counting.standing(limit, call.session, call.grant or "")
    seen = f"{wording.measure(limit, limit.max - left)} in the last {plain(limit.window)} s"
    return Step(limit.rule, asks, seen, held, limit.shadow)


def _approved(rules: Rules, decision: Decision) -> Iterator[Step]:
    approval = rules.approval
    if approval is None:
        return
    needed = decision.rule == approval.rule or approval.shadow
    seen = "nobody has said yes yet" if needed else "a yes, or a refusal before it was asked for"
    seen = "the user said no" if decision.decision == "deny" and needed else seen
    yield Step(approval.rule, "a person says yes", seen, not needed, approval.shadow)
