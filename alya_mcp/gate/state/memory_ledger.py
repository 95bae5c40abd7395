"""Sliding counters and calls in flight of one process, in memory."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from alya_mcp.gate.clock import Clock
from alya_mcp.gate.state.interface import Charge, Entered, Slot, Spent, longest

KEPT: Final = 1024
"""How many charges a counter keeps at least, counting or not, so that a longer window finds them."""

DAY_NS: Final = 86_400_000_000_000
"""How long a counter that was reserved from is kept at least."""

_SWEEP_EVERY: Final = 256


class MemoryLedger:
    """The ledger of one process, which ends with it. Counts on the clock that never goes back."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic_ns
        self._counters: dict[tuple[str, str], _Counter] = {}
        self._sweep_at = _SWEEP_EVERY
        self._in_flight: dict[tuple[str, str], int] = {}

    def first_spent(self, charges: Sequence[Charge]) -> Spent | None:
        """The first charge that wouldn't fit now. Takes nothing."""
        return self._first_spent(charges, self._now()) if charges else None

    def reserve(self, charges: Sequence[Charge]) -> int | Spent:
        """Take all charges or none; the moment of it, or the first charge that didn't fit."""
        now = self._now()
        if len(charges) == 1:
            return self._reserve_one(charges[0], now)
        spent = self._first_spent(charges, now)
        if spent is not None:
            return spent
        for name, subject, amount, _, window, _ in longest(charges):
            if amount:
                counter = self._counter(name, subject, now, DAY_NS)
                counter.used_since(now - window)  # a shorter window may have been asked last
                counter.add(amount, now, window)
        return now

    def reserve_within(self, charges: Sequence[Charge], patience: float) -> int | Spent:  # noqa: ARG002
        """The same: nobody else writes here."""
        return self.reserve(charges)

    def refund(self, charges: Sequence[Charge], at: int) -> None:
        """Give back what was reserved at the moment `at`, to the windows it was taken from."""
        for name, subject, amount, _, _, _ in longest(charges):
            counter = self._counters.get((name, subject))
            if counter is not None and amount:
                counter.give_back(at, amount)

    def attempt(self, charges: Sequence[Charge]) -> Spent | None:
        """Count every charge whatever comes; the first counter that is then over its `max`."""
        now = self._now()
        first: Spent | None = None
        for index, (name, subject, amount, most, window, _) in enumerate(charges):
            counter = self._counter(name, subject, now, 0)
            counter.add(amount, now, window)
            over = counter.used_since(now - window) > most
            counter.forget_denied(most)
            if over and first is None:
                first = Spent(index, counter.wait(amount, most, window, now))
        return first

    def standing(self, charge: Charge) -> tuple[int, int | None]:
        """What counts now, in billionths, and in how many nanoseconds the oldest of it no longer will."""
        counter = self._counters.get(charge[:2])
        if counter is None:
            return 0, None
        now = self._now()
        used, oldest = counter.used_since(now - charge.window_ns), counter.oldest
        return used, None if oldest is None else oldest + charge.window_ns - now

    def first_full(self, slots: Sequence[Slot]) -> int | None:
        """The index of the first slot with no free place. Takes nothing."""
        for index, slot in enumerate(slots):
            if self._in_flight.get(slot[:2], 0) >= slot.max:
                return index
        return None

    def enter(self, slots: Sequence[Slot]) -> Entered | int:
        """Take a place in every slot or in none; the index of the first that was full."""
        full = self.first_full(slots)
        if full is not None:
            return full
        for slot in slots:
            self._in_flight[slot[:2]] = self._in_flight.get(slot[:2], 0) + 1
        return Entered(tuple(slots))

    def leave(self, entered: Entered) -> None:
        """Free the places."""
        for slot in entered.slots:
            left = self._in_flight.pop(slot[:2]) - 1
            if left:
                self._in_flight[slot[:2]] = left

    def _reserve_one(self, charge: Charge, now: int) -> int | Spent:
        """`reserve` for the usual case, at two thirds of the cost."""
        name, subject, amount, most, window, _ = charge
        if not amount:
            return now
        if amount > most:
            return Spent(0, None)
        counter = self._counters.get((name, subject))
        if counter is None:
            counter = self._counter(name, subject, now, DAY_NS)
        elif counter.used_since(now - window) + amount > most:
            return Spent(0, counter.wait(amount, most, window, now))
        counter.add(amount, now, window)
        return now

    def _first_spent(self, charges: Sequence[Charge], now: int) -> Spent | None:
        for index, (name, subject, amount, most, window, _) in enumerate(charges):
            if not amount:
                continue
            if amount > most:
                return Spent(index, None)
            counter = self._counters.get((name, subject))
            if counter is not None and counter.used_since(now - window) + amount > most:
                return Spent(index, counter.wait(amount, most, window, now))
        return None

    def _counter(self, name: str, subject: str, now: int, keep: int) -> "_Counter":
        counter = self._counters.get((name, subject))
        if counter is None:
            if len(self._counters) >= self._sweep_at:
                self._sweep(now)
            counter = self._counters[name, subject] = _Counter(keep)
        return counter

    def _sweep(self, now: int) -> None:
        """Forget the counters whose time is over, each time that their number has doubled."""
        self._counters = {name: kept for name, kept in self._counters.items() if kept.last > now - kept.keep}
        self._sweep_at = max(_SWEEP_EVERY, 2 * len(self._counters))


class _Counter:
    """Charges in the order in which they came; those from `start` on count, and `used` is their sum.

    It is kept for `keep` nanoseconds after the last one, and for the longest window it was asked for.
    """

    __slots__ = ("amounts", "keep", "start", "times", "used")

    def __init__(self, keep: int) -> None:
        self.times: list[int] = []
        self.amounts: list[int] = []
        self.start = 0
        self.used = 0
        self.keep = keep

    @property
    def last(self) -> int:
        """When the last charge was taken; 0 when all were given back."""
        return self.times[-1] if self.times else 0

    @property
    def oldest(self) -> int | None:
        """When the oldest charge that counts was taken."""
        return self.times[self.start] if self.start < len(self.times) else None

    def used_since(self, since: int) -> int:
        """The sum of exactly the charges after `since`, also of those that a longer window brings back."""
        times, start = self.times, self.start
        while start < len(times) and times[start] <= since:
            self.used -= self.amounts[start]
            start += 1
        while start and times[start - 1] > since:
            start -= 1
            self.used += self.amounts[start]
        self.start = start
        return self.used

    def wait(self, amount: int, most: int, window: int, now: int) -> int | None:
        """In how many nanoseconds `amount` fits under `most`, if nothing else is counted; None for never."""
        if amount > most:
            return None
        room = most - amount
        need = self.used - room
        if need < room:
            index = self.start
            while need > self.amounts[index]:
                need -= self.amounts[index]
                index += 1
        else:
            index = len(self.times) - 1
            while room >= self.amounts[index]:
                room -= self.amounts[index]
                index -= 1
        return self.times[index] + window - now

    def add(self, amount: int, now: int, window: int) -> None:
        """Count a charge now."""
        times = self.times
        if times and times[-1] == now:
            self.amounts[-1] += amount
        else:
            times.append(now)
            self.amounts.append(amount)
        self.used += amount
        if window > self.keep:
            self.keep = window
        if self.start >= KEPT:
            idle = min(self.start, len(times) - KEPT)
            if idle >= KEPT:
                self._drop(idle)

    def give_back(self, at: int, amount: int) -> None:
        """Undo a charge taken at `at`; nothing where it isn't kept any more."""
        index = bisect_left(self.times, at)
        if self.times[index : index + 1] != [at] or self.amounts[index] < amount:
            return
        self.amounts[index] -= amount
        if index >= self.start:
            self.used -= amount
        if not self.amounts[index]:
            del self.times[index], self.amounts[index]
            self.start -= index < self.start

    def forget_denied(self, most: int) -> None:
        """Keep of attempts, which are counted without end, the newest that are over `most`."""
        if len(self.times) % KEPT or len(self.times) <= KEPT:
            return
        total, index = 0, len(self.times)
        while index > self.start and (total <= most or len(self.times) - index < KEPT):
            index -= 1
            total += self.amounts[index]
        self.used -= sum(self.amounts[self.start : index])
        self._drop(index)

    def _drop(self, count: int) -> None:
        del self.times[:count]
        del self.amounts[:count]
        self.start = max(0, self.start - count)
