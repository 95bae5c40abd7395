"""A person's yes to one call: what is asked, what a yes is bound to, and how it is used up.

A yes reaches the gate in one of three ways: over the client's own elicitation while the call waits
(`Approvals.accepted`), with a retry that brings back a sealed state (`seal`, `redeem`), or from a person who
answers a question kept in the state (`pend`, `standing`, `consume`). Whatever isn't a yes, fresh, unused and
to exactly this question, is none.
"""

from alya_mcp.gate.approvals.approvals import Approvals
from alya_mcp.gate.approvals.asked import (
    MOST_KEPT,
    MOST_OPEN,
    ApprovalStore,
    Asked,
    Status,
    TooManyOpen,
    Unanswerable,
    YesOrNo,
)
from alya_mcp.gate.approvals.question import Question, Who, readable

__all__ = [
    "MOST_KEPT",
    "MOST_OPEN",
    "ApprovalStore",
    "Approvals",
    "Asked",
    "Question",
    "Status",
    "TooManyOpen",
    "Unanswerable",
    "Who",
    "YesOrNo",
    "readable",
]
