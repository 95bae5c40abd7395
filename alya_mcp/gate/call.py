"""A call on its way through the gate, and what the gate says to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["allow", "deny", "ask"]
Mode = Literal["enforce", "shadow"]
Validate = Callable[[Mapping[str, Any]], Mapping[str, Any]]

UNKNOWN_TOOL = "(unknown tool)"
HIDDEN = "(hidden)"
NO_POLICY = "(no policy)"
DEFAULT_DENY = "(default deny)"
INVALID_ARGUMENTS = "(invalid arguments)"
GATE_ERROR = "(gate error)"
AUDIT = "(audit)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `tools/call` as it came in.

    `arguments` are as received. `session` names the client connection, `request` is the JSON-RPC id.
    `grant` is the caller's label, None for a caller whose token is wrong or revoked. `schema` is a digest of
    the tool's definition, kept in the audit log. `known` is False for a name that the catalogue doesn't hold.
    `price` is what a success costs, in USD. `validate` turns the arguments into those the handler gets, or
    raises `InvalidArguments`; without it they are passed on as they are.
    """

    tool: str
    arguments: Mapping[str, Any]
    session: str
    request: str | int | None = None
    grant: str | None = "local"
    schema: str | None = None
    known: bool = True
    price: float = 0.0
    category: str | None = None
    validate: Validate | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says to a call.

    `rule` is the JSON Pointer of the rule that refused, or a reserved id in parentheses; empty when allowed.
    `message` is for the model. `retry_after` is in seconds, None when waiting doesn't help. `policy` is the
    digest of the policy that was asked. `shadow` holds what rules in shadow mode would have said, each with
    mode `shadow`; it changes nothing for the call.
    """

    decision: Verdict
    rule: str
    message: str
    retry_after: float | None
    policy: str
    mode: Mode = "enforce"
    shadow: "tuple[Decision, ...]" = ()

    def as_meta(self) -> dict[str, Any]:
        """The decision as a client finds it in `_meta["alya/decision"]`; `retryAfter` in seconds."""
        return {
            "decision": self.decision,
            "rule": self.rule,
            "message": self.message,
            "retryAfter": None if self.retry_after is None else round(self.retry_after, 3),
            "policy": self.policy,
        }


class Refused(Exception):
    """The gate didn't let the call's handler run, or withheld a result it couldn't record. See `decision`."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message)
        self.decision = decision


def shown(name: str, limit: int = 128) -> str:
    """`name` for a message: cut to `limit` characters, without control characters or lone surrogates."""
    short = name if len(name) <= limit else name[: limit - 1] + "…"
    return short if short.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in short)
