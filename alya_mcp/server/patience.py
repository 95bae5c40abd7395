"""How long the client of a session waits for its calls, learned from those that it gave up."""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import mcp_types as types

_TIMED_OUT: Final = re.compile(r"tim(?:e|ed|ing)[ -]?out(?: after ([0-9.]{1,6}) ?s)?", re.IGNORECASE)
_PARALLEL: Final = 4.0
"""Seconds within which the same call twice is two calls; later it is one that was given up without a word."""
_LEAST: Final = 4.0
"""Seconds that every known client waits; less was seen only because this process was still starting."""
_SHARE: Final = 0.8
"""Share of the known patience after which to answer."""


@dataclass(slots=True, kw_only=True)
class _Running:
    tool: str
    arguments: Mapping[str, Any]
    began: float
    listens: bool
    abandoned: bool = False

    def is_like(self, other: "_Running") -> bool:
        """Whether the two are the same call; as JSON, where true isn't 1."""
        if self.tool != other.tool or self.arguments != other.arguments:
            return False
        return json.dumps(self.arguments, sort_keys=True) == json.dumps(other.arguments, sort_keys=True)


class Patience:
    """The calls of a session that run now. A client abandons one when it only ran out of patience.

    It says so in the reason of the cancellation, asked for no progress and so couldn't know that the call was
    alive, or says nothing and makes the same call again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._running: dict[types.RequestId | None, _Running] = {}
        self._known: float | None = None

    @property
    def seconds(self) -> float | None:
        """The seconds after which a call had better be answered; None when the client was never seen to
        give up.
        """
        return None if self._known is None else _SHARE * self._known

    def began(
        self,
        request: types.RequestId | None,
        tool: str,
        arguments: Mapping[str, Any] | None,
        *,
        listens: bool,
    ) -> None:
        """A call runs; with `listens` its client asked for progress."""
        now = self._clock()
        running = _Running(tool=tool, arguments=arguments or {}, began=now, listens=listens)
        for earlier in self._running.values():
            if now - earlier.began >= _PARALLEL and not earlier.abandoned and earlier.is_like(running):
                earlier.abandoned = True
                self._learn(now - earlier.began)
        self._running[request] = running

    def ended(self, request: types.RequestId | None) -> None:
        """A call has ended."""
        self._running.pop(request, None)

    def cancelled(self, request: object, reason: object) -> None:
        """The client cancelled a call."""
        running = self._running.get(request) if isinstance(request, str | int) else None
        timed_out = _TIMED_OUT.search(reason) if isinstance(reason, str) else None
        waited = _seconds(timed_out[1]) if timed_out else None
        if waited is not None:
            self._learn(waited)  # also of a call that this process was too late to begin
        elif timed_out and running is not None:
            self._learn(self._clock() - running.began)
        if running is not None:
            running.abandoned = timed_out is not None or not running.listens

    def abandoned(self, request: types.RequestId | None) -> bool:
        """Whether the client has given a call up, and still wants what comes of it."""
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
