"""Outcomes of drawings whose server has ended, kept until a later call collects them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alya_mcp.images.engine import Picture
from alya_mcp.images.wire.messages import Failed

MOST_LEFT: Final = 8
"""Drawings without a server, including unfinished ones; further ones are stopped."""
SECONDS: Final = 600.0
BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class _Kept:
    outcome: Picture | Failed
    until: float

    @property
    def size(self) -> int:
        return len(self.outcome.pixels) if isinstance(self.outcome, Picture) else 0


class KeptDrawings:
    """Outcomes by the key of their drawing, each kept for `seconds`; the oldest are dropped first."""

    def __init__(
        self,
        *,
        most_bytes: int = BYTES,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_bytes = most_bytes
        self._seconds = seconds
        self._clock = clock
        self._all: dict[str, _Kept] = {}

    def __len__(self) -> int:
        return len(self._all)

    @property
    def last_end(self) -> float:
        """Seconds until all of them have expired."""
        if not self._all:
            return 0.0
        return max(each.until for each in self._all.values()) - self._clock()

    def add(self, key: str, outcome: Picture | Failed) -> None:
        """Keep a drawing's outcome."""
        self._all[key] = _Kept(outcome, self._clock() + self._seconds)
        while sum(each.size for each in self._all.values()) > self._most_bytes:
            del self._all[next(iter(self._all))]

    def take(self, key: str) -> Picture | Failed | None:
        """Remove and return a drawing's outcome."""
        self.tidy()
        kept = self._all.pop(key, None)
        return None if kept is None else kept.outcome

    def tidy(self) -> None:
        """Drop expired outcomes."""
        now = self._clock()
        self._all = {key: each for key, each in self._all.items() if each.until > now}

    def clear(self) -> None:
        """Drop all outcomes."""
        self._all.clear()
