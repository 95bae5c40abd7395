"""The worker's health: its renderer's status, its last failure, and the start of its current state."""

import os
import time
from dataclasses import dataclass, field
from typing import Final

import psutil

from alya_mcp.images.engine import EngineState, EngineStatus
from alya_mcp.images.renderer import RendererStatus
from alya_mcp.images.worker.run_folder import Ending

_MEMORY: Final = 86_400.0
"""Seconds for which later workers report a failure."""


@dataclass(slots=True, kw_only=True)
class WorkerHealth:
    """The renderer's last known status, the last failure, and the start of the current state."""

    error: str | None = None
    error_at: float | None = None
    renderer: RendererStatus = field(default_factory=RendererStatus)
    since: float = field(default_factory=time.time)

    @classmethod
    def after(cls, before: Ending) -> "WorkerHealth":
        """The health of a new worker; `before` is the ending of the previous one."""
        now = time.time()
        if before.error is None or (before.error_at or now) < now - _MEMORY:
            return cls()
        return cls(error=before.error, error_at=before.error_at or now)

    def fail(self, message: str) -> None:
        """Record a failure that was reported to a client."""
        self.error, self.error_at = message, time.time()

    def turn(self) -> None:
        """Record that the state changes now."""
        self.since = time.time()

    def status(self, state: EngineState, *, waiting: int, clients: int) -> EngineStatus:
        """The engine's status."""
        return EngineStatus(
            state=state,
            since=self.since,
            pid=os.getpid(),
            model=self.renderer.model,
            others=self.renderer.others,
            device=self.renderer.device,
            waiting=waiting,
            clients=clients,
            memory={**self.renderer.memory, "resident": psutil.Process().memory_info().rss},
            plan=self.renderer.plan,
            temperature=self.renderer.temperature,
            measured=self.renderer.measured,
            last_error=self.error,
            last_error_at=self.error_at,
        )

    def ending(self, idle: float | None, reason: str | None) -> Ending:
        """The ending to record for the next worker, and for status requests without a worker."""
        return Ending(at=time.time(), idle=idle, reason=reason, error=self.error, error_at=self.error_at)
