"""Documents that the tests of the policy share: good ones, wrong ones, and those of the reference page."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLES: list[tuple[str, str]] = re.findall(r"```(json|yaml)\n(.*?)```", PAGE, re.DOTALL)


def document(tools: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    return {"version": "1", "default": "deny", **({} if tools is None else {"tools": tools}), **rest}


def ruled(*rules: Any, tool: str = "t") -> dict[str, Any]:
    """A document with Intercept's rules for one tool."""
    return document({tool: {"rules": list(rules)}})


def asked(path: Any, op: Any, value: Any, **rest: Any) -> dict[str, Any]:
    return {"path": path, "op": op, "value": value, **rest}


WINDOW = {"window": "minute"}

GOOD: dict[str, dict[str, Any]] = {
    "nothing": document(),
    "an editor's schema": document(**{"$schema": "docs/policy.schema.json"}),
    "a name with a dot": document({"a.b": {"rate_limit": {"max": 1, "window": 0.5}}}),
    "both dialects": document(
        {
            "t": {
                "rate_limit": {"max": 10, "window": 60},
                "require": [asked("args.reason", "exists", value=True)],
                "deny_if": [{"conditions": []}],
                "limits": [{"counter": "n", "window": "hour", "max": 3.0, "scope": "grant"}],
                "rules": [{"name": "r", "rate_limit": "1/day"}, {"name": "d", "action": "deny"}],
                "spend": {"daily": 1},
                "action": "deny",
                "reason": "closed",
            }
        },
        mode="shadow",
    ),
    "every operator": document(
        {
            "t": {
                "require": [
                    asked("args.a", "eq", {"b": [1, None]}),
                    asked("args.a", "neq", value=False),
                    asked("args.a", "in", [1, "x"]),
                    asked("args.a", "not_in", []),
                    asked("args.a", "lt", 1),
                    asked("args.a", "lte", 1.5),
                    asked("args.a", "gt", -1),
                    asked("args.a.b.c", "gte", 0),
                    asked("args.a", "regex", "^x+$"),
                    asked("args.a", "contains", 1),
                    asked("args.a", "exists", value=False, mode="shadow"),
                ]
            }
        }
    ),
    "an approval": document(
        {
            "t": {
                "action": "require_approval",
                "approval": {"expires": 0.5, "who": "session", "mode": "shadow"},
            }
        },
        approval_timeout="1h",
    ),
    "amounts": document(
        all_tools={
            "limits": [
                {"counter": "a", "max": 0.25, "amount": "price", **WINDOW},
                {"counter": "b", "max": 0.25, "amount": "args.x.y", "on_deny": "no", **WINDOW},
            ],
            "budget": {"max_usd": 1e-9, "window": "day", "scope": "host"},
            "max_repeats": {"max": 1, "window": 1, "mode": "enforce"},
            "max_concurrent": 9_000_000_000,
            "mode": "shadow",
        }
    ),
    "caps": document(categories={"Read": {"max_concurrent": {"max": 2, "scope": "host"}, "timeout": 1}}),
    "redacted": document({"t": {"redact": {"arguments": ["a"], "results": []}}}),
    "all of Intercept": document(
        {"*": {"rules": [{"name": "all", "rate_limit": "5/hour", "mode": "shadow"}], "mode": "enforce"}}
    ),
}

WRONG: list[tuple[str, str, dict[str, Any]]] = [
    # where, what the message says, document
    ("/tools/t/rate_limit/max", "null", document({"t": {"rate_limit": {"max": None, "window": 1}}})),
    ("/tools/t/rate_limit/max", "9,000,000,000", document({"t": {"rate_limit": {"max": 10**10, **WINDOW}}})),
    ("/tools/t/rate_limit/window", "seconds", document({"t": {"rate_limit": {"max": 1, "window": 1e10}}})),
    (
        "/tools/t/rate_limit/mode",
        '"shadow"',
        document({"t": {"rate_limit": {"max": 1, **WINDOW, "mode": "shade"}}}),
    ),
    ("/$schema", "a string", document(**{"$schema": 1})),
    ("/prices/t", "from 0 on", document({}, prices={"t": -0.1})),
    ("/prices/t", "from 0 on", document({}, prices={"t": "0.1"})),
    ("/prices", "US dollars", document({}, prices=[0.1])),
    ("/tools/t/action", '"require_approval"', document({"t": {"action": "require-approval"}})),
    ("/tools/t/approval", "none is asked for", document({"t": {"approval": {"expires": 5}}})),
    (
        "/tools/t/approval/who",
        '"session"',
        document({"t": {"action": "require_approval", "approval": {"who": "sesion"}}}),
    ),
    ("/tools/t/limits/0", '"counter" is missing', document({"t": {"limits": [{"max": 1, **WINDOW}]}})),
    (
        "/tools/t/limits/0/counter",
        "empty",
        document({"t": {"limits": [{"counter": "", "max": 1, **WINDOW}]}}),
    ),
    ("/tools/t/limits/0/max", "1.5", document({"t": {"limits": [{"counter": "c", "max": 1.5, **WINDOW}]}})),
    (
        "/tools/t/limits/0/amount",
        '"price"',
        document({"t": {"limits": [{"counter": "c", "max": 1, "amount": "cost", **WINDOW}]}}),
    ),
    (
        "/tools/t/limits/0/amount",
        "args.",
        document({"t": {"limits": [{"counter": "c", "max": 1, "amount": "args.a..b", **WINDOW}]}}),
    ),
    ("/tools/t/budget/max_usd", "above 0", document({"t": {"budget": {"max_usd": -1, "window": 1}}})),
    ("/tools/t/budget/max_usd", '"deny"', document({"t": {"budget": {"max_usd": 0, "window": 1}}})),
    ("/tools/t/budget/max", "max_usd", document({"t": {"budget": {"max_usd": 1, "max": 1, "window": 1}}})),
    ("/tools/t/max_concurrent", '"deny"', document({"t": {"max_concurrent": 0}})),
    ("/tools/t/max_concurrent", '"max" is missing', document({"t": {"max_concurrent": {}}})),
    ("/tools/t/timeout", "more than 0", document({"t": {"timeout": 0}})),
    ("/tools/t/redact/arguments", "list", document({"t": {"redact": {"arguments": "a"}}})),
    (
        "/tools/t/redact/arguments/1",
        "duplicate entry",
        document({"t": {"redact": {"arguments": ["a", "a"]}}}),
    ),
    ("/tools/t/require", "list", document({"t": {"require": {}}})),
    (
        "/tools/t/require/0",
        '"value" is missing',
        document({"t": {"require": [{"path": "args.a", "op": "eq"}]}}),
    ),
    ("/tools/t/require/0/path", "args.", document({"t": {"require": [asked("a", "eq", 1)]}})),
    ("/tools/t/require/0/path", "args.", document({"t": {"require": [asked("args.", "eq", 1)]}})),
    ("/tools/t/require/0/path", "args.", document({"t": {"require": [asked("state.t.c", "lt", 1)]}})),
    (
        "/tools/t/require/0/op",
        'did you mean "not_in"',
        document({"t": {"require": [asked("args.a", "notin", [])]}}),
    ),
    ("/tools/t/require/0/value", "null", document({"t": {"require": [asked("args.a", "eq", None)]}})),
    ("/tools/t/require/0/value", "null", document({"t": {"require": [asked("args.a", "in", [1, None])]}})),
    ("/tools/t/require/0/value", "never holds", document({"t": {"require": [asked("args.a", "in", [])]}})),
    ("/tools/t/require/0/value", "list", document({"t": {"require": [asked("args.a", "in", "abc")]}})),
    ("/tools/t/require/0/value", "number", document({"t": {"require": [asked("args.a", "lt", "9")]}})),
    (
        "/tools/t/require/0/value",
        "number",
        document({"t": {"require": [asked("args.a", "gte", value=True)]}}),
    ),
    (
        "/tools/t/require/0/value",
        "true or false",
        document({"t": {"require": [asked("args.a", "exists", 1)]}}),
    ),
    ("/tools/t/require/0/value", "string", document({"t": {"require": [asked("args.a", "regex", 1)]}})),
    ("/tools/t/deny_if/0", '"conditions" is missing', document({"t": {"deny_if": [{"on_deny": "x"}]}})),
    (
        "/tools/t/deny_if/0/conditions/0/mode",
        "unknown key",
        document({"t": {"deny_if": [{"conditions": [asked("args.a", "eq", 1, mode="shadow")]}]}}),
    ),
    (
        "/tools/t/deny_if/0/conditions/0/missing",
        'it takes "deny" or "pass"',
        document({"t": {"deny_if": [{"conditions": [asked("args.a", "eq", 1, missing="no")]}]}}),
    ),
    (
        "/tools/t/deny_if/0/conditions/0/missing",
        'says nothing beside "exists"',
        document({"t": {"deny_if": [{"conditions": [asked("args.a", "exists", True, missing="deny")]}]}}),
    ),
    (
        "/tools/t/rate_limit/window",
        "limits nothing",
        document({"t": {"rate_limit": {"max": 1, "window": 4e-10}}}),
    ),
    ("/categories", "object", document(categories=[])),
    ("/categories/Raed", "unknown category", document(categories={"Raed": {}})),
    ("/categories/Read/rules", "unknown key", document(categories={"Read": {"rules": []}})),
    ("/approval_timeout", '"30m"', document(approval_timeout="soon")),
    ("/approval_timeout", '"30m"', document(approval_timeout="0s")),
    # Intercept's
    ("/tools/t/rules/0", '"name" is missing', ruled({"action": "deny"})),
    ("/tools/t/rules/0", "at least one condition", ruled({"name": "r"})),
    ("/tools/t/rules/0", "at least one condition", ruled({"name": "r", "conditions": []})),
    (
        "/tools/t/rules/0/conditions",
        "takes none",
        ruled({"name": "r", "action": "deny", "conditions": [asked("args.a", "eq", 1)]}),
    ),
    (
        "/tools/t/rules/0/conditions",
        "takes none",
        ruled({"name": "r", "action": "require_approval", "conditions": [asked("args.a", "eq", 1)]}),
    ),
    ("/tools/t/rules/0/action", "evaluate", ruled({"name": "r", "action": "deny", "rate_limit": "1/hour"})),
    ("/tools/t/rules/0/rate_limit", "10/minute", ruled({"name": "r", "rate_limit": "1/second"})),
    ("/tools/t/rules/0/rate_limit", "10/minute", ruled({"name": "r", "rate_limit": "0/hour"})),
    (
        "/tools/t/rules/1/rate_limit",
        "second rate_limit per hour",
        ruled({"name": "r", "rate_limit": "2/hour"}, {"name": "s", "rate_limit": "1/hour"}),
    ),
    (
        "/tools/t/rules/0/state",
        "bounds",
        ruled(
            {
                "name": "r",
                "conditions": [asked("args.a", "eq", 1)],
                "state": {"counter": "c", "window": "day"},
            }
        ),
    ),
    (
        "/tools/t/rules/0/conditions/0/path",
        "no state",
        ruled({"name": "r", "conditions": [asked("state.t.c", "lte", 1)]}),
    ),
    (
        "/tools/t/rules/0/conditions/0/path",
        '"state.t.c"',
        ruled(
            {
                "name": "r",
                "conditions": [asked("state.other.c", "lte", 1)],
                "state": {"counter": "c", "window": "day"},
            }
        ),
    ),
    (
        "/tools/t/rules/0/conditions/0/op",
        '"lte"',
        ruled(
            {
                "name": "r",
                "conditions": [asked("state.t.c", "gt", 1)],
                "state": {"counter": "c", "window": "day"},
            }
        ),
    ),
    (
        "/tools/t/rules/0/conditions/0/value",
        "lets nothing through",
        ruled(
            {
                "name": "r",
                "conditions": [asked("state.t.c", "lt", 1)],
                "state": {"counter": "c", "window": "day"},
            }
        ),
    ),
    (
        "/tools/t/rules/1/state/counter",
        "duplicate state counter",
        ruled(
            *(
                {
                    "name": name,
                    "conditions": [asked("state.t.c", "lte", 1)],
                    "state": {"counter": "c", "window": "day"},
                }
                for name in "rs"
            )
        ),
    ),
    (
        "/tools/t/rules/0/state/increment",
        "above 0",
        ruled(
            {
                "name": "r",
                "conditions": [asked("state.t.c", "lte", 1)],
                "state": {"counter": "c", "window": "day", "increment": -1},
            }
        ),
    ),
    (
        "/tools/t/rules/0/state/increment",
        "one of the two",
        ruled(
            {
                "name": "r",
                "conditions": [asked("state.t.c", "lte", 1)],
                "state": {"counter": "c", "window": "day", "increment": 1, "increment_from": "args.n"},
            }
        ),
    ),
    (
        "/tools/t/rules/0/state/window",
        '"minute"',
        ruled(
            {
                "name": "r",
                "conditions": [asked("state.t.c", "lte", 1)],
                "state": {"counter": "c", "window": 60},
            }
        ),
    ),
    ("/tools/t/spend/per_call", "US dollars", document({"t": {"spend": {"per_call": "0.5"}}})),
    ("/approvals", "webhook", document(approvals={"webhook": "https://example.org"})),
]

NOT_IN_THE_SCHEMA = {
    "no state",
    '"state.t.c"',
    "bounds",
    "lets nothing through",
    "duplicate state counter",
    "second rate_limit per hour",
}
"""What the messages say of documents whose error no JSON Schema can express."""
