"""Approvals: the question to the user, what an answer is bound to, and its single use.

A yes reaches the gate in one of three ways: over the client's own elicitation while the call waits
(`accepted`), with a retry that brings back a sealed state (`seal`, `redeem`), or from the command line, for a
question kept in the state (`pend`, `standing`, `consume`). Whatever isn't a yes, fresh, unused and to exactly
this question, is none. A no is kept in the state, however it was given.
"""

from alya_mcp.gate.approvals.approvals import Approvals, StandingAnswer
from alya_mcp.gate.approvals.asked import (
    MOST_KEPT,
    MOST_OPEN,
    ApprovalStore,
    KeptQuestion,
    Status,
    TooManyOpen,
    Unanswerable,
    Way,
    YesOrNo,
)
from alya_mcp.gate.approvals.bounds import Full
from alya_mcp.gate.approvals.question import LONGEST, Question, Who

__all__ = [
    "LONGEST",
    "MOST_KEPT",
    "MOST_OPEN",
    "ApprovalStore",
    "Approvals",
    "Full",
    "KeptQuestion",
    "Question",
    "StandingAnswer",
    "Status",
    "TooManyOpen",
    "Unanswerable",
    "Way",
    "Who",
    "YesOrNo",
]
