"""A queue that is fair between owners."""

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
        """The items in the order in which `pop` would return them."""
        rows = [list(items) for items in self._turns.values()]
        for depth in range(max(map(len, rows), default=0)):
            yield from (row[depth] for row in rows if depth < len(row))

    def push(self, owner: Owner, item: Item) -> None:
        """Add `item` behind the owner's others; a new owner's turn comes last."""
        self._turns.setdefault(owner, deque()).append(item)

    def pop(self) -> Item | None:
        """Remove the next item, or return None; its owner's next turn then comes last."""
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
        """Remove `item`; False if it isn't in the queue."""
        items = self._turns.get(owner)
        if items is None or item not in items:
            return False
        items.remove(item)
        if not items:
            del self._turns[owner]
        return True
