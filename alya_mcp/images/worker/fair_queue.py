"""A queue in which every owner gets its turn, however much one of them asks for."""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

Owner = TypeVar("Owner", bound=Hashable)
Item = TypeVar("Item")


class FairQueue(Generic[Owner, Item]):
    """Round robin over owners; first in, first out for each."""

    def __init__(self) -> None:
        self._turns: OrderedDict[Owner, deque[Item]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(items) for items in self._turns.values())

    def __iter__(self) -> Iterator[Item]:
        """The items in the order in which they would come out now."""
        rows = [list(items) for items in self._turns.values()]
        for depth in range(max(map(len, rows), default=0)):
            yield from (row[depth] for row in rows if depth < len(row))

    def push(self, owner: Owner, item: Item) -> None:
        """Add `item` behind the owner's others; a new owner gets its turn after all who wait."""
        self._turns.setdefault(owner, deque()).append(item)

    def pop(self) -> Item | None:
        """The next item, or None when nothing waits; its owner's next turn comes after the others'."""
        if not self._turns:
            return None
        owner, items = next(iter(self._turns.items()))
        item = items.popleft()
        if items:
            self._turns.move_to_end(owner)
        else:
            del self._turns[owner]
        return item

    def remove(self, owner: Owner, item: Item) -> bool:
        """Take out `item`; False when it doesn't wait."""
        items = self._turns.get(owner)
        if items is None or item not in items:
            return False
        items.remove(item)
        if not items:
            del self._turns[owner]
        return True
