"""A lock between processes that the operating system releases when its holder ends."""

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
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise LockTimeout(f"the lock {path.name} stayed taken for {wait:g} s")
            time.sleep(_POLL)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def try_lock(descriptor: int) -> bool:
        """Lock the open file now; False when another holds it. Closing the file gives the lock back."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Lock the open file now; False when another holds it. Closing the file gives the lock back."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
