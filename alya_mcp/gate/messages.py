"""Messages to a refused caller: what was refused, by which rule, and what would help."""

import json

from alya_mcp.gate.call import Call
from alya_mcp.gate.charges import Over, Uncountable
from alya_mcp.gate.decision import INVALID_ARGUMENTS, Decision, Mode, shown
from alya_mcp.gate.numbers import plain, usd
from alya_mcp.gate.policy.rules import SECOND, UNIT, Approval, Concurrency, Limit, Repeats, quotient
from alya_mcp.gate.policy.tests import Test

_LONGEST_VALUE = 60


def deny(
    policy: str, rule: str, message: str, retry_after: float | None = None, shadow: bool = False
) -> Decision:
    """A denial by `rule` of the policy with that digest."""
    return Decision("deny", rule, message, retry_after, policy, _mode(shadow))


def invalid(call: Call, policy: str, message: str) -> Decision:
    """The arguments can't be used."""
    return deny(policy, INVALID_ARGUMENTS, f"{shown(call.tool)}: {message}")


def failed(call: Call, policy: str, test: Test) -> Decision:
    """A condition of the policy isn't met."""
    if test.message:
        text = test.message
    elif not test.conditions:
        text = "the policy denies it"
    else:
        word = "needs" if test.must_hold else "denies"
        text = f"the policy {word} {' and '.join(said(c.path, c.op, c.shown) for c in test.conditions)}"
    return deny(policy, test.rule, f"{shown(call.tool)}: {text} ({test.rule})", shadow=test.shadow)


def said(path: str, op: str, value: object) -> str:
    """A condition in words."""
    return f"{path} {op} {shown_value(value)}"


def shown_value(value: object) -> str:
    """A value as JSON, cut short."""
    return shown(json.dumps(value, ensure_ascii=False, default=str), _LONGEST_VALUE)


def repeated(call: Call, policy: str, rule: Repeats, wait_ns: int | None) -> Decision:
    """The same call was attempted too often."""
    wait = (rule.window_ns if wait_ns is None else wait_ns) / SECOND
    times = "once" if rule.max == 1 else f"{rule.max} times"
    text = (
        f"{shown(call.tool)}: the same call was attempted {times} within {plain(rule.window)} s "
        f"({rule.rule}); trying again counts too and won't help, other arguments may; "
        f"next in {_whole(wait)} s"
    )
    return deny(policy, rule.rule, text, wait, rule.shadow)


def full(call: Call, policy: str, rule: Concurrency) -> Decision:
    """Too many calls are in flight."""
    of = "" if rule.tool else " of all tools"
    noun = "call" if rule.max == 1 else "calls"
    text = (
        f"{shown(call.tool)}: {rule.max} {noun}{of} in flight already ({rule.rule}); wait until one has ended"
    )
    return deny(policy, rule.rule, text, shadow=rule.shadow)


def spent(call: Call, policy: str, over: Over) -> Decision:
    """A limit or budget doesn't hold this call."""
    limit = over.limit
    wait = None if over.wait_ns is None else over.wait_ns / SECOND
    most, span = measure(limit, limit.max), f"per {plain(limit.window)} s"
    left = f"; {measure(limit, over.left)} left" if over.left and limit.window_ns else ""
    if wait is None:
        # The amount itself may be an argument's value, and the audit log holds none.
        what, after = f"takes more than the {most} allowed", left
    else:
        what = f"at most {most} {span}" if left else f"{most} {span} reached"
        after = f"{left}; next in {_whole(wait)} s"
    what = limit.message or what
    text = f"{shown(call.tool)}: {what} ({limit.rule}){after}"
    return deny(policy, limit.rule, text, wait, limit.shadow)


def uncountable(call: Call, policy: str, error: Uncountable) -> Decision:
    """A limit counts an argument that can't be counted."""
    limit = error.limit
    text = (
        f"{shown(call.tool)}: {limit.unit} {error.found}; the policy counts it, so give a number "
        f"from 0 on ({limit.rule})"
    )
    return deny(policy, limit.rule, text, shadow=limit.shadow)


def asks(call: Call, policy: str, approval: Approval, how: str) -> Decision:
    """The user's approval is needed; `how` says how to get it."""
    reason = f": {approval.reason}" if approval.reason else ""
    text = f"{shown(call.tool)} needs a person's approval{reason} ({approval.rule}).{how and ' ' + how}"
    return Decision("ask", approval.rule, text, None, policy, _mode(approval.shadow))


def unapproved(
    call: Call, policy: str, approval: Approval, why: str, retry_after: float | None = None
) -> Decision:
    """The user said no, can't be asked now, or there is no valid yes."""
    return deny(policy, approval.rule, f"{shown(call.tool)}: {why} ({approval.rule})", retry_after)


def declined(call: Call, policy: str, approval: Approval, kept: str) -> Decision:
    """The user said no to the question `kept`, and can change their mind."""
    why = f"the user declined; to allow it after all they can {how_to_approve(kept)}"
    return unapproved(call, policy, approval, why)


def how_to_approve(kept: str) -> str:
    """What the user does to say yes to the question `kept`."""
    return f"run: alya-mcp approvals approve {kept}; then make the same call again"


def measure(limit: Limit, amount: int) -> str:
    """An amount, in billionths, in what the limit counts."""
    of = " of all tools" if limit.amount == "call" and limit.tool is None else ""
    return counted(quotient(amount, UNIT), limit.unit) + of


def counted(number: float, unit: str) -> str:
    """A number of `calls`, of `usd` or of an argument that is added up."""
    if unit == "calls":
        return f"{plain(number)} {'call' if number == 1 else 'calls'}"
    return usd(number) if unit == "usd" else f"{plain(number)} of {unit}"


def _whole(seconds: float) -> int:
    return int(-(-seconds // 1))


def _mode(shadow: bool) -> Mode:
    return "shadow" if shadow else "enforce"
