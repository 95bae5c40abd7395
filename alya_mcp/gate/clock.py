"""The gate's two clocks behind one interface, so that tests and replays can bring their own."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the gate takes the time from; both in nanoseconds."""

    def monotonic_ns(self) -> int:
        """Never goes back; windows of a session are counted on it."""
        ...

    def time_ns(self) -> int:
        """Since 1970-01-01 UTC; stands in the audit log and in usage rows."""
        ...


class SystemClock:
    """The machine's own clocks."""

    monotonic_ns = staticmethod(time.monotonic_ns)
    time_ns = staticmethod(time.time_ns)
