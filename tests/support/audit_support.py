"""A folder with an audit log, for the tests of what writes and reads one."""

from pathlib import Path
from typing import Any

from gate_support import HandClock, a_call, log_files, outcome_of, policy

from alya_mcp.gate import Audit, Gate, MemoryState, Report, State, verify

TOOLS = {"draw": {}, "wipe": {"action": "deny"}}


class Home:
    """A folder with a log, and the state that knows where it ends."""

    def __init__(self, folder: Path, state: State | None = None, **settings: Any) -> None:
        self.clock = HandClock()
        self.folder = folder / "audit"
        self.state = state or MemoryState()
        self.audit = Audit(self.folder, self.state, self.clock, **settings)
        self.gate = Gate(policy(TOOLS), self.state, self.audit, self.clock)

    async def calls(self, number: int) -> None:
        for request in range(number):
            assert await outcome_of(self.gate, a_call(arguments={"n": request}, request=request)) == "ok"

    def verify(self) -> Report:
        return verify(self.folder, self.state)

    def lines(self, file: int = 0) -> list[bytes]:
        return log_files(self.folder)[file].read_bytes().splitlines(keepends=True)

    def rewrite(self, lines: list[bytes], file: int = 0) -> None:
        log_files(self.folder)[file].write_bytes(b"".join(lines))
