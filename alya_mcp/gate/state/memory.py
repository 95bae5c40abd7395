"""A state that ends with the process."""

import os
from collections.abc import Mapping

from alya_mcp.gate.clock import Clock, SystemClock
from alya_mcp.gate.state.approvals import MemoryApprovals
from alya_mcp.gate.state.interface import Head, Usage
from alya_mcp.gate.state.memory_ledger import MemoryLedger
from alya_mcp.gate.state.usage import Notes


class MemoryState:
    """A state that ends with the process. `clock` is the machine's when left out."""

    def __init__(self, clock: Clock | None = None) -> None:
        clock = SystemClock() if clock is None else clock
        self.ledger = MemoryLedger(clock)
        self.approvals = MemoryApprovals(clock)
        self.key = os.urandom(32)
        self._notes = Notes()

    def open(self) -> None:
        """Nothing to open."""

    def ready(self) -> None:
        """Memory is always ready."""

    def begin_chain(self, chain: str, head: Head) -> None:
        """Note a new audit chain."""
        self._notes.heads[chain] = head

    def note_head(self, chain: str, seq: int, digest: str) -> None:
        """Note where a chain ends now."""
        self._notes.heads[chain] = Head(seq, digest)

    def note_denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        """Note a call that didn't run."""
        self._notes.denied(grant, session, tool, time_ns)

    def note_settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        """Note a call that ran."""
        self._notes.settled(grant, session, tool, time_ns, ok, usd)

    def heads(self) -> Mapping[str, Head]:
        """Where every chain ends."""
        return dict(self._notes.heads)

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time, a row per tool."""
        return self._notes.usage(grant, int(since // 60), session, tool)

    def close(self) -> None:
        """Nothing to close."""
