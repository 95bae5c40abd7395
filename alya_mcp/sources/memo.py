"""Values in memory that would take long to make again, by a key that says all they depend on."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

from .flights import Flights

T = TypeVar("T")


class Memo:
    """At most `most` values; the one not asked for longest goes first. Nothing may change them."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Any] = OrderedDict()
        self._flights = Flights()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made now when there is none. Raises what `make` raises."""
        if key not in self._values:
            return self._keep(key, make())
        self._values.move_to_end(key)
        return cast("T", self._values[key])

    async def get_slow(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The same where making takes long: those who ask meanwhile wait for it instead of beginning anew."""
        if key in self._values:
            self._values.move_to_end(key)
            return cast("T", self._values[key])

        async def once() -> T:
            return self._keep(key, await make())

        return await self._flights.join(key, once)

    def _keep(self, key: Hashable, value: T) -> T:
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value
