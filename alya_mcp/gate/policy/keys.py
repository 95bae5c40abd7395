"""Every key that a policy document may have, by the object it stands in.

`docs/policy.schema.json` says the same to editors, and a test holds the two together.
"""

from collections.abc import Mapping
from typing import Final

_RULES: Final = (
    "mode",
    "action",
    "reason",
    "require",
    "deny_if",
    "rate_limit",
    "limits",
    "budget",
    "max_repeats",
    "max_concurrent",
    "timeout",
    "approval",
    "redact",
)

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "policy": (
        "$schema",
        "version",
        "default",
        "description",
        "mode",
        "hide",
        "prices",
        "tools",
        "categories",
        "all_tools",
        "approval_timeout",
    ),
    "tool": (*_RULES, "rules", "spend"),
    "category": _RULES,
    "all_tools": ("mode", "rate_limit", "limits", "budget", "max_repeats", "max_concurrent", "timeout"),
    "every_tool": ("mode", "rules"),
    "condition": ("path", "op", "value"),
    "refusal": ("path", "op", "value", "missing"),
    "require": ("path", "op", "value", "mode"),
    "deny_if": ("conditions", "on_deny", "mode"),
    "rate_limit": ("max", "window", "scope", "mode"),
    "limit": ("counter", "window", "max", "scope", "amount", "on_deny", "mode"),
    "budget": ("max_usd", "window", "scope", "mode"),
    "max_repeats": ("max", "window", "scope", "mode"),
    "max_concurrent": ("max", "scope", "mode"),
    "approval": ("expires", "who", "ask", "max_open", "max_per_hour", "mode"),
    "redact": ("arguments", "results"),
    "rule": ("name", "action", "on_deny", "rate_limit", "conditions", "state", "mode"),
    "state": ("counter", "window", "increment", "increment_from"),
    "spend": ("per_call", "daily"),
}

REQUIRED: Final[Mapping[str, Mapping[str, str]]] = {
    "policy": {"version": '"1"', "default": '"deny"'},
    "every_tool": {"rules": "[]"},
    "condition": {"path": '"args.name"', "op": '"eq"', "value": "1"},
    "refusal": {"path": '"args.name"', "op": '"eq"', "value": "1"},
    "require": {"path": '"args.name"', "op": '"eq"', "value": "1"},
    "deny_if": {"conditions": "[]"},
    "rate_limit": {"max": "10", "window": "60"},
    "limit": {"counter": '"calls"', "window": '"minute"', "max": "10"},
    "budget": {"max_usd": "1", "window": '"day"'},
    "max_repeats": {"max": "3", "window": "60"},
    "max_concurrent": {"max": "2"},
    "rule": {"name": '"a name"'},
    "state": {"counter": '"calls"', "window": '"minute"'},
}
"""The keys that an object has to have, each with a value that it may take."""

UNSUPPORTED: Final[Mapping[str, str]] = {
    "approvals": "approvals by webhook are not supported; a person answers in the client or by "
    '"alya-mcp approvals"; take the key out',
}
"""Keys of other dialects that nothing here can honour, each with what to do instead."""
