"""What the stores of one user keep in ALYA_HOME, and what the store process and its starters share there.

- `images/<day>/<sha256>.<ext>`: the pictures
- `store/key`: 32 random bytes that sign links
- `store/until`: when the last open link expires, in seconds since 1970
- `store/server.json`: where the store process listens
- `store/lock`: held by whoever changes one of these, or starts or ends the process
"""

import json
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from alya_mcp.runtime.locks import exclusive
from alya_mcp.runtime.private_files import private_folder, write_private

KEY_BYTES = 32


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
    """The stores' part of one ALYA_HOME."""

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
        """The key that signs links, or None when there is no whole one."""
        try:
            key = (self._state / "key").read_bytes()
        except FileNotFoundError:
            return None
        return key if len(key) == KEY_BYTES else None

    def key_or_new(self) -> bytes:
        """The key that signs links, made when there is none; to be called under the lock."""
        key = self.key()
        if key is None:
            key = secrets.token_bytes(KEY_BYTES)
            write_private(self._state / "key", key)
        return key

    def open_until(self) -> int:
        """When the last open link expires, in seconds since 1970; 0 when there was none."""
        try:
            return int((self._state / "until").read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    def extend(self, until: int) -> None:
        """Note that a link is open until `until`; to be called under the lock, before anyone has the link."""
        if until > self.open_until():
            write_private(self._state / "until", str(until).encode(), synced=False)

    def listener(self) -> Listener | None:
        """What was last noted of the store process, or None; it need not be running."""
        try:
            noted = cast("dict[str, object]", json.loads((self._state / "server.json").read_bytes()))
            port, instance, moved_from = noted["port"], noted["instance"], noted["moved_from"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        if (
            not isinstance(port, int)
            or not isinstance(instance, str)
            or not isinstance(moved_from, int | None)
        ):
            return None
        return Listener(port=port, instance=instance, moved_from=moved_from)

    def note_listener(self, listener: Listener) -> None:
        """Note where the store process listens; done by itself, while its starter holds the lock."""
        write_private(self._state / "server.json", json.dumps(asdict(listener)).encode(), synced=False)

    def writable(self) -> bool:
        """Whether pictures can be written, as far as permissions tell."""
        folder = self.images
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
