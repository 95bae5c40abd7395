"""The history of changes to each configuration, kept in ALYA_HOME so that they can be undone byte by byte."""

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.app.client_configs.clients import ClientApp
from alya_mcp.runtime.private_files import private_folder, write_private

_VERSION: Final = 1
_MOST_BACKUPS: Final = 10
_RECORD: Final = "record.json"


@dataclass(frozen=True, slots=True)
class Record:
    """The insertion of this server into one file.

    `before` is the backup of the bytes before it, None where there was no file; `after` the SHA-256, in hex,
    of the bytes that this program wrote last; `made_key` tells that the table of servers was made for it.
    `made_folders` are the folders that were made for the file, the innermost first.
    """

    before: str | None
    after: str
    made_key: bool
    made_folders: list[str] = field(default_factory=list[str])
    version: int = _VERSION


class History:
    """The backups of one client's file and the record of the insertion into it.

    They stand in a folder of their own below `home`, readable for the user alone: they hold what the file
    holds, and other servers' keys may be in there.
    """

    def __init__(self, home: Path, client: ClientApp, file: Path) -> None:
        place = re.sub(r"[^A-Za-z0-9._-]", "_", file.name)
        self._folder = home / "clients" / f"{client.name}-{sha256(str(file).encode()).hexdigest()[:12]}"
        self._name = place

    def back_up(self, data: bytes) -> Path:
        """Save `data` as a backup and return its file; the oldest backups are deleted.

        Raises:
            OSError: it can't be kept.
        """
        private_folder(self._folder)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        backup = self._folder / f"{stamp}-{self._name}"
        write_private(backup, data)
        record = self.record()
        spared = None if record is None else record.before
        older = sorted(each for each in self._folder.glob("*Z-*") if each.name != spared)
        for each in older[:-_MOST_BACKUPS]:
            each.unlink(missing_ok=True)
        return backup

    def record(self) -> Record | None:
        """The insertion that is in force; None when there is none, or its record can't be read."""
        try:
            held: Any = json.loads((self._folder / _RECORD).read_bytes())
            record = Record(**cast("dict[str, Any]", held))
        except (OSError, ValueError, TypeError):
            return None
        return record if record.version == _VERSION else None

    def keep(self, record: Record) -> None:
        """Write the record; `OSError`."""
        private_folder(self._folder)
        write_private(self._folder / _RECORD, json.dumps(asdict(record)).encode())

    def forget(self) -> None:
        """Drop the record; the backups stay. `OSError`."""
        (self._folder / _RECORD).unlink(missing_ok=True)

    def bytes_before(self, record: Record) -> bytes | None:
        """The bytes before the insertion; None where there was no file. `OSError`."""
        return None if record.before is None else (self._folder / record.before).read_bytes()


def digest(data: bytes) -> str:
    """SHA-256 of a file's bytes, in hex."""
    return sha256(data).hexdigest()
