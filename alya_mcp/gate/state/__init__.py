"""The gate's state: ends of audit chains, usage, counters, approvals and grants.

Two states behind one interface (`State`): `MemoryState` for one process that keeps nothing, `SqliteState` for
all server processes of a user.
"""

from alya_mcp.gate.state.interface import Charge, Entered, Head, Ledger, Slot, Spent, State, Usage
from alya_mcp.gate.state.memory import MemoryState
from alya_mcp.gate.state.memory_ledger import MemoryLedger
from alya_mcp.gate.state.sqlite import FLUSH_SECONDS, SqliteState

__all__ = [
    "FLUSH_SECONDS",
    "Charge",
    "Entered",
    "Head",
    "Ledger",
    "MemoryLedger",
    "MemoryState",
    "Slot",
    "Spent",
    "SqliteState",
    "State",
    "Usage",
]
