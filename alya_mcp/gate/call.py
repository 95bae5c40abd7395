"""A call on its way through the gate, and what the gate says to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from alya_mcp.gate.approvals import Question
    from alya_mcp.gate.call import Answer

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
    raises `InvalidArguments`; without it they are passed on as they are. `answer` is what a call brings back
    that was told to come again with a person's answer.
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
    answer: "Answer | None" = None


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


class ApprovalNeeded(Refused):
    """A person has to say yes first, and can: nothing was run, nothing is held.

    `question` is what they are asked. `state` is what the call brings back with their answer, when it was
    resumable; else `id` names the pending approval.
    """

    def __init__(
        self,
        decision: Decision,
        question: "Question",
        *,
        state: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(decision)
        self.question = question
        self.state = state
        self.id = id


def shown(name: str, limit: int = 128) -> str:
    """`name` for a message: cut to `limit` characters, without control characters or lone surrogates."""
    short = name if len(name) <= limit else name[: limit - 1] + "…"
    return short if short.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in short)
