"""Rate and concurrency limits per source, and the pause that it asked for."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from alya_mcp.settings.providers import Source


class RateLimiter:
    """Spaces requests to one source: `source.rate` a second, `source.at_once` at a time.

    A second's worth of requests may go out together, and one always may.

    `now` is a clock in seconds that never goes back.
    """

    def __init__(self, source: Source, now: Callable[[], float]) -> None:
        self._every = 1.0 / source.rate
        self._together = max(1.0, self._every)
        self._slots = anyio.Semaphore(source.at_once)
        self._now = now
        self._full_at = now()
        self._paused_until = 0.0

    @property
    def pause(self) -> float:
        """Seconds for which the source must not be asked."""
        return max(0.0, self._paused_until - self._now())

    def hold(self, seconds: float) -> None:
        """Send it nothing for `seconds`."""
        self._paused_until = max(self._paused_until, self._now() + seconds)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait until the source may be asked, and hold one of its slots while the context lasts."""
        async with self._slots:
            self._full_at = max(self._full_at, self._now()) + self._every
            wait = self._full_at - self._together - self._now()
            if wait > 0:
                await anyio.sleep(wait)
            yield
