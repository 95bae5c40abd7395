"""Decisions, and the ids of the gate's own rules."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from alya_mcp.gate.invisible import visible

Verdict = Literal["allow", "deny", "ask"]
Mode = Literal["enforce", "shadow"]

UNKNOWN_TOOL = "(unknown tool)"
HIDDEN = "(hidden)"
NO_POLICY = "(no policy)"
STOPPED = "(stopped)"
DEFAULT_DENY = "(default deny)"
INVALID_ARGUMENTS = "(invalid arguments)"
GATE_ERROR = "(gate error)"
AUDIT = "(audit)"


@dataclass(frozen=True, slots=True)
class UserAnswer:
    """The user's yes or no that a decision rests on.

    `way` is how it came, None where that isn't known; `id` is that of the kept question, if any.
    """

    said: Literal["yes", "no"]
    way: str | None
    id: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's decision on a call.

    `rule` is the JSON Pointer of the rule that refused, or a reserved id in parentheses; empty when allowed.
    `message` is for the model. `retry_after` is in seconds, None when waiting doesn't help. `policy` is the
    digest of the policy that judged it. `shadow` holds what rules in shadow mode would have decided, each
    with mode `shadow`; it has no effect on the call. `answer` is the user's answer that it rests on, if any.
    """

    decision: Verdict
    rule: str
    message: str
    retry_after: float | None
    policy: str
    mode: Mode = "enforce"
    shadow: "tuple[Decision, ...]" = ()
    answer: UserAnswer | None = None

    def as_meta(self) -> dict[str, Any]:
        """The decision as clients get it in `_meta["alya/decision"]`.

        `retryAfter` is in seconds, rounded up to a millisecond, so that a retry after it isn't too early.
        """
        return {
            "decision": self.decision,
            "rule": self.rule,
            "message": self.message,
            "retryAfter": None if self.retry_after is None else math.ceil(self.retry_after * 1000) / 1000,
            "policy": self.policy,
        }


def shown(name: str, limit: int = 128) -> str:
    """`name` for a message: cut to `limit` characters, invisible characters escaped."""
    return visible(name if len(name) <= limit else name[: limit - 1] + "…")
