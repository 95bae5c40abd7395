"""The running servers and the progress of their calls, for the dashboard only.

A server holds the lock `ALYA_HOME/servers/SESSION.lock` from its first call on, and keeps the newest progress
of its calls in `SESSION.json` beside it. The lock ends with the process, however that ends. Trouble with
these files costs no call anything: it is logged once.
"""

import base64
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.runtime.locks import FileLock
from alya_mcp.runtime.private_files import private_folder, write_private

EVERY_SECONDS: Final = 0.5
"""The least time between two writings of progress."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallProgress:
    """Where a call is: `done` of `total`, in the same unit, and what it does in words.

    `preview` is a small JPEG of what it makes; empty where there is none.
    """

    done: float
    total: float
    message: str
    preview: bytes = b""


class Presence:
    """One server's sign of life."""

    def __init__(self, home: Path, session: str) -> None:
        self._folder = home / "servers"
        self._session = session
        self._lock: FileLock | None = None
        self._calls: dict[str, CallProgress] = {}
        self._written = 0.0
        self._dirty = False
        self._failed = False

    def begin(self) -> None:
        """Show that the server runs, before its first call."""
        if self._lock is None and not self._failed:
            try:
                lock = FileLock(private_folder(self._folder) / f"{self._session}.lock")
                lock.acquire()
                self._lock = lock
            except OSError as error:
                self._fail(error)

    def progress(self, request: str, progress: CallProgress) -> None:
        """Note where the call `request` is."""
        self._calls[request] = progress
        self._dirty = True
        if time.monotonic() - self._written >= EVERY_SECONDS:
            self._write()

    def end(self, request: str) -> None:
        """Forget a call that has ended."""
        if self._calls.pop(request, None) is not None and self._dirty:
            self._write()

    def close(self) -> None:
        """The server ends."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            _remove(self._folder / f"{self._session}.lock")

    def _write(self) -> None:
        if self._lock is None or self._failed:
            return
        self._written, self._dirty = time.monotonic(), bool(self._calls)
        told = {
            key: [each.done, each.total, each.message, base64.b64encode(each.preview).decode("ascii")]
            for key, each in self._calls.items()
        }
        try:
            write_private(self._folder / f"{self._session}.json", json.dumps(told).encode(), synced=False)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self._failed = True
        _log.warning("the dashboard can't see this server's calls: %s", error.strerror or error)


def running_servers(home: Path) -> Mapping[str, Mapping[str, CallProgress]]:
    """The sessions of the servers that run, each with the progress of its calls by request id.

    What a killed server left is taken away.
    """
    found: dict[str, Mapping[str, CallProgress]] = {}
    folder = home / "servers"
    try:
        locks = sorted(folder.glob("*.lock"))
    except OSError:
        return found
    for path in locks:
        lock = FileLock(path)
        try:
            dead = lock.acquire()
        except OSError:
            continue
        if dead:
            lock.release()
            _remove(path)
        else:
            found[path.stem] = _read(path.with_suffix(".json"))
    return found


def _remove(lock: Path) -> None:
    """Take away a lock that nobody holds, and what was told beside it; another process may be faster."""
    for path in (lock.with_suffix(".json"), lock):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.info("a file of a server that ended stays: %s", error.strerror or error)


def _decoded(preview: str) -> bytes:
    try:
        return base64.b64decode(preview, validate=True)
    except ValueError:
        return b""


def _read(path: Path) -> Mapping[str, CallProgress]:
    try:
        raw: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    found: dict[str, CallProgress] = {}
    for request, told in cast("dict[str, Any]", raw).items() if isinstance(raw, dict) else ():
        match told:
            case [int() | float() as done, int() | float() as total, str() as message, str() as preview]:
                found[request] = CallProgress(done, total, message, _decoded(preview))
            case _:
                continue
    return found
