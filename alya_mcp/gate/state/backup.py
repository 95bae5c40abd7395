"""A copy of a database beside it, made before its schema changes."""

import os
import secrets
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def back_up(db: "sqlite3.Connection", path: Path, schema: int) -> Path:
    """Copy what `db`, the open file `path`, holds to `NAME.schema-N`, readable by its owner only.

    A copy that is there stays: it was made before the first change from this schema. When another process
    changes the schema meanwhile none is made, since that process has made one.

    Raises:
        sqlite3.Error: the file can't be read now, or the copy can't be written.
        OSError: the copy can't be made.
    """
    import sqlite3

    copy = path.with_name(f"{path.name}.schema-{schema}")
    if copy.exists():
        return copy
    part = path.with_name(f".{copy.name}.{secrets.token_hex(8)}.tmp")
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(sqlite3.connect(part, isolation_level=None)) as target:
            db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, whole without others beside it
            copied = target.execute("PRAGMA user_version").fetchone()[0]
        if copied == schema:
            part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    return copy
