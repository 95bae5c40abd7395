"""What a policy says of a tool: the same verdict and rule that its calls get."""

from typing import Any

import pytest

from alya_mcp.gate import Call, Comparison, Gate, Policy, Requirement

NEVER = {"name": "never", "action": "deny", "on_deny": "not here"}
CAPPED = {"path": "args.n", "op": "gt", "value": 4}
SHADOW = {"mode": "shadow"}


def parsed(tool: Any = None, default: str = "allow", **top: Any) -> Policy:
    tools = {} if tool is None else {"tools": {"t": tool}}
    return Policy.parse({"version": "1", "default": default, **tools, **top})


@pytest.mark.parametrize(
    ("policy", "verdict", "rule", "reason"),
    [
        (parsed(), "allow", "", ""),
        (parsed(default="deny"), "deny", "(default deny)", ""),
        (parsed({}, default="deny"), "allow", "", ""),
        (parsed({"action": "deny", "reason": "no"}), "deny", "/tools/t/action", "no"),
        (parsed({"rules": [NEVER]}), "deny", "/tools/t/rules/never", "not here"),
        (parsed({"deny_if": [{"conditions": [], "on_deny": "no"}]}), "deny", "/tools/t/deny_if/0", "no"),
        (parsed(tools={"*": {"rules": [NEVER]}}), "deny", "/tools/*/rules/never", "not here"),
        (parsed(categories={"Read": {"action": "deny"}}), "deny", "/categories/Read/action", ""),
        (parsed({"action": "require_approval"}), "ask", "/tools/t/action", ""),
        (
            parsed({"action": "require_approval", "rules": [NEVER]}),
            "deny",
            "/tools/t/rules/never",
            "not here",
        ),
        (parsed({"action": "deny", **SHADOW}), "shadow", "/tools/t/action", ""),
        (parsed({"rules": [NEVER | SHADOW]}), "shadow", "/tools/t/rules/never", "not here"),
        (parsed({"action": "require_approval", **SHADOW}), "shadow", "/tools/t/action", ""),
        (parsed({"deny_if": [{"conditions": [CAPPED]}]}), "allow", "", ""),
        (parsed(hide=["t"]), "hidden", "(hidden)", ""),
        (parsed({"action": "deny"}, hide=["*"]), "hidden", "(hidden)", ""),
        (Policy.unavailable(), "deny", "(no policy)", ""),
    ],
)
def test_the_verdict_is_what_a_call_gets_that_meets_every_condition(
    policy: Policy, verdict: str, rule: str, reason: str
) -> None:
    found = policy.summary("t", "Read")
    assert (found.tool, found.verdict, found.rule, found.reason) == ("t", verdict, rule, reason)
    decision = Gate(policy).decide(Call(tool="t", arguments={"n": 1}, session="s", category="Read"))
    passes = {"hidden": "deny", "shadow": "allow"}.get(verdict, verdict)
    assert (decision.decision, decision.rule) == (passes, "" if passes == "allow" else rule)
    assert [each.rule for each in decision.shadow] == ([rule] if verdict == "shadow" else [])


def test_requirements_tell_what_has_to_hold_from_what_refuses() -> None:
    prefix = {"path": "args.to", "op": "regex", "value": "^a"}
    policy = parsed(
        {"require": [prefix], "deny_if": [{"conditions": [CAPPED], "on_deny": "too many", **SHADOW}]}
    )
    assert policy.summary("t").requirements == (
        Requirement(
            rule="/tools/t/require/args.to-regex",
            comparisons=(Comparison("args.to", "regex", "^a"),),
            must_hold=True,
            message="",
            mode="enforce",
            every_tool=False,
        ),
        Requirement(
            rule="/tools/t/deny_if/args.n-gt",
            comparisons=(Comparison("args.n", "gt", 4),),
            must_hold=False,
            message="too many",
            mode="shadow",
            every_tool=False,
        ),
    )


def test_bounds_stand_in_the_order_in_which_a_call_is_asked() -> None:
    policy = parsed(
        {
            "rate_limit": {"max": 10, "window": "minute"},
            "limits": [{"counter": "n", "max": 40, "window": 90, "amount": "args.n", "mode": "shadow"}],
            "budget": {"max_usd": 0.5, "window": "day", "scope": "host"},
            "timeout": 2.5,
        },
        all_tools={"max_repeats": {"max": 3, "window": "hour"}, "max_concurrent": 2},
    )
    told = [
        (b.rule, b.kind, b.unit, b.max, b.window, b.scope, b.mode, b.every_tool)
        for b in policy.summary("t").bounds
    ]
    assert told == [
        ("/all_tools/max_repeats", "max_repeats", "calls", 3, 3600, "session", "enforce", True),
        ("/all_tools/max_concurrent", "max_concurrent", "calls", 2, None, "session", "enforce", True),
        ("/tools/t/rate_limit", "rate_limit", "calls", 10, 60, "session", "enforce", False),
        ("/tools/t/limits/n", "limits", "args.n", 40, 90, "grant", "shadow", False),
        ("/tools/t/budget", "budget", "usd", 0.5, 86400, "host", "enforce", False),
        ("", "timeout", "seconds", 2.5, None, None, "enforce", False),
    ]


def test_an_approval_is_told_with_how_long_a_yes_holds() -> None:
    policy = parsed(
        {"action": "require_approval", "reason": "ask me", "approval": {"expires": 60, "who": "session"}}
    )
    approval = policy.summary("t").approval
    assert approval is not None
    assert (approval.rule, approval.expires, approval.who, approval.reason) == (
        "/tools/t/action",
        60,
        "session",
        "ask me",
    )
