"""Shared by background processes that outlive their parents: the image worker and the store process.

Each of them has a folder that only the user can enter, with a key that it shares with its starters, a lock
that tells whether it runs, and a record of where it listens. Either side shows by a keyed digest that it
holds the key. A newer starter replaces an older process; which messages do that is up to each.

Imports the standard library only, as the store process does.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

from alya_mcp.runtime.frozen import for_other_programs
from alya_mcp.runtime.private_files import write_private

KEY_BYTES: Final = 32


# -- the folder


def read_key(path: Path) -> bytes | None:
    """The key in `path`; None if it is missing or incomplete.

    Raises:
        OSError: it can't be read.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    return key if len(key) == KEY_BYTES else None


def make_key(path: Path) -> bytes:
    """Put a new key into `path`, in place of another; the caller holds the lock for that.

    Raises:
        OSError: it can't be written.
    """
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, key)
    return key


def read_record(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty if there is none.

    Raises:
        OSError: it can't be read.
    """
    try:
        raw: object = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Put `record` into `path`, for the life of a process: a power failure may lose it.

    Raises:
        OSError: it can't be written.
    """
    write_private(path, json.dumps(record).encode(), synced=False)


class Sentinel:
    """Notices when a file was removed or replaced."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files = {path: _identity(path) for path in paths}

    def intact(self) -> bool:
        """Whether every file is still the one it was."""
        return all(
            identity is not None and _identity(path) == identity for path, identity in self._files.items()
        )


def _identity(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # A file made anew often gets the number of the one just removed; its time tells them apart.
    return status.st_dev, status.st_ino, status.st_mtime_ns


# -- who is at the other end


def proof(key: bytes, *words: str) -> str:
    """The keyed digest that shows that `words`, none of which holds a line break, come from a holder."""
    return hmac.new(key, "\n".join(words).encode(), hashlib.sha256).hexdigest()


def proves(shown: str, key: bytes, *words: str) -> bool:
    """Whether `shown` is the proof of `words`."""
    return hmac.compare_digest(shown.encode(errors="replace"), proof(key, *words).encode())


def is_newer(version: str, other: str) -> bool:
    """Whether the release of `version` comes after that of `other`."""
    return _release(version) > _release(other)


def _release(version: str) -> tuple[int, ...]:
    numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, numbers.group().split("."))) if numbers else ()


# -- the process


def spawn(
    command: Sequence[str],
    home: Path,
    *,
    cwd: Path,
    environment: Mapping[str, str],
    held: bool = False,
    log: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` for `home`, detached: nobody has to wait for its end.

    Its standard input is empty, or a pipe that ends with this process when it is `held`; what it writes goes
    to `log`.

    Raises:
        OSError: it can't be started.
    """
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        command,
        stdin=subprocess.PIPE if held else subprocess.DEVNULL,
        stdout=log or subprocess.DEVNULL,
        stderr=log or subprocess.DEVNULL,
        cwd=cwd,
        env={**for_other_programs(environment), "ALYA_HOME": str(home)},
        start_new_session=True,
        creationflags=_flags(),
    )
    threading.Thread(target=child.wait, name="daemon reaper", daemon=True).start()
    return child


class EndedError(Exception):
    """The process ended with `status` before it could be used."""

    def __init__(self, status: int) -> None:
        super().__init__(f"exit status {status}")
        self.status = status


class LateError(Exception):
    """The process couldn't be used in time."""


class Starter:
    """Starts a process for a caller that polls for it, and watches it meanwhile.

    `spawn` starts it, `most` times at most: one that ends well may have found that another was there already,
    which has ended since. It has `seconds` to be found.
    """

    def __init__(
        self, spawn: Callable[[], subprocess.Popen[bytes]], *, seconds: float, most: int = 1
    ) -> None:
        self._spawn = spawn
        self._seconds = seconds
        self._left = most
        self._child: subprocess.Popen[bytes] | None = None
        self.wait_anew()

    @property
    def pid(self) -> int | None:
        """The id of the process that was started last; None if none was."""
        return None if self._child is None else self._child.pid

    def wait_anew(self) -> None:
        """Restart the time limit: an earlier process was there until now."""
        self._until = time.monotonic() + self._seconds

    def ensure(self, *, may_start: bool = True) -> None:
        """Start the process unless it runs, where the caller `may_start` it; after each look that found none.

        Raises:
            EndedError: it ended with an error, or too often.
            LateError: its time is up.
            OSError: it can't be started, or what else `spawn` raises.
        """
        if self._child is not None and (status := self._child.poll()) is not None:
            if status != 0 or not self._left:
                raise EndedError(status)
            self.let_go()
        if self._child is None and may_start:
            self._child = self._spawn()
            self._left -= 1
        if time.monotonic() > self._until:
            raise LateError

    def end(self) -> None:
        """End the process, unless it was detached."""
        child = self._child
        self.let_go()
        if child is not None:
            child.terminate()

    def let_go(self) -> None:
        """Leave the process to itself, and tell one that is held so."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
        self._child = None


def runs(pid: int) -> bool:
    """Whether a process of this number runs; on Linux one that only waits for its parent's look doesn't."""
    if pid <= 0:
        return False
    if sys.platform == "win32":
        return _runs_on_windows(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    try:
        state = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return True
    return state[:1] != [b"Z"]


def _runs_on_windows(pid: int) -> bool:
    """Open the process and check whether it has ended (Win32: OpenProcess, WaitForSingleObject)."""
    import ctypes

    synchronize, timeout = 0x00100000, 0x00000102
    kernel: Any = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - there on Windows alone
    kernel.OpenProcess.restype = ctypes.c_void_p
    handle = kernel.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    process = ctypes.c_void_p(handle)
    try:
        return bool(kernel.WaitForSingleObject(process, 0) == timeout)
    finally:
        kernel.CloseHandle(process)


def _flags() -> int:
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return 0
