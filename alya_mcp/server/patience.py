"""The client's time-out for calls, learned from the calls that it abandoned."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types

_TIMED_OUT: Final = re.compile(r"tim(?:e|ed|ing)[ -]?out(?: after ([0-9.]{1,6}) ?s)?", re.IGNORECASE)
_PARALLEL: Final = 4.0
"""Two equal calls within this many seconds are two calls; a later one means that the client abandoned the
first without a cancellation.
"""
_LEAST: Final = 4.0
"""Every known client waits at least this many seconds; a shorter time includes the start of this process."""
_SHARE: Final = 0.8
"""Share of the client's time-out after which to answer."""


@dataclass(slots=True, kw_only=True)
class _Running:
    tool: str
    arguments: Mapping[str, Any]
    began: float
    listens: bool
    abandoned: bool = False

    def is_like(self, other: "_Running") -> bool:
        """Whether the two calls are equal, compared as JSON, where true isn't 1."""
        if self.tool != other.tool or self.arguments != other.arguments:
            return False
        return json.dumps(self.arguments, sort_keys=True) == json.dumps(other.arguments, sort_keys=True)


class Patience:
    """The calls of a session in flight, and which of them the client abandoned because they took too long.

    A call counts as abandoned if the reason of its cancellation says so, if it is cancelled and the client
    hadn't asked for progress, or if the client repeats it without a cancellation.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: dict[types.RequestId | None, _Running] = {}
        self._known: float | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds after which a call should be answered; None if the client has never timed out."""
        return None if self._known is None else _SHARE * self._known

    def began(
        self,
        request: types.RequestId | None,
        tool: str,
        arguments: Mapping[str, Any] | None,
        *,
        listens: bool,
    ) -> None:
        """Record the start of a call; with `listens` the client asked for progress."""
        now = self._clock()
        running = _Running(tool=tool, arguments=arguments or {}, began=now, listens=listens)
        for earlier in self._running.values():
            if now - earlier.began >= _PARALLEL and not earlier.abandoned and earlier.is_like(running):
                earlier.abandoned = True
                self._learn(now - earlier.began)
        self._running[request] = running

    def ended(self, request: types.RequestId | None) -> None:
        """Record the end of a call."""
        self._running.pop(request, None)

    def cancelled(self, request: object, reason: object) -> None:
        """Record that the client cancelled a call."""
        running = self._running.get(request) if isinstance(request, str | int) else None
        timed_out = _TIMED_OUT.search(reason) if isinstance(reason, str) else None
        waited = _seconds(timed_out[1]) if timed_out else None
        if waited is not None:
            self._learn(waited)  # even if this process hadn't started the call yet
        elif timed_out and running is not None:
            self._learn(self._clock() - running.began)
        if running is not None:
            running.abandoned = timed_out is not None or not running.listens

    def abandoned(self, request: types.RequestId | None) -> bool:
        """Whether the client abandoned the call, and still wants its result."""
        running = self._running.get(request)
        return running is not None and running.abandoned

    def _learn(self, waited: float) -> None:
        known = waited if self._known is None else min(self._known, waited)
        self._known = max(known, _LEAST)


def _seconds(text: str | None) -> float | None:
    """A number of seconds as a client wrote it."""
    try:
        return float(text or "")
    except ValueError:
        return None
