"""A policy gate for MCP tools: the only way from a call to its handler.

It stands alone: no other part of alya-mcp and no MCP SDK is needed. See docs/gate.md.
"""

from typing import TYPE_CHECKING

from alya_mcp.gate.approvals import Question
from alya_mcp.gate.audit import Audit
from alya_mcp.gate.call import Answer, Call
from alya_mcp.gate.clock import Clock, SystemClock
from alya_mcp.gate.decision import Decision
from alya_mcp.gate.documents.document import Problem
from alya_mcp.gate.errors import AuditError, GateError, InvalidArguments, StateError, TimedOut, ToolError
from alya_mcp.gate.gate import Gate
from alya_mcp.gate.policy import Policy, PolicyError
from alya_mcp.gate.policy.source import PolicyFile, PolicySource
from alya_mcp.gate.refused import ApprovalNeeded, Refused
from alya_mcp.gate.sanitizer import Hidden, UnfitResult, hidden, outside, sanitise
from alya_mcp.gate.state import MemoryState, SqliteState, State, Usage
from alya_mcp.gate.switch import FileSwitch, Switch
from alya_mcp.gate.trace import LimitRow, Step, Trace

if TYPE_CHECKING:
    from alya_mcp.gate.audit.newest import tail
    from alya_mcp.gate.audit.verification import Broken, Report, verify
    from alya_mcp.gate.policy.summary import Bound, Comparison, Requirement, Summary

_LOADED_ON_USE = {
    "tail": "audit.newest",
    **dict.fromkeys(("Broken", "Report", "verify"), "audit.verification"),
    **dict.fromkeys(("Bound", "Comparison", "Requirement", "Summary"), "policy.summary"),
}

__all__ = [
    "Answer",
    "ApprovalNeeded",
    "Audit",
    "AuditError",
    "Bound",
    "Broken",
    "Call",
    "Clock",
    "Comparison",
    "Decision",
    "FileSwitch",
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
    "Requirement",
    "SqliteState",
    "State",
    "StateError",
    "Step",
    "Summary",
    "Switch",
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
    """Load what no call needs when it is asked for, so that a server starts sooner."""
    if name not in _LOADED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LOADED_ON_USE[name]}"), name)
