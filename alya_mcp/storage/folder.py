"""The files of the stores in ALYA_HOME, including those shared with the store process.

- `images/<day>/<sha256>.<ext>`: the pictures
- `store/key`: 32 random bytes that sign links
- `store/until`: when the last open link expires, in seconds since 1970
- `store/server.json`: where the store process listens
- `store/lock`: held by whoever changes one of these, or starts or ends the process
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from alya_mcp.runtime.daemon import make_key, read_key, read_record, write_record
from alya_mcp.runtime.locks import exclusive
from alya_mcp.runtime.private_files import private_folder, write_private


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where the store process listens.

    `instance` names that one run of it; `moved_from` is the port it had before another program took it.
    """

    port: int
    instance: str
    moved_from: int | None


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """The files of the stores in one ALYA_HOME."""

    home: Path

    @property
    def images(self) -> Path:
        """The folder of pictures."""
        return self.home / "images"

    @property
    def _state(self) -> Path:
        return self.home / "store"

    @contextmanager
    def locked(self, *, wait: float = 30) -> Generator[None]:
        """Hold the lock of this folder, waiting at most `wait` seconds; makes the folder first.

        Raises:
            LockTimeout: another process held it all the time.
            OSError: the folder can't be written.
        """
        with exclusive(private_folder(self._state) / "lock", wait=wait):
            yield

    def key(self) -> bytes | None:
        """The key that signs links; None if it is missing or incomplete."""
        return read_key(self._state / "key")

    def key_or_new(self) -> bytes:
        """The key that signs links, created if missing; to be called under the lock."""
        return self.key() or make_key(self._state / "key")

    def open_until(self) -> int:
        """When the last open link expires, in seconds since 1970; 0 if there was none."""
        try:
            return int((self._state / "until").read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    def extend(self, until: int) -> None:
        """Note that a link is open until `until`; to be called under the lock, before anyone has the link."""
        if until > self.open_until():
            write_private(self._state / "until", str(until).encode(), synced=False)

    def listener(self) -> Listener | None:
        """The last known address of the store process, or None; it may not be running."""
        noted = read_record(self._state / "server.json")
        port, instance, moved_from = noted.get("port"), noted.get("instance"), noted.get("moved_from")
        if (
            not isinstance(port, int)
            or not isinstance(instance, str)
            or not isinstance(moved_from, int | None)
        ):
            return None
        return Listener(port=port, instance=instance, moved_from=moved_from)

    def note_listener(self, listener: Listener) -> None:
        """Save where the store process listens; called by the process while its launcher holds the lock."""
        write_record(self._state / "server.json", asdict(listener))

    def writable(self) -> bool:
        """Whether pictures can be written, according to the permissions."""
        folder = self.images
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
