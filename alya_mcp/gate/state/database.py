"""The one SQLite file of a state: its connection, its transactions, and waiting for other processes."""

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.gate.errors import StateBusy, StateError
from alya_mcp.gate.paths import is_absent
from alya_mcp.gate.state.database_errors import damaged, explained, is_busy, locked
from alya_mcp.gate.state.database_file import SCHEMA, connect

if TYPE_CHECKING:
    import sqlite3
    from types import TracebackType


RETRY_SECONDS: Final = 0.5
"""For how long a file that failed isn't tried again."""

LOOK_SECONDS: Final = 1.0
"""How often an open file is looked at, in case another one has its name."""

_WRITING: Final = "BEGIN IMMEDIATE"
_BUSY_SECONDS: Final = 2.0
_BUSY_AGAIN_SECONDS: Final = 0.1
_SHORTEST_WAIT: Final = 0.00005
_LONGEST_WAIT: Final = 0.002


class Owner:
    """The process that uses a state's file, from the first use on: SQLite's locks don't survive a fork."""

    def __init__(self) -> None:
        self._process: int | None = None

    @property
    def is_this_process(self) -> bool:
        """Whether no other process has used it."""
        return self._process is None or self._process == os.getpid()

    def claim(self) -> None:
        """Use it in this process; `StateError` in a child of the one that used it first."""
        if not self.is_this_process:
            what = "the state was opened before this process was forked"
            raise StateError(what, "Open it again in this process.")
        self._process = os.getpid()


class Database:
    """One connection to the file `path`, shared by the threads of one process.

    The file is created at first use, mode 0600, in a folder of mode 0700, with `tables`: statements that
    create what is missing. A file with an older schema is backed up next to it and migrated. One that is
    corrupt, of another program or of a newer version is refused and left as it is. After a failure the file
    is reopened, but not for `RETRY_SECONDS`; until then every use fails at once. A file that was moved or
    removed is noticed within `LOOK_SECONDS`, and a new one is created. Connections of a state share `owner`.
    """

    def __init__(self, path: Path, tables: Sequence[str], owner: Owner | None = None) -> None:
        self.path = path
        self._tables = tables
        self._waits = True
        self._busy_since = self._busy_at = -math.inf
        self._db: sqlite3.Connection | None = None
        self._lock = threading.RLock()
        self._owner = Owner() if owner is None else owner
        self._error: StateError | None = None
        self._failed_at = -math.inf
        self._opened: tuple[int, int] | None = None
        self._looked_at = -math.inf

    def open(self) -> None:
        """Make the file usable now; `StateError` when it can't be."""
        with self._lock:
            self._connection()

    def write(self, patience: float | None = None) -> "Transaction":
        """A write transaction: `with database.write() as db`. It commits, or rolls back on an error.

        Raises:
            StateBusy: on entering, with `patience`: another one has been writing for that many seconds.
            StateError: on entering or leaving, also for any error of SQLite inside.
        """
        return Transaction(self, self._lock, _WRITING, patience)

    def snapshot(self) -> "Transaction":
        """A read transaction that sees one snapshot; errors as in `write`."""
        return Transaction(self, self._lock, "BEGIN")

    @property
    def current(self) -> "sqlite3.Connection | None":
        """The open connection, if any; another one after an error."""
        return self._db

    def read(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; empty if there is no file, which isn't created. `StateError`."""
        import sqlite3

        with self._lock:
            if self._db is None and is_absent(self.path):
                return []
            try:
                db = self._connection()
                self._let_wait(db, True)
                return db.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise self.failed(error) from None

    def check(self) -> None:
        """Read the whole file and write to it once; `StateError` says what is wrong with it."""
        with self.snapshot() as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise damaged(self.path, found)
        with self.write() as db:
            db.execute(f"PRAGMA user_version = {SCHEMA}")

    def try_now(self) -> None:
        """Let the next use try the file, however recently it failed."""
        self._failed_at = -math.inf

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._db is not None and self._owner.is_this_process:
                self._db.close()
                self._db = None

    def begin(self, how: str, patience: float | None = None) -> "sqlite3.Connection":
        """Begin a transaction; for `Transaction`, which holds the lock."""
        import sqlite3

        db = self._connection()
        try:
            if how == _WRITING:
                self._begin_writing(db, patience)
            else:
                self._let_wait(db, True)
                db.execute(how)
        except sqlite3.Error as error:
            raise self.failed(error) from None
        return db

    def _begin_writing(self, db: "sqlite3.Connection", patience: float | None) -> None:
        """Begin a write transaction; while another process writes, retry after some 50 us.

        SQLite itself retries after 1, 2, 5, 10 ms and more, and a transaction takes 30 us.
        """
        import sqlite3

        self._let_wait(db, False)
        wait, began = _SHORTEST_WAIT, None
        while True:
            try:
                db.execute(_WRITING)
            except sqlite3.OperationalError as error:
                now = time.monotonic()
                if began is None:
                    began = now
                    if now - self._busy_at > _BUSY_AGAIN_SECONDS:
                        self._busy_since = now
                self._busy_at = now
                if not is_busy(error) or now - self._busy_since >= self._patience:
                    raise
                if patience is not None and now - began >= patience:
                    raise StateBusy(*locked(self.path)) from None
                time.sleep(wait)
                wait = min(wait * 1.25, _LONGEST_WAIT)
            else:
                self._error = None
                self._busy_at = -math.inf
                return

    def _let_wait(self, db: "sqlite3.Connection", waits: bool) -> None:
        """Set whether SQLite itself waits while the file is busy."""
        if waits is not self._waits:
            db.execute(f"PRAGMA busy_timeout = {int(self._patience * 1000) if waits else 0}")
            self._waits = waits

    @property
    def _patience(self) -> float:
        """How many seconds to wait for other processes."""
        return _BUSY_SECONDS if self._error is None else _BUSY_AGAIN_SECONDS

    def failed(self, error: Exception) -> StateError:
        """Explain `error` and close the file; the next use reopens it."""
        self.close()
        self._error = error if isinstance(error, StateError) else explained(self.path, error)
        self._failed_at = time.monotonic()
        return self._error

    def _connection(self) -> "sqlite3.Connection":
        self._owner.claim()
        if self._db is not None and time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if self._identity() != self._opened:
                self.close()
        if self._db is None:
            if self._error is not None and time.monotonic() - self._failed_at < RETRY_SECONDS:
                raise self._error.with_traceback(None)
            try:
                self._db = connect(self.path, self._tables, self._patience)
                self._waits = True
                self._opened, self._looked_at = self._identity(), time.monotonic()
            except StateError as error:
                raise self.failed(error) from None
        return self._db

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode of the file, which tell it from a new one; None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


class Transaction:
    """See `Database.write` and `Database.snapshot`."""

    __slots__ = ("_database", "_db", "_how", "_lock", "_patience")

    _db: "sqlite3.Connection"

    def __init__(
        self, database: Database, lock: "threading.RLock", how: str, patience: float | None = None
    ) -> None:
        self._database = database
        self._lock = lock
        self._how = how
        self._patience = patience

    def __enter__(self) -> "sqlite3.Connection":
        if not self._lock.acquire(timeout=-1 if self._patience is None else self._patience):
            raise StateBusy(*locked(self._database.path))
        try:
            self._db = self._database.begin(self._how, self._patience)
        except BaseException:
            self._lock.release()
            raise
        return self._db

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        import sqlite3

        try:
            if error is None:
                self._db.execute("COMMIT")
            elif isinstance(error, sqlite3.Error):
                raise self._database.failed(error) from None
            else:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as failure:
            raise self._database.failed(failure) from None
        finally:
            self._lock.release()
