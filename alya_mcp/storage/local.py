"""The local store: pictures in ALYA_HOME/images, opened by signed links to a store process on 127.0.0.1."""

import errno
import re
import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.to_thread

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.runtime.private_files import private_folder, write_private
from alya_mcp.storage.folder import Listener, StoreFolder
from alya_mcp.storage.signed_links import HOST, SignedLink, sign
from alya_mcp.storage.status import LocalStatus
from alya_mcp.storage.store import KEY, Stored, Upload, clamp_expiry

if TYPE_CHECKING:
    from alya_mcp.storage.launcher import StoreLauncher

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class _Serving(NamedTuple):
    """What the files say of links that should be served."""

    secret: bytes
    listener: Listener
    until: int
    free: int


class LocalStore:
    """Pictures on this machine. Links open until they expire, also after this process has ended."""

    name = "local"

    def __init__(self, home: Path, *, launcher: "StoreLauncher | None" = None) -> None:
        self._folder = StoreFolder(home)
        self._given_launcher = launcher

    @cached_property
    def _launcher(self) -> "StoreLauncher":
        from alya_mcp.storage.launcher import StoreLauncher

        return self._given_launcher or StoreLauncher()

    async def prepare(self) -> None:
        """Nothing takes long here but starting the store process, which ends when it has nothing to serve."""

    async def put(self, upload: Upload, *, expires_in: int) -> Stored:
        """Write the picture and sign a link to it; see `Store.put`."""
        return await anyio.to_thread.run_sync(self._put, upload, expires_in)

    async def link(self, key: str, *, size: int, filename: str, expires_in: int) -> Stored | None:
        """Sign a link to the picture if its file is still there and whole; see `Store.link`."""
        return await anyio.to_thread.run_sync(self._link_again, key, size, filename, expires_in)

    async def read(self, key: str, *, largest: int) -> bytes | None:
        """The picture's file; see `Store.read`."""
        return await anyio.to_thread.run_sync(self._read, key, largest)

    async def delete(self, key: str) -> None:
        """Delete the picture's file; see `Store.delete`."""
        await anyio.to_thread.run_sync(self._delete, key)

    async def origin(self) -> str:
        """Where links point. The first time the store process is started, which chooses its port and ends."""
        return await anyio.to_thread.run_sync(self._origin)

    async def status(self) -> LocalStatus:
        """Whether pictures can be written, where links point, and how much room there is."""
        found = self._look()
        return found if isinstance(found, LocalStatus) else await anyio.to_thread.run_sync(self._ask, found)

    async def aclose(self) -> None:
        """Nothing is held open here."""

    async def resume(self) -> None:
        """Start the store process again if links are still open and it has ended.

        Raises:
            Failure: links are open and it can't be started.
        """
        await anyio.to_thread.run_sync(self._resume)

    def _put(self, upload: Upload, expires_in: int) -> Stored:
        write_picture(self._folder, upload)
        return self._link(upload.key, upload.filename, expires_in)

    def _link_again(self, key: str, size: int, filename: str, expires_in: int) -> Stored | None:
        if not re.fullmatch(KEY, key):
            return None
        try:
            whole = (self._folder.images / key).stat().st_size == size
        except OSError:
            return None
        return self._link(key, filename, expires_in) if whole else None

    def _read(self, key: str, largest: int) -> bytes | None:
        if not re.fullmatch(KEY, key):
            return None
        path = self._folder.images / key
        try:
            return path.read_bytes() if path.stat().st_size <= largest else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"The image {key} can't be read: {_plainly(error)}.") from error

    def _delete(self, key: str) -> None:
        if not re.fullmatch(KEY, key):
            return
        try:
            (self._folder.images / key).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"The image {key} can't be deleted: {_plainly(error)}.") from error

    def _origin(self) -> str:
        try:
            noted = self._folder.listener()
            if noted is not None:
                return _address(noted.port)
            with self._folder.locked():
                return _address(self._launcher.ensure(self._folder, self._folder.key_or_new()))
        except OSError as error:
            raise Unavailable(f"ALYA_HOME can't be written: {_plainly(error)}.") from error

    def _link(self, key: str, filename: str, expires_in: int) -> Stored:
        began = time.perf_counter()
        life = clamp_expiry(expires_in)
        try:
            with self._folder.locked():
                secret = self._folder.key_or_new()
                now = int(time.time())
                self._folder.extend(now + life)
                port = self._launcher.ensure(self._folder, secret)
        except OSError as error:
            raise Unavailable(f"{kept_at(key)} It has no link: {_plainly(error)}.") from error
        except Failure as failure:
            raise type(failure)(f"{failure} {kept_at(key)}") from failure
        link = SignedLink(key=key, signed_at=now, expires_in=life, filename=filename)
        return Stored(
            url=f"{_address(port)}{sign(secret, link)}",
            expires_at=datetime.fromtimestamp(link.expires_at, UTC),
            key=key,
            file=self._folder.images / key,
            shortened=life < expires_in,
            signing=1000 * (time.perf_counter() - began),
        )

    def _resume(self) -> None:
        try:
            if time.time() >= self._folder.open_until():
                return
            with self._folder.locked():
                secret = self._folder.key()
                if secret is not None:
                    self._launcher.ensure(self._folder, secret)
        except OSError as error:
            raise Unavailable(f"Links to local images can't be opened: {_plainly(error)}.") from error

    def _look(self) -> LocalStatus | _Serving:
        """What the files say; of links that should be served, whether they are has to be asked."""
        try:
            if not self._folder.writable():
                return LocalStatus(state="failing", problem="not writable")
            secret, noted = self._folder.key(), self._folder.listener()
            until = self._folder.open_until()
        except OSError as error:
            return LocalStatus(state="failing", problem="not readable", reason=_plainly(error))
        free = _free(self._folder.home)
        if noted is None or secret is None or time.time() >= until:
            return LocalStatus(state="ok", free=free)
        return _Serving(secret, noted, until, free)

    def _ask(self, serving: _Serving) -> LocalStatus:
        from alya_mcp.storage.launcher import ask

        if ask(serving.secret, serving.listener.port) is None:
            return LocalStatus(state="failing", free=serving.free, problem="links not served")
        return LocalStatus(
            state="ok",
            free=serving.free,
            port=serving.listener.port,
            until=datetime.fromtimestamp(serving.until, UTC),
            moved_from=serving.listener.moved_from,
        )


def write_picture(folder: StoreFolder, upload: Upload) -> None:
    """Write the picture to `folder` for good.

    Raises:
        Failure: it can't be written; the text says why and what would help.
    """
    path = folder.images / upload.key
    try:
        private_folder(path.parent)
        write_private(path, upload.data)
    except OSError as error:
        size = f"{len(upload.data) / 1e6:.1f} MB"
        if error.errno in _FULL:
            free = f"{_free(folder.home) / 1e9:,.2f} GB"
            raise Unavailable(
                f"The image of {size} can't be written: the disk that holds ALYA_HOME is full "
                f"({free} free, or a quota is reached). The user can free some space, "
                "for instance by deleting old days in ALYA_HOME/images."
            ) from error
        if error.errno in _FORBIDDEN:
            raise NotConfigured(
                f"The image of {size} can't be written: ALYA_HOME/images is not writable. "
                "The user can correct its permissions, or set ALYA_HOME to a folder of their own."
            ) from error
        raise Unavailable(
            f"The image of {size} can't be written to ALYA_HOME/images: {_plainly(error)}."
        ) from error


def kept_at(key: str) -> str:
    """The sentence that says where a picture that got no link is."""
    return f"The image is not lost: it is kept as ALYA_HOME/images/{key}."


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"


def _free(home: Path) -> int:
    import shutil

    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def _plainly(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower() if error.strerror else str(error)
