"""Background work that may outlive the call that started it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

import anyio

from alya_mcp.errors import Unavailable
from alya_mcp.toolkit.tool import Progress

T = TypeVar("T")

_GIVEN_UP: Final = "It was given up before it was done; call again"
KEPT_SECONDS: Final = 600.0
"""How long a result is kept that isn't collected."""
_CREEP: Final = 1e-4
"""Share of the total that each heartbeat adds to the progress; clients accept only growing progress."""
_TELLING: Final = 0.1
"""Share of the total after which the elapsed time is used to estimate the rest."""


class Work(Generic[T]):
    """Runs `do` as a task, started at once; any number of calls may wait for its result.

    `began` and `ended` are seconds of the monotonic clock. The owner sets `left` when no call waits for it
    any more. Waiting calls get a heartbeat every `beat` seconds. It is stale `kept` seconds after its end.
    """

    def __init__(
        self,
        do: Callable[[Progress], Coroutine[Any, Any, T]],
        *,
        beat: float = 1.5,
        kept: float = KEPT_SECONDS,
    ) -> None:
        self.began = time.monotonic()
        self.ended: float | None = None
        self.left = False
        self._pause = beat
        self._kept = kept
        self._told = (0.0, 0.0, "")
        self._outcome: T | Exception | None = None
        self._listeners: list[Progress] = []
        self._over = anyio.Event()
        self._scope = anyio.CancelScope()
        self._task = asyncio.create_task(self._run(do))

    @property
    def is_waited_for(self) -> bool:
        """Whether a call waits for it now."""
        return bool(self._listeners)

    @property
    def is_stale(self) -> bool:
        """Whether it ended so long ago that its result won't be collected."""
        return self.ended is not None and time.monotonic() - self.ended > self._kept

    @property
    def remaining(self) -> float | None:
        """Estimated seconds until it is done; None while too little is done to tell."""
        done, total, _ = self._told
        if not total or done / total < _TELLING:
            return None
        return (time.monotonic() - self.began) * (total / done - 1)

    async def wait(self, progress: Progress, seconds: float | None = None) -> T | None:
        """The result, or None if it isn't there after `seconds`; `progress` is reported meanwhile.

        Raises:
            Exception: what `do` raised.
        """
        self.left = False
        self._listeners.append(progress)
        try:
            with anyio.move_on_after(seconds):
                await self._over.wait()
        finally:
            self._listeners.remove(progress)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def stop(self) -> None:
        """Cancel it, if it isn't over; threads that work for it finish first."""
        self._scope.cancel()

    async def over(self) -> None:
        """Return once it has ended, in whatever way."""
        await self._over.wait()

    async def _run(self, do: Callable[[Progress], Coroutine[Any, Any, T]]) -> None:
        beating = asyncio.create_task(self._beat())
        try:
            with self._scope:
                self._outcome = await do(self._tell)
            if self._scope.cancelled_caught:
                self._outcome = Unavailable(_GIVEN_UP)
        except Exception as error:  # noqa: BLE001 - raised again in the calls that wait
            self._outcome = error
        except asyncio.CancelledError:
            self._outcome = Unavailable(_GIVEN_UP)
        finally:
            beating.cancel()
            self.ended = time.monotonic()
            self._over.set()

    async def _tell(self, done: float, total: float, message: str) -> None:
        self._told = (max(done, self._told[0]), total, message)
        for listener in tuple(self._listeners):
            await listener(*self._told)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            done, total, message = self._told
            if message:
                await self._tell(min(done + _CREEP * total, total), total, message)
