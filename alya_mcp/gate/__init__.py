"""A policy gate for MCP tools: the only way from a call to its handler.

It stands alone: no other part of alya-mcp and no MCP SDK is needed. See docs/gate.md.
"""

from .audit import Audit, Broken, Report, tail, verify
from .call import Call, Decision, Refused
from .clock import Clock, SystemClock
from .document import Problem
from .errors import AuditError, GateError, InvalidArguments, StateError, TimedOut, ToolError
from .gate import Gate
from .hygiene import UnfitResult, sanitise
from .policy import Policy, PolicyError
from .source import PolicyFile, PolicySource
from .state import MemoryState, SqliteState, State, Usage
from .trace import LimitRow, Step, Trace

__all__ = [
    "Audit",
    "AuditError",
    "Broken",
    "Call",
    "Clock",
    "Decision",
    "Gate",
    "GateError",
    "InvalidArguments",
    "LimitRow",
    "MemoryState",
    "Policy",
    "PolicyError",
    "PolicyFile",
    "PolicySource",
    "Problem",
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
    "sanitise",
    "tail",
    "verify",
]
