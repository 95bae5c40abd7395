"""Sources of the policy: a fixed one, or a watched file."""

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final, Protocol

from alya_mcp.gate.documents.document import Problem
from alya_mcp.gate.policy import Policy, PolicyError
from alya_mcp.gate.policy.file import Mark, look_at, mark_of, shows_its_end

_LOOK_EVERY_NS: Final = 50_000_000
_SETTLES_NS: Final = 100_000_000
_CUTTABLE_SETTLES_NS: Final = 1_000_000_000
_COARSEST_TIME_NS: Final = 2_000_000_000
_CHANGING: Final = "the file is being changed; it is in force once it has stood unchanged for a second"


class PolicySource(Protocol):
    """Where the gate gets its policy, once per call."""

    @property
    def error(self) -> PolicyError | None:
        """Why the newest document isn't the one in force; None when it is."""
        ...

    def current(self) -> Policy:
        """The policy in force."""
        ...


class FixedPolicy:
    """A policy that never changes."""

    error: PolicyError | None = None

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def current(self) -> Policy:
        """The policy in force."""
        return self._policy


class PolicyFile:
    """A policy file, reloaded when it is edited or replaced.

    The file is checked when a call asks, at most every 50 ms. A new text is taken once it has been unchanged
    for a while, as it may be half-written: 0.1 s for JSON, and 1 s for YAML, of which any part may be valid;
    YAML that ends with the line `...` counts as JSON does. Until then, and while the text isn't a valid
    policy, the old policy stays in force. While the file can't be read every call is denied, rule
    `(no policy)`. `error` says what is wrong.

    With `initial` that policy is in force until the first text is taken. Without it, a first text that can't
    be taken raises `PolicyError` here. `tools` are as in `Policy.loads`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        initial: Policy | None = None,
        tools: Collection[str] | None = None,
    ) -> None:
        self.path = Path(path)
        self._tools = tools
        self.error: PolicyError | None = None
        self._policy = Policy.unavailable() if initial is None else initial
        self._in_force = self._policy
        self._taken: bytes | None = None
        self._mark: Mark | None = None
        self._data: bytes | None = None
        self._since = 0
        self._is_final = False
        self.refresh()
        if self.error is not None and initial is None:
            raise self.error
        self._next_look = time.monotonic_ns() + _LOOK_EVERY_NS

    def current(self) -> Policy:
        """The policy in force; checks the file if the last check is 50 ms ago."""
        now = time.monotonic_ns()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY_NS
            self._look()
        return self._in_force

    def refresh(self) -> None:
        """Check the file now, and again as soon as a new text has been unchanged long enough."""
        if wait := self._look():
            time.sleep(wait / 1e9)
            self._look()

    def _look(self) -> int:
        """Check the file. Returns how many nanoseconds a new text must still stay unchanged."""
        if self._is_final and mark_of(self.path) == self._mark:
            return 0
        self._is_final = False
        try:
            data, mark, is_steady = look_at(self.path)
        except PolicyError as error:
            self._mark, self.error, self._in_force = None, error, self._policy.withdrawn()
            return 0
        now, age = time.monotonic_ns(), time.time_ns() - mark.changed_ns
        if not is_steady or (mark, data) != (self._mark, self._data):
            self._since = now
        was_lost, self._mark, self._data = self._mark is None, mark, data
        if data != self._taken:
            stood = max(now - self._since, age) if is_steady else 0
            settles = _SETTLES_NS if shows_its_end(data, self.path.name) else _CUTTABLE_SETTLES_NS
            if stood < settles:
                if self._taken is None:
                    self.error = PolicyError([Problem("", _CHANGING)], str(self.path))
                return settles - max(stood, 0)
        if data != self._taken or was_lost:
            self._take(data)
        # Where a file system's times are coarse, a later change may have the same one.
        self._is_final = is_steady and age > _COARSEST_TIME_NS
        return 0

    def _take(self, data: bytes) -> None:
        self._taken = data
        try:
            self._policy, self.error = Policy.loads(data, str(self.path), self._tools), None
        except PolicyError as error:
            self.error = error
        self._in_force = self._policy
