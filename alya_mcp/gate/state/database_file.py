"""Opens the SQLite file of a state: creates it, tells it from other files, and migrates older schemas."""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alya_mcp.gate.errors import StateError
from alya_mcp.gate.state.backup import back_up
from alya_mcp.gate.state.database_errors import RIGHTS, explained, is_busy

if TYPE_CHECKING:
    import sqlite3

SCHEMA: Final = 3
"""Schema 1 had heads and usage; 2 adds what is counted, in flight and asked, 3 how answers came.

Only tables were ever added."""

_APPLICATION: Final = 0x616C7961
_MAKING: Final = threading.Lock()
"""Held while the empty file is made, so that no thread has locks on it yet when its descriptor is closed."""


def connect(path: Path, tables: Sequence[str], wait: float) -> "sqlite3.Connection":
    """Open the file, created if missing; wait up to `wait` seconds for other processes that do the same.

    Raises:
        StateError: the file can't be opened, is damaged, of another program or of a newer version.
    """
    import sqlite3

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never an old file: closing a descriptor of it ends this process's locks on it, of all connections.
        with _MAKING:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        what = f"the state file {path} can't be opened: {error.strerror or error}"
        raise StateError(what, RIGHTS) from None
    deadline = time.monotonic() + wait
    while True:
        try:
            db = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise explained(path, error) from None
        try:
            _prepare(db, path, tables)
        except sqlite3.Error as error:
            db.close()
            if not is_busy(error) or time.monotonic() > deadline:
                raise explained(path, error) from None
            time.sleep(0.01)
        except BaseException:
            db.close()
            raise
        else:
            return db


def _prepare(db: "sqlite3.Connection", path: Path, tables: Sequence[str]) -> None:
    db.execute("PRAGMA synchronous = NORMAL")
    with db:
        db.execute("BEGIN")  # one look at one moment: another process may be making the file
        schema = _schema(db, path)
    if schema == SCHEMA:
        return
    if schema:
        try:
            back_up(db, path, schema)
        except OSError as error:
            what = f"the state file {path} can't be copied before its schema changes: {error.strerror}"
            raise StateError(what, RIGHTS) from None
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        what = f"the state file {path} lies on a file system that can't share it (no WAL)"
        raise StateError(what, "Keep it on a disk of this machine, not on one of the network.")
    with db:
        db.execute("BEGIN IMMEDIATE")
        if _schema(db, path) == SCHEMA:
            return
        for table in tables:
            db.execute(table)
        db.execute(f"PRAGMA application_id = {_APPLICATION}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")


def _schema(db: "sqlite3.Connection", path: Path) -> int:
    """The schema of the state in the file; 0 for an empty file, `StateError` for anything else."""
    application, schema = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if application == _APPLICATION:
        if 0 < schema <= SCHEMA:
            return schema
        what = f"the state file {path} has schema {schema}; this version knows up to {SCHEMA}"
        raise StateError(what, "Update this program to the version that made the file, or a later one.")
    if application or schema or db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]:
        what = f"the file {path} is a database of another program"
        raise StateError(what, "Keep the state in another folder, or move that file away.")
    return 0
