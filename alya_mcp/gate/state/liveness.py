"""Whether the process that holds something in a state file is alive, by a file lock.

Each holder keeps the lock on a file of its own, which ends with its process however that ends. So neither a
number used again for another process nor a process that was stopped for long is mistaken for a dead one. A
child that Python forks closes its copy of the file, or it would keep the lock when its parent has ended.
"""

import os
import sys
import weakref
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _is_locked(descriptor: int) -> bool:
        return not _try_lock(descriptor)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        return _try(descriptor, fcntl.LOCK_EX)

    def _is_locked(descriptor: int) -> bool:
        return not _try(descriptor, fcntl.LOCK_SH)  # shared: two that look at once don't see each other

    def _try(descriptor: int, how: int) -> bool:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Holder:
    """A holder in `folder`, alive from its making until `close` or the end of the process.

    Raises:
        OSError: the file can't be made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        _remove_dead(folder)
        while True:
            self.name = os.urandom(8).hex()
            self._path = folder / self.name
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                # Another process that clears up may have come between and taken the file for a dead one's.
                if _try_lock(file) and self._path.exists():
                    break
            except OSError:
                _remove(self._path, file)
                raise
            os.close(file)
        self._file: int | None = file
        _close_in_children(self)

    def close(self) -> None:
        """End it. What it holds in the state has to be gone before."""
        if self._file is not None:
            _remove(self._path, self._file)
            self._file = None

    def close_in_child(self) -> None:
        """Close a forked child's copy of the file; the parent keeps the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _close_in_children(holder: Holder) -> None:
    if sys.platform == "win32":  # which has no fork
        return
    kept = weakref.ref(holder)

    def close() -> None:
        if (held := kept()) is not None:
            held.close_in_child()

    os.register_at_fork(after_in_child=close)


def is_alive(folder: Path, name: str) -> bool:
    """Whether the process of the holder `name` runs and hasn't closed it; `OSError` if that can't be told."""
    try:
        file = os.open(folder / name, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return _is_locked(file)
    finally:
        os.close(file)


def _remove_dead(folder: Path) -> None:
    for path in folder.iterdir():
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            dead = _try_lock(file)
        except OSError:
            dead = False
        if dead:
            _remove(path, file)
        else:
            os.close(file)


def _remove(path: Path, locked: int) -> None:
    """Remove the file and release its lock, in an order in which no other process can take it."""
    if sys.platform == "win32":
        os.close(locked)
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass  # the next process that makes a holder removes it
    if sys.platform != "win32":
        os.close(locked)
