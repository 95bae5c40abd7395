"""The worker's health: its renderer, its last failure, since when it does what it does."""

import os
import time
from dataclasses import dataclass, field
from typing import Final

import psutil

from alya_mcp.images.engine import EngineState, EngineStatus
from alya_mcp.images.renderer import RendererStatus
from alya_mcp.images.worker.run_folder import Ending

_MEMORY: Final = 86_400.0
"""Seconds for which a failure is told by later workers."""


@dataclass(slots=True, kw_only=True)
class WorkerHealth:
    """The renderer as last seen, the last failure, and since when the worker does what it does."""

    error: str | None = None
    error_at: float | None = None
    renderer: RendererStatus = field(default_factory=RendererStatus)
    since: float = field(default_factory=time.time)

    @classmethod
    def after(cls, before: Ending) -> "WorkerHealth":
        """That of a worker that starts now, `before` being what the one before it left to say."""
        now = time.time()
        if before.error is None or (before.error_at or now) < now - _MEMORY:
            return cls()
        return cls(error=before.error, error_at=before.error_at or now)

    def fail(self, message: str) -> None:
        """Keep what somebody was told now."""
        self.error, self.error_at = message, time.time()

    def turn(self) -> None:
        """Something else begins now."""
        self.since = time.time()

    def status(self, state: EngineState, *, waiting: int, clients: int) -> EngineStatus:
        """All of it."""
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
        """What to leave for the next worker, and for whoever asks when there is none."""
        return Ending(at=time.time(), idle=idle, reason=reason, error=self.error, error_at=self.error_at)
