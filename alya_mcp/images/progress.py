"""Progress of one job on one monotonic scale, with heartbeats while a phase reports nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from alya_mcp.images.engine import JobProgress, OnProgress, Phase

T = TypeVar("T")

TOTAL: Final = 100.0
BEAT: Final = 1.5
"""Seconds between two heartbeats."""

_SPANS: Final[dict[Phase, tuple[float, float]]] = {
    "start": (0, 5),
    "queue": (5, 10),
    "load": (10, 40),
    "encode": (40, 45),
    "denoise": (45, 85),
    "decode": (85, 97),
    "receive": (97, 100),
}
_TICK = 1e-6
"""Minimum growth of a step, so that it still grows when a caller maps it to a scale of its own."""
_HALF_WAY = 10.0
"""Seconds of waiting after which a heartbeat is half way to the next report."""


class Meter:
    """Maps reports of a phase to the progress of the whole job, which never decreases.

    `beat` is the seconds between two heartbeats.
    """

    def __init__(self, progress: OnProgress, *, beat: float = BEAT) -> None:
        self._progress = progress
        self._beat = beat
        self._base = 0.0
        self._last = 0.0
        self._phase: Phase = "start"
        self._from = 0.0
        self._until = 1.0
        self._message = ""
        self._reported = self._told = time.monotonic()

    async def report(self, phase: Phase, at: float, until: float, message: str, preview: bytes = b"") -> None:
        """Tell that `phase` is `at` (0 to 1) and will next be heard of at `until`."""
        self._phase, self._from, self._until, self._message = phase, at, until, message
        self._reported = time.monotonic()
        await self._emit(at, message, preview)

    def restart(self) -> None:
        """Map a new attempt to the rest of the scale."""
        self._base = self._last

    async def beating(self, work: Awaitable[T], words: Callable[[], str] | None = None) -> T:
        """Await `work`, with a heartbeat `beat` seconds after each step; cancelling this cancels `work`.

        A heartbeat repeats the last message, or sends that of `words`.
        """
        task = asyncio.ensure_future(work)
        try:
            while not (
                await asyncio.wait({task}, timeout=max(0.0, self._told + self._beat - time.monotonic()))
            )[0]:
                self._message = words() if words else self._message
                waited = time.monotonic() - self._reported
                creep = (self._until - self._from) * waited / (waited + _HALF_WAY)
                await self._emit(self._from + creep, f"{self._message} ({waited:.0f} s)")
            return task.result()
        finally:
            task.cancel()

    async def _emit(self, at: float, message: str, preview: bytes = b"") -> None:
        low, high = _SPANS[self._phase]
        share = (low + (high - low) * at) / TOTAL
        done = self._base + (TOTAL - self._base) * share
        self._last = min(TOTAL, max(done, self._last + _TICK))
        step = JobProgress(phase=self._phase, done=self._last, total=TOTAL, message=message, preview=preview)
        await self._progress(step)
        self._told = time.monotonic()
