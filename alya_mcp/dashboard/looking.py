"""Runs the checks of doctor in the background."""

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from alya_mcp.app.diagnostics.check import Check
from alya_mcp.app.diagnostics.diagnosis import diagnose
from alya_mcp.settings import tidy

FRESH_SECONDS: Final = 30.0


@dataclass(slots=True)
class Looking:
    """The checks so far, and when the last whole look ended, in seconds since 1970."""

    checks: list[Check] = field(default_factory=list[Check])
    at: float | None = None
    running: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, *, again: bool = False) -> None:
        """Look in the background, unless that is being done or was done a moment ago."""
        with self.lock:
            if self.running or (not again and self.at is not None and time.time() - self.at < FRESH_SECONDS):
                return
            self.running = True
        threading.Thread(target=self._look, name="alya-health", daemon=True).start()

    def _look(self) -> None:
        found: list[Check] = []
        try:
            for check in diagnose(tidy(dict(os.environ))):
                found.append(check)
                if self.at is None:
                    self.checks = list(found)
            self.checks = found
        finally:
            self.at, self.running = time.time(), False
