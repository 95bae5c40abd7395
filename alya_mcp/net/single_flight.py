"""Single flight: concurrent callers of the same work share one run of it."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

import anyio

T = TypeVar("T")


class _Flight:
    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.results: list[Any] = []
        self.error: Exception | None = None


class SingleFlight:
    """Runs work by key, once for all concurrent callers.

    The first caller does the work. If it is cancelled, one of those who wait starts again, so that nobody
    loses the answer to another caller's cancellation.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Flight] = {}

    async def join(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, or of the work that already runs under `key`.

        Raises what the work raises.
        """
        while (flight := self._under_way.get(key)) is not None:
            await flight.ended.wait()
            if flight.results:
                return cast("T", flight.results[0])
            if flight.error is not None:
                raise flight.error.with_traceback(None)
        flight = self._under_way[key] = _Flight()
        try:
            result = await work()
        except Exception as error:
            flight.error = error
            raise
        else:
            flight.results.append(result)
            return result
        finally:
            del self._under_way[key]
            flight.ended.set()
