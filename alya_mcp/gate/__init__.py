"""A policy gate for MCP tools: the only way from a call to its handler.

It stands alone: no other part of alya-mcp and no MCP SDK is needed. See docs/gate.md.
"""

from typing import TYPE_CHECKING

from .approvals import Answer, Question
from .audit import Audit
from .call import ApprovalNeeded, Call, Decision, Refused
from .clock import Clock, SystemClock
from .document import Problem
from .errors import AuditError, GateError, InvalidArguments, StateError, TimedOut, ToolError
from .gate import Gate
from .hygiene import Hidden, UnfitResult, hidden, outside, sanitise
from .policy import Policy, PolicyError
from .source import PolicyFile, PolicySource
from .state import MemoryState, SqliteState, State, Usage
from .trace import LimitRow, Step, Trace

if TYPE_CHECKING:
    from .audit.newest import tail
    from .audit.verification import Broken, Report, verify

_READING = {"tail": "newest", **dict.fromkeys(("Broken", "Report", "verify"), "verification")}

__all__ = [
    "Answer",
    "ApprovalNeeded",
    "Audit",
    "AuditError",
    "Broken",
    "Call",
    "Clock",
    "Decision",
    "Gate",
    "GateError",
    "Hidden",
    "InvalidArguments",
    "LimitRow",
    "MemoryState",
    "Policy",
    "PolicyError",
    "PolicyFile",
    "PolicySource",
    "Problem",
    "Question",
    "Refused",
    "Report",
    "SqliteState",
    "State",
    "StateError",
    "Step",
    "SystemClock",
    "TimedOut",
    "ToolError",
    "Trace",
    "UnfitResult",
    "Usage",
    "hidden",
    "outside",
    "sanitise",
    "tail",
    "verify",
]


def __getattr__(name: str) -> object:
    """What reads the log is loaded when it is asked for; a server that only writes one starts sooner."""
    if name not in _READING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.audit.{_READING[name]}"), name)
