"""The files of servers and the image worker of one ALYA_HOME: address, key, locks, last ending."""

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
"""Bytes of a socket's path: a few below the 104 that the strictest common system allows."""
_TEMPORARY_PREFIX: Final = "alya-mcp-"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAddress:
    """The worker's address: a Unix socket, or a loopback port on systems without those."""

    pid: int
    unix: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The record of how the previous worker ended: when, and after how many seconds without work.

    `idle` is None if it ended for another reason, which is `reason` unless it was asked to end or its last
    server ended. `error` is the last failure that it reported, at the time `error_at`. Times in seconds since
    1970, None where they aren't known.
    """

    at: float | None = None
    idle: float | None = None
    reason: str | None = None
    error: str | None = None
    error_at: float | None = None


_ENDING: Final = tuple(each.name for each in fields(Ending))


@contextlib.contextmanager
def kept_in_home() -> Generator[None]:
    """Turn an OSError of the body into advice for the user, as a file can't be stored in ALYA_HOME.

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
            NotConfigured: they can't be created, or belong to another user.
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
            NotConfigured: it can't be stored.
        """
        if self.read_key() is not None:
            return
        with kept_in_home():
            make_key(self.key)

    def read_key(self) -> bytes | None:
        """The shared key; None if it is missing, truncated, or readable by others."""
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
        """The worker's published address, or None. The worker may have ended since."""
        fields = _record(self.address)
        pid, unix, port = fields.get("pid"), fields.get("unix"), fields.get("port")
        if not isinstance(pid, int):
            return None
        if isinstance(unix, str):
            return WorkerAddress(pid=pid, unix=unix)
        return WorkerAddress(pid=pid, port=port) if isinstance(port, int) else None

    def write_address(self, address: WorkerAddress) -> None:
        """Publish this process's address."""
        write_record(self.address, asdict(address))

    def read_ending(self) -> Ending:
        """The previous worker's ending; a killed worker left its address instead."""
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
        """Record `ending` for status requests and for the next worker."""
        # The folder may have been deleted, which ends this process.
        with contextlib.suppress(OSError):
            write_record(self.ending, asdict(ending))

    def clear_ending(self) -> None:
        """Delete the previous worker's ending; the caller holds the worker's lock."""
        self.ending.unlink(missing_ok=True)

    def new_socket_path(self) -> Path:
        """A free path for the worker's socket, short enough to bind; the caller holds the worker's lock."""
        path = self.folder / "image-worker.sock"
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
            return Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX)) / "socket"
        path.unlink(missing_ok=True)
        return path

    def clear_address(self) -> None:
        """Delete the address and its socket; the caller holds the worker's lock."""
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
