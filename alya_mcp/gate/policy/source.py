"""Where the gate takes its policy from: one that stands, or a file that is watched."""

import os
import time
from pathlib import Path
from typing import Protocol

from alya_mcp.gate.documents.document import Problem
from alya_mcp.gate.policy import Policy, PolicyError, read_policy_file

_LOOK_EVERY_NS = 50_000_000
_SETTLED_NS = 2_000_000_000


class PolicySource(Protocol):
    """Asked once per call."""

    @property
    def error(self) -> PolicyError | None:
        """Why the newest document isn't the one in force; None when it is."""
        ...

    def current(self) -> Policy:
        """The policy in force."""
        ...


class FixedPolicy:
    """A policy that stands."""

    error: PolicyError | None = None

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def current(self) -> Policy:
        """The policy in force."""
        return self._policy


class PolicyFile:
    """A policy file, reloaded when it changes: by writing into it or by putting another in its place.

    The file is looked at no more than every 50 ms, when a call asks. A new file that is no policy leaves the
    old policy in force, and `error` says what is wrong. With `initial` that also goes for the first reading;
    without it a wrong file is a `PolicyError` here.
    """

    def __init__(self, path: str | os.PathLike[str], initial: Policy | None = None) -> None:
        self.path = Path(path)
        self.error: PolicyError | None = None
        self._mark: tuple[int, ...] | None = None
        self._bytes: bytes | None = None
        self._settled = False
        self._next_look = 0
        try:
            self._policy = self._read()
        except PolicyError as error:
            if initial is None:
                raise
            self._policy, self.error = initial, error
        self._next_look = time.monotonic_ns() + _LOOK_EVERY_NS

    def current(self) -> Policy:
        """The policy in force, after a look at the file when the last one is 50 ms ago."""
        now = time.monotonic_ns()
        if now >= self._next_look:
            self._next_look = now + _LOOK_EVERY_NS
            self.refresh()
        return self._policy

    def refresh(self) -> None:
        """Look at the file now."""
        try:
            if not self._settled or _mark(self.path) != self._mark:
                policy = self._read()
                self._policy, self.error = policy, None
        except PolicyError as error:
            self.error = error

    def _read(self) -> Policy:
        """The file's policy. The mark is taken first: what changes after it is seen at the next look.

        A file that can't be read is tried again at the next look, however old it is.
        """
        mark = self._mark = _mark(self.path)
        self._settled = False
        if mark is None:
            self._bytes = None
            raise PolicyError([Problem("", "there is no such file")], str(self.path))
        data = read_policy_file(self.path)
        self._settled = abs(time.time_ns() - mark[3]) > _SETTLED_NS
        if data == self._bytes:
            if self.error is not None:
                raise self.error
            return self._policy
        self._bytes = data
        return Policy.loads(data, str(self.path))


def _mark(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
