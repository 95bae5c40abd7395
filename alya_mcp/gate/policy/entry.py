"""The rules that one rule object of a policy holds, and what they come to together with wider ones."""

from dataclasses import dataclass, field, replace
from typing import Literal

from alya_mcp.gate.policy.rules import Approval, Concurrency, Limit, Redact, Repeats, Rules
from alya_mcp.gate.policy.tests import PolicyCondition, Test
from alya_mcp.gate.redaction import masked_at

Action = Literal["allow", "deny", "require_approval"]


@dataclass(slots=True)
class PlacedCondition:
    """A condition and its JSON Pointer in the document, kept for the checks that follow.

    `says_missing` is whether it has the key `missing`.
    """

    pointer: str
    test: PolicyCondition
    must_hold: bool
    says_missing: bool = False


@dataclass(slots=True)
class PolicyEntry:
    """The rules of one rule object. `tool` is the tool that they count for; None if all count together."""

    pointer: str
    tool: str | None = None
    shadow: bool = False
    action: Action = "allow"
    reason: str = ""
    tests: list[Test] = field(default_factory=list[Test])
    limits: list[Limit] = field(default_factory=list[Limit])
    repeats: Repeats | None = None
    concurrency: Concurrency | None = None
    approvals: list[Approval] = field(default_factory=list[Approval])
    timeout: float | None = None
    redact: Redact = field(default_factory=Redact)
    asked: list[PlacedCondition] = field(default_factory=list[PlacedCondition])
    amounts: list[PlacedCondition] = field(default_factory=list[PlacedCondition])

    def rules(self, *wider: "PolicyEntry") -> Rules:
        """The rules for a call of the tool: its own, then those of `wider` entries."""
        entries = (self, *wider)
        return Rules(
            reason=self.reason,
            tests=tuple(_redacted(test, self.redact) for entry in entries for test in entry.tests),
            repeats=tuple(entry.repeats for entry in entries if entry.repeats is not None),
            concurrency=tuple(entry.concurrency for entry in entries if entry.concurrency is not None),
            limits=tuple(limit for entry in entries for limit in entry.limits),
            approval=_strictest([approval for entry in entries for approval in entry.approvals]),
            timeout=min((entry.timeout for entry in entries if entry.timeout is not None), default=None),
            redact=self.redact,
        )

    def of(self, tool: str) -> "PolicyEntry":
        """A copy for one `tool` of a category, with its own counters."""
        return replace(
            self,
            tool=tool,
            limits=[replace(limit, tool=tool) for limit in self.limits],
            repeats=None if self.repeats is None else replace(self.repeats, tool=tool),
            concurrency=None if self.concurrency is None else replace(self.concurrency, tool=tool),
        )


def _redacted(test: Test, redact: Redact) -> Test:
    """The test, its conditions shown without the values of redacted arguments."""
    if not redact.arguments:
        return test
    conditions = (
        replace(each, shown=masked_at(each.path, each.value, redact.arguments)) for each in test.conditions
    )
    return replace(test, conditions=tuple(conditions))


def _strictest(approvals: list[Approval]) -> Approval | None:
    """The one yes that satisfies all: enforced before shadowed, and the narrowest that any says."""
    enforced = [approval for approval in approvals if not approval.shadow] or approvals
    if not enforced:
        return None
    return replace(
        enforced[0],
        expires=min(approval.expires for approval in enforced),
        who="call" if any(approval.who == "call" for approval in enforced) else "session",
        ask="command" if any(approval.ask == "command" for approval in enforced) else "client",
        max_open=min(approval.max_open for approval in enforced),
        max_per_hour=min(approval.max_per_hour for approval in enforced),
    )
