"""Raised for a call that didn't run."""

from alya_mcp.gate.approvals.question import Question
from alya_mcp.gate.decision import Decision


class Refused(Exception):
    """The gate didn't let the call's handler run, or withheld a result it couldn't record. See `decision`."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.message)
        self.decision = decision


class ApprovalNeeded(Refused):
    """The user has to approve first, and can: nothing was run, nothing is reserved.

    `question` is the question. `state` goes into the retry with the answer, if the call was resumable;
    otherwise `id` names the pending approval.
    """

    def __init__(
        self,
        decision: Decision,
        question: Question,
        *,
        state: str | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(decision)
        self.question = question
        self.state = state
        self.id = id
