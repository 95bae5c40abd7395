"""The files by which servers and the image worker of one ALYA_HOME find, trust and exclude each other."""

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Generator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from alya_mcp.errors import NotConfigured
from alya_mcp.runtime.daemon import make_key, read_key, read_record, runs, write_record
from alya_mcp.runtime.private_files import private_folder

_MAX_SOCKET_PATH: Final = 100
"""Bytes: a few below the 104 that the strictest of the usual systems allows."""
_TEMPORARY_PREFIX: Final = "alya-mcp-"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAddress:
    """Where the worker listens: a Unix socket, or a port of the loopback interface where there are none."""

    pid: int
    unix: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What the worker before left to say: when it ended, and after how many seconds without work.

    `idle` is None when it ended for another reason, which `reason` gives unless it was asked to end or its
    last server went. `error` is the last failure that it told anyone, at the time `error_at`. Times in
    seconds since 1970, None where they aren't known.
    """

    at: float | None = None
    idle: float | None = None
    reason: str | None = None
    error: str | None = None
    error_at: float | None = None


_ENDING: Final = tuple(each.name for each in fields(Ending))


@contextlib.contextmanager
def kept_in_home() -> Generator[None]:
    """Tell the user what to do when a file that the body needs can't be kept in ALYA_HOME.

    Raises:
        NotConfigured: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise NotConfigured(
            "The image worker can't keep its files in the folder that ALYA_HOME names "
            f"({error.strerror}); set ALYA_HOME to a folder that can be written"
        ) from error


class RunFolder:
    """Names and keeps the files under `home`; only the user can read or enter them."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "run"
        self.lock = self.folder / "image-worker.lock"
        self.start_lock = self.folder / "image-worker.start.lock"
        self.key = self.folder / "image-worker.key"
        self.address = self.folder / "image-worker.address"
        self.ending = self.folder / "image-worker.ending"
        self.log = home / "logs" / "image-worker.log"
        self.kernels = home / "cache" / "kernels"

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            NotConfigured: when they can't be, or belong to someone else.
        """
        with kept_in_home():
            for folder in (self.folder, self.log.parent, self.kernels):
                private_folder(folder)
                if sys.platform != "win32":
                    if folder.stat().st_uid != os.geteuid():
                        raise NotConfigured(
                            "The folder that ALYA_HOME names belongs to another user; "
                            "set ALYA_HOME to a folder of your own"
                        )
                    folder.chmod(0o700)

    def ensure_key(self) -> None:
        """Create the shared key unless there is a usable one; the caller holds the lock for starting.

        Raises:
            NotConfigured: when it can't be kept.
        """
        if self.read_key() is not None:
            return
        with kept_in_home():
            make_key(self.key)

    def read_key(self) -> bytes | None:
        """The shared key; None when there is none, it is cut short, or others could have read it."""
        try:
            status = self.key.stat()
            if sys.platform != "win32" and (
                status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077
            ):
                return None
            return read_key(self.key)
        except OSError:
            return None

    def read_address(self) -> WorkerAddress | None:
        """Where the worker said it listens; it may be gone since. None when nothing readable is there."""
        fields = _record(self.address)
        pid, unix, port = fields.get("pid"), fields.get("unix"), fields.get("port")
        if not isinstance(pid, int):
            return None
        if isinstance(unix, str):
            return WorkerAddress(pid=pid, unix=unix)
        return WorkerAddress(pid=pid, port=port) if isinstance(port, int) else None

    def write_address(self, address: WorkerAddress) -> None:
        """Publish where this process listens."""
        write_record(self.address, asdict(address))

    def read_ending(self) -> Ending:
        """What the worker before left to say; one that was killed left its address instead."""
        address = self.read_address()
        if address is not None and not runs(address.pid):
            return Ending(error=f"The image worker (process {address.pid}) ended unexpectedly")
        raw = _record(self.ending)
        fields = {name: raw.get(name) for name in _ENDING}
        wrong = [
            name
            for name, value in fields.items()
            if value is not None
            and not isinstance(value, str if name in {"error", "reason"} else int | float)
        ]
        return Ending() if wrong else Ending(**fields)

    def write_ending(self, ending: Ending) -> None:
        """Leave `ending` for whoever asks, and for the next worker."""
        # The folder may be gone, and this process with it.
        with contextlib.suppress(OSError):
            write_record(self.ending, asdict(ending))

    def clear_ending(self) -> None:
        """Remove what the worker before left; the caller holds the worker's lock."""
        self.ending.unlink(missing_ok=True)

    def new_socket_path(self) -> Path:
        """A free path for the worker's socket, short enough to bind; the caller holds the worker's lock."""
        path = self.folder / "image-worker.sock"
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
            return Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX)) / "socket"
        path.unlink(missing_ok=True)
        return path

    def clear_address(self) -> None:
        """Remove the address and what it points at; the caller holds the worker's lock."""
        address = self.read_address()
        self.address.unlink(missing_ok=True)
        if address is None or address.unix is None:
            return
        socket = Path(address.unix)
        if socket.parent == self.folder:
            socket.unlink(missing_ok=True)
        elif socket.parent.name.startswith(_TEMPORARY_PREFIX) and _is_own_socket(socket):
            shutil.rmtree(socket.parent, ignore_errors=True)


def _record(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty when none can be read."""
    try:
        return read_record(path)
    except OSError:
        return {}


def _is_own_socket(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISSOCK(status.st_mode) and (sys.platform == "win32" or status.st_uid == os.geteuid())
