"""An in-memory cache of computed values, by a key that holds all they depend on."""

import gc
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from types import FunctionType, ModuleType
from typing import Any, Final, NamedTuple, TypeVar, cast

from alya_mcp.net.single_flight import SingleFlight

T = TypeVar("T")

_SAMPLE: Final = 8
"""How many items of a list are measured, as a sample."""


class _Made(NamedTuple):
    value: Any
    size: int


class Memo:
    """At most `most` values that take at most about `size` bytes together, or a single larger one.

    The least recently used is dropped first. Values must not be modified.
    """

    def __init__(self, most: int = 64, size: int = 64 << 20) -> None:
        self._most = most
        self._size = size
        self._made: OrderedDict[Hashable, _Made] = OrderedDict()
        self._flights = SingleFlight()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made by `make` if there is none. Raises what `make` raises."""
        if key not in self._made:
            return self._keep(key, make())
        self._made.move_to_end(key)
        return cast("T", self._made[key].value)

    async def get_slow(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The same for values that take long to make: concurrent callers wait for the first one's."""
        if key in self._made:
            self._made.move_to_end(key)
            return cast("T", self._made[key].value)

        async def once() -> T:
            return self._keep(key, await make())

        return await self._flights.join(key, once)

    def _keep(self, key: Hashable, value: T) -> T:
        self._made[key] = _Made(value, size_of(value))
        while len(self._made) > 1 and (len(self._made) > self._most or self._taken() > self._size):
            self._made.popitem(last=False)
        return value

    def _taken(self) -> int:
        return sum(each.size for each in self._made.values())


def size_of(value: object) -> int:
    """Approximate memory of `value` with everything it refers to, in bytes; takes about a millisecond."""
    return round(_size(value, set()))


def _size(value: object, seen: set[int]) -> float:
    if id(value) in seen or isinstance(value, type | ModuleType | FunctionType):
        return 0.0
    seen.add(id(value))
    own, parts, share = sys.getsizeof(value), gc.get_referents(value), 1.0
    if isinstance(value, list | tuple) and len(parts) > _SAMPLE:
        share = len(parts) / _SAMPLE
        parts = [parts[number * len(parts) // _SAMPLE] for number in range(_SAMPLE)]
    return own + share * sum(_size(part, seen) for part in parts)
