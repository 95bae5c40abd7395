"""An SQLite file in ALYA_HOME for the records of a family of tools, readable by its owner only."""

import sqlite3
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alya_mcp.errors import Unavailable
from alya_mcp.gate.state.backup import back_up
from alya_mcp.runtime.private_files import private_folder, touch_private

_BUSY_SECONDS: Final = 5.0


class PrivateDatabase:
    """The file at `home / place`, opened at first use and shared by every server process of the user.

    `tables` are the statements that make a new file. `application` marks the file as this one's (SQLite's
    application_id), `schema` is its version. `steps` are the statements that bring an older file up to date:
    the first from version 1 to 2, and so on; a copy of the file is made before. A file that is damaged, newer
    or another program's is an error and stays as it is. `title` is what errors call it. The methods block and
    may be called from any thread.

    Raises:
        Unavailable: from every use, when the file can't be used.
    """

    def __init__(
        self,
        home: Path,
        place: str,
        *,
        title: str,
        application: int,
        schema: int,
        tables: str,
        steps: Sequence[str] = (),
    ) -> None:
        self._path = home / place
        self._place = place
        self._title = title
        self._application = application
        self._schema = schema
        self._tables = tables
        self._steps = steps
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A transaction that sees one state of the file."""
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A transaction that may write; it is kept whole or not at all."""
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _transaction(self, begin: str) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                db = self._open()
                db.execute(begin)
                with db:
                    yield db
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise Unavailable(
                    f"{self._title} can't be used: {_reason(error)}. Nothing was changed. The user finds it "
                    f"as {self._place} in ALYA_HOME."
                ) from None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            private_folder(self._path.parent)
            touch_private(self._path)
            db = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Make the tables of a new file, bring an older one up to date, refuse any other."""
        older = db.execute("PRAGMA user_version").fetchone()[0]
        if 0 < older < self._schema and self._application == self._application_of(db):
            back_up(db, self._path, older)
        db.execute("BEGIN IMMEDIATE")
        with db:
            application = self._application_of(db)
            schema = db.execute("PRAGMA user_version").fetchone()[0]
            if application == 0 and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in self._tables.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {self._application}")
                db.execute(f"PRAGMA user_version = {self._schema}")
            elif application != self._application:
                raise OSError("the file belongs to another program")
            elif schema > self._schema:
                raise OSError("a newer version of alya-mcp wrote it; upgrade this one")
            elif schema < self._schema:
                for step in self._steps[schema - 1 :]:
                    for statement in step.split(";"):
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {self._schema}")
        db.execute("PRAGMA journal_mode = WAL")

    @staticmethod
    def _application_of(db: sqlite3.Connection) -> int:
        return db.execute("PRAGMA application_id").fetchone()[0]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).replace("\n", " ")
