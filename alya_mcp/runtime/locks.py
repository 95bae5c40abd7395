"""File locks between processes, which the operating system releases when their holder ends."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_POLL = 0.01


class LockTimeout(OSError):
    """Another process held the lock for the whole waiting time."""


@contextmanager
def exclusive(path: Path, *, wait: float) -> Generator[None]:
    """Hold the lock file `path`, waiting at most `wait` seconds for it; 0 tries once.

    Raises:
        LockTimeout: it stayed taken.
        OSError: the file can't be opened.
    """
    lock = FileLock(path)
    deadline = time.monotonic() + wait
    while not lock.acquire():
        if time.monotonic() >= deadline:
            raise LockTimeout(f"the lock {path.name} stayed taken for {wait:g} s")
        time.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()


if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock the open file now; False if another process holds it. Closing the file releases the lock."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file now; False if another process holds it. Closing the file releases the lock."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class FileLock:
    """A lock on the file `path` for as long as the process runs, however it ends, or until `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock now; False when another holds it.

        Raises:
            OSError: when its file can't be opened or the disk knows no locks.
        """
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            if try_lock(descriptor):
                self._descriptor = descriptor
        finally:
            if self._descriptor is None:
                os.close(descriptor)
        return self._descriptor is not None

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
