"""Calls counted in sliding windows: in no span of `window` do more than `max` calls pass."""

from collections import deque
from collections.abc import Sequence

from .rules import UNIT, Limit

_KEPT = 1024
_DAY_NS = 86_400_000_000_000
_SWEEP_EVERY = 256


class Counters:
    """The calls of every session, by the pointer of the rule that counts them; in memory.

    A call counts in `(now - window, now]`. A counter belongs to its rule's pointer, whatever the policy says
    now, and keeps its last 1,024 calls (or as many as the rule's `max`), so that an edit of `max` or `window`
    resets nothing. A session that made no call for a day and for its longest window is forgotten.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, deque[int]]] = {}
        self._longest_ns = _DAY_NS
        self._sweep_at = _SWEEP_EVERY

    def first_spent(self, session: str, limits: Sequence[Limit], now_ns: int) -> tuple[Limit, int] | None:
        """The first limit that has no call left, and after how many nanoseconds it has one."""
        counted = self._sessions.get(session)
        if counted is None:
            return None
        for limit in limits:
            calls = counted.get(limit.rule)
            most = limit.max // UNIT
            if calls is not None and len(calls) >= most:
                wait = calls[-most] + limit.window_ns - now_ns
                if wait > 0:
                    return limit, wait
        return None

    def take(self, session: str, limits: Sequence[Limit], now_ns: int) -> None:
        """Count a call at `now_ns` in every limit."""
        if not limits:
            return
        counted = self._sessions.get(session)
        if counted is None:
            counted = self._sessions[session] = {}
            if len(self._sessions) > self._sweep_at:
                self._sweep(now_ns)
        for limit in limits:
            calls = counted.get(limit.rule)
            if calls is None:
                calls = counted[limit.rule] = deque()
            calls.append(now_ns)
            self._longest_ns = max(self._longest_ns, limit.window_ns)
            keep = max(limit.max // UNIT, _KEPT)
            while len(calls) > keep or (len(calls) > _KEPT and calls[0] <= now_ns - limit.window_ns):
                calls.popleft()

    def give_back(self, session: str, limits: Sequence[Limit], at_ns: int) -> None:
        """Undo a `take` at `at_ns`, in the windows it was taken from."""
        for limit in limits:
            self._sessions[session][limit.rule].remove(at_ns)

    def standing(self, session: str, limit: Limit, now_ns: int) -> tuple[int, int | None]:
        """How many calls the limit has left, and in how many nanoseconds the oldest one stops counting."""
        calls = self._sessions.get(session, {}).get(limit.rule, ())
        used, oldest = 0, None
        for at in reversed(calls):
            if at <= now_ns - limit.window_ns:
                break
            used, oldest = used + 1, at
        return max(0, limit.max // UNIT - used), None if oldest is None else oldest + limit.window_ns - now_ns

    def _sweep(self, now_ns: int) -> None:
        since = now_ns - self._longest_ns
        for session, counted in list(self._sessions.items()):
            if counted and all(calls[-1] <= since for calls in counted.values() if calls):
                del self._sessions[session]
        self._sweep_at = max(_SWEEP_EVERY, 2 * len(self._sessions))
