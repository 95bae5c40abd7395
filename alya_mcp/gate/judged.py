"""The working state of a call while it is judged."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from alya_mcp.gate.approvals import Question, StandingAnswer
from alya_mcp.gate.approvals.question import NOTHING
from alya_mcp.gate.call import Call
from alya_mcp.gate.decision import Decision, UserAnswer
from alya_mcp.gate.policy import Policy
from alya_mcp.gate.policy.rules import Repeats, Rules

COLLECTS: Final = "collects what an earlier call began"
"""The message of a decision to let such a call pass; the log alone has it."""


class Judged:
    """The state of a call while it is judged.

    `arguments` are those that the handler would get, and `digest` stands for them in the log. `misfit` is why
    they don't fit the schema or refer to nothing, and `not_json` why they aren't JSON if that is required.
    `over` are the loop caps that this attempt exceeds, with the wait. `about` is what the arguments refer
    to. `question` is what the user has to say yes to, if anything; `standing` is an answer to it that holds,
    and `agreed` that this is a yes to be taken. With `takes_later` the limits are asked when the call takes
    them. `said` is what the user answered just now. The call `collects` what an earlier one began; `covered`
    is that whatever that one needed a yes for is good for this one.
    """

    refusal: Decision | None = None
    shadow: tuple[Decision, ...] = ()
    digest: str | None = None
    misfit: str | None = None
    not_json: str | None = None
    over: tuple[tuple[Repeats, int | None], ...] = ()
    question: Question | None = None
    about: Mapping[str, Any] = NOTHING
    standing: StandingAnswer | None = None
    agreed: bool = False
    takes_later: bool = False
    said: UserAnswer | None = None
    collects: bool = False
    covered: bool = False

    def __init__(self, call: Call, policy: Policy, rules: Rules, arguments: Mapping[str, Any]) -> None:
        # Four assignments: every call makes one of these, and most keep the other defaults.
        self.call = call
        self.policy = policy
        self.rules = rules
        self.arguments = arguments

    @property
    def decision(self) -> Decision:
        """The decision, with the answer it rests on and what shadowed rules would have said."""
        decision = self.policy.allowed if self.refusal is None else self.refusal
        if self.question is not None and (answer := self._answer(decision)) is not None:
            decision = replace(decision, answer=answer)
        if self.collects and self.refusal is None:
            decision = replace(decision, message=COLLECTS)
        if not self.shadow:
            return decision
        return replace(decision, mode="shadow", shadow=self.shadow)

    def _answer(self, decision: Decision) -> UserAnswer | None:
        """The answer that an admitted call runs by, or that a denial by the approval's rule repeats."""
        standing = self.standing
        said = self.said
        if said is None and standing is not None:
            said = UserAnswer(standing.said, standing.way, standing.id)
        if said is None or decision.decision == "ask":
            return None
        approval = self.rules.approval
        if said.said == "no" and (approval is None or decision.rule != approval.rule):
            return None
        return said if said.said == "no" or self.refusal is None else None

    @property
    def denied(self) -> bool:
        """Whether the call is denied, whatever the user says."""
        return self.refusal is not None and self.refusal.decision == "deny"

    def heard(self, decision: Decision) -> bool:
        """Record a rule's decision. True if it refuses the call."""
        if decision.mode == "shadow":
            # A limit is checked before the user is asked, and again after their yes.
            if all(each.rule != decision.rule for each in self.shadow):
                self.shadow += (decision,)
            return False
        self.refusal = decision
        return True
