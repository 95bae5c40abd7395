"""The gate's two clocks behind one interface, so that tests and replays can bring their own."""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Final, Protocol


class Clock(Protocol):
    """Where the gate takes the time from; both in nanoseconds."""

    def monotonic_ns(self) -> int:
        """Never goes back; the same for all processes until the machine starts again. Windows slide on it."""
        ...

    def time_ns(self) -> int:
        """Since 1970-01-01 UTC; stands in the audit log and in usage rows."""
        ...


if sys.platform == "linux":
    _monotonic_ns = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
elif sys.platform == "darwin":
    _monotonic_ns = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
else:
    _monotonic_ns = time.monotonic_ns


class SystemClock:
    """The machine's own clocks. Time that it sleeps counts, which `time.monotonic_ns` leaves out on some."""

    monotonic_ns = staticmethod(_monotonic_ns)
    time_ns = staticmethod(time.time_ns)


_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE: Final = Path("/proc/self/timens_offsets")


def boot_id() -> str:
    """A name for the time since the machine was started; empty where the system has none to give."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def namespace_offset_ns() -> int:
    """By how much this process's time namespace shifts its clock since the machine was started (Linux)."""
    try:
        return boot_offset_ns(_NAMESPACE.read_text("ascii"))
    except OSError:  # a system without time namespaces
        return 0


def boot_offset_ns(offsets: str) -> int:
    """The shift of the boot-time clock, from the text of `/proc/PID/timens_offsets`; 0 where it has none."""
    for line in offsets.splitlines():
        match line.split():
            case ["boottime", seconds, nanoseconds]:
                return int(seconds) * 1_000_000_000 + int(nanoseconds)
            case _:
                continue
    return 0
