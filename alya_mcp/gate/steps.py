"""Steps 3 to 8 of a call: the check of each, and its description, for deciding and explaining alike.

Steps 1 and 2 are in `admission`. Which steps a tool's calls take, and in which order, is in `Rules.steps`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from alya_mcp.gate import messages
from alya_mcp.gate.call import Call
from alya_mcp.gate.charges import Counting, Held, Over, Uncountable
from alya_mcp.gate.decision import DEFAULT_DENY, INVALID_ARGUMENTS
from alya_mcp.gate.documents.document import step
from alya_mcp.gate.judged import Judged
from alya_mcp.gate.numbers import plain
from alya_mcp.gate.policy.conditions import values_at
from alya_mcp.gate.policy.rules import Limit
from alya_mcp.gate.policy.tests import PolicyCondition
from alya_mcp.gate.redaction import masked_at
from alya_mcp.gate.trace import Step

_AskLimits = Callable[[Sequence[Limit], Call, Mapping[str, Any]], Over | None]


class CallStep(Protocol):
    """One step of a call."""

    def refuses(self, judged: Judged) -> bool:
        """Whether an enforced rule refuses the call. What shadowed rules say is noted in `judged`."""
        ...

    def trace(self, judged: Judged) -> Iterator[Step]:
        """What each rule asks, what it saw and whether it held."""
        ...


class PolicyAllows:
    """Step 3: the policy allows the tool."""

    def refuses(self, judged: Judged) -> bool:
        """Whether the policy denies the tool, whatever the arguments."""
        rules = judged.rules
        judged.shadow = rules.shadow_denials
        judged.refusal = rules.denial
        return rules.denial is not None

    def trace(self, judged: Judged) -> Iterator[Step]:
        """The shadowed denials, then what the policy says of the tool."""
        rules, tool, default = judged.rules, judged.call.tool, judged.policy.default
        asks = "the policy allows the tool"
        listed = tool in judged.policy.compiled
        seen = "its entry" if listed else f'no entry, and "default" is "{default}"'
        for denial in rules.shadow_denials:
            yield Step(denial.rule, asks, seen, False, shadow=True)
        if rules.denial is None:
            yield Step(step("/tools", tool) if listed else "/default", asks, seen, True)
        else:
            by_default = rules.denial.rule == DEFAULT_DENY
            yield Step(rules.denial.rule, asks, seen if by_default else "the policy denies it", False)


class ArgumentsFit:
    """Step 4: the arguments fit the input schema, and are JSON where they have to be."""

    def refuses(self, judged: Judged) -> bool:
        """Whether the arguments can't be used."""
        found = judged.misfit or judged.not_json
        if found is None:
            return False
        return judged.heard(messages.invalid(judged.call, judged.policy.digest, found))

    def trace(self, judged: Judged) -> Iterator[Step]:
        """The schema; then that the arguments are JSON, if they are not."""
        fits = "not checked" if judged.call.validate is None else judged.misfit or "they fit"
        yield Step(INVALID_ARGUMENTS, "the arguments fit the input schema", fits, judged.misfit is None)
        if judged.not_json is not None:
            yield Step(INVALID_ARGUMENTS, "the arguments are JSON", judged.not_json, False)


class ConditionsHold:
    """Step 5: `require` and `deny_if` over the arguments."""

    def refuses(self, judged: Judged) -> bool:
        """Whether a condition isn't met."""
        arguments = judged.arguments
        for test in judged.rules.screen.suspects(arguments):
            if test.refuses(arguments) and judged.heard(
                messages.failed(judged.call, judged.policy.digest, test)
            ):
                return True
        return False

    def trace(self, judged: Judged) -> Iterator[Step]:
        """Each rule with the values that its conditions found."""
        for test in judged.rules.tests:
            asked = " and ".join(messages.said(c.path, c.op, c.shown) for c in test.conditions)
            asks = (
                asked
                if test.must_hold
                else f"not ({asked})"
                if asked
                else "the rule does not deny every call"
            )
            hidden = judged.rules.redact.arguments
            seen = "; ".join(f"{c.path} is {_seen(c, judged.arguments, hidden)}" for c in test.conditions)
            held = not test.refuses(judged.arguments)
            yield Step(test.rule, asks, seen or "it denies every call", held, test.shadow)


class LoopCap:
    """Step 6: the same call wasn't attempted too often. The attempt was counted before step 3."""

    def refuses(self, judged: Judged) -> bool:
        """Whether the attempt is over a cap."""
        for rule, wait_ns in judged.over:
            if judged.heard(messages.repeated(judged.call, judged.policy.digest, rule, wait_ns)):
                return True
        return False

    def trace(self, judged: Judged) -> Iterator[Step]:
        """Each cap, and whether it is reached."""
        over = {rule.rule for rule, _ in judged.over}
        for rule in judged.rules.repeats:
            asks = f"at most {rule.max} attempts with the same arguments per {plain(rule.window)} s"
            held = rule.rule not in over
            yield Step(rule.rule, asks, "fewer so far" if held else "as many already", held, rule.shadow)


class ConcurrencyCap:
    """Step 6: there is a place among the calls in flight."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    def refuses(self, judged: Judged) -> bool:
        """Whether too many calls are in flight."""
        for cap in judged.rules.concurrency:
            if self._counting.full(cap, judged.call) and judged.heard(
                messages.full(judged.call, judged.policy.digest, cap)
            ):
                return True
        return False

    def trace(self, judged: Judged) -> Iterator[Step]:
        """Each cap, and whether it has a place."""
        for cap in judged.rules.concurrency:
            held = not self._counting.full(cap, judged.call)
            seen = "a place is free" if held else "all are taken"
            yield Step(cap.rule, f"at most {cap.max} calls in flight", seen, held, cap.shadow)

    def take(self, judged: Judged, held: Held) -> bool:
        """Step 9: take a place of each cap into `held`; False, with the refusal, when one is full."""
        for cap in judged.rules.concurrency:
            if not self._counting.enter(held, cap, judged.call) and not cap.shadow:
                return not judged.heard(messages.full(judged.call, judged.policy.digest, cap))
        return True


class LimitsHold:
    """Step 7: limits and budgets would hold."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    def refuses(self, judged: Judged, ask: _AskLimits | None = None) -> bool:
        """Whether a limit is spent; `ask` says which of those that go together is (`Counting.over`)."""
        if ask is None:
            if judged.takes_later:
                return False
            ask = self._counting.over
        refused = False
        for limits in judged.rules.groups:  # the shadowed ones are heard also where an enforced one refuses
            try:
                over = ask(limits, judged.call, judged.arguments)
            except Uncountable as error:
                refused |= judged.heard(messages.uncountable(judged.call, judged.policy.digest, error))
            else:
                if over is not None:
                    refused |= judged.heard(messages.spent(judged.call, judged.policy.digest, over))
        return refused

    def trace(self, judged: Judged) -> Iterator[Step]:
        """Each limit, and what was used of it."""
        for limit in judged.rules.limits:
            yield self._step(limit, judged)

    def take(self, judged: Judged, held: Held, patience: float) -> bool:
        """Step 9: take what the call needs into `held`; False, with the refusal, when a limit is spent."""
        return not self.refuses(judged, partial(self._counting.reserve, held, patience))

    def _step(self, limit: Limit, judged: Judged) -> Step:
        call = judged.call
        most = messages.measure(limit, limit.max)
        span = f"{plain(limit.window)} s"
        asks = f"at most {most} per {span if limit.window_ns else 'call'}"
        try:
            held = self._counting.over([limit], call, judged.arguments) is None
        except Uncountable as error:
            return Step(limit.rule, asks, f"{limit.unit} {error.found}", False, limit.shadow)
        if not limit.window_ns:
            return Step(limit.rule, asks, "no more" if held else "more", held, limit.shadow)
        left, _ = self._counting.standing(limit, call.session, call.grant or "")
        seen = f"{messages.measure(limit, limit.max - left)} in the last {span}"
        return Step(limit.rule, asks, seen, held, limit.shadow)


class UserAgrees:
    """Step 8: a required approval is there."""

    def refuses(self, judged: Judged) -> bool:
        """Whether the user said no, or has to be asked."""
        approval = judged.rules.approval
        if approval is None or judged.agreed:
            return False
        standing = judged.standing
        if standing is not None and standing.said == "no":
            kept = standing.id or ""
            return judged.heard(messages.declined(judged.call, judged.policy.digest, approval, kept))
        return judged.heard(messages.asks(judged.call, judged.policy.digest, approval, ""))

    def trace(self, judged: Judged) -> Iterator[Step]:
        """The approval, and the answer that stands."""
        approval, refusal, standing = judged.rules.approval, judged.refusal, judged.standing
        if approval is None:
            return
        refused_before = refusal is not None and refusal.rule != approval.rule and not approval.shadow
        held = judged.agreed or refused_before
        seen = "a yes, or a refusal before it was asked for" if held else "nobody has said yes yet"
        if held and judged.covered:
            seen = "the call collects what an earlier one began"
        if not held and standing is not None and standing.said == "no":
            seen = "the user said no"
        yield Step(approval.rule, "a person says yes", seen, held, approval.shadow)


def _seen(condition: PolicyCondition, arguments: Mapping[str, Any], hidden: Collection[str]) -> str:
    path = condition.path
    values = (masked_at(path, value, hidden) for value in values_at(arguments, path.split(".")[1:]))
    return " and ".join(map(messages.shown_value, values)) or "missing"
