"""A state in one SQLite file, shared by all server processes of a user."""

import atexit
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from alya_mcp.gate.clock import Clock, SystemClock
from alya_mcp.gate.errors import StateError
from alya_mcp.gate.state import approvals, grants
from alya_mcp.gate.state import sqlite_ledger as ledger
from alya_mcp.gate.state import usage as notes
from alya_mcp.gate.state.approvals import SqliteApprovals
from alya_mcp.gate.state.database import RETRY_SECONDS, Database, Owner
from alya_mcp.gate.state.grants import SqliteGrants
from alya_mcp.gate.state.interface import Head, Usage
from alya_mcp.gate.state.shared_time import SharedTime
from alya_mcp.gate.state.sqlite_ledger import SqliteLedger
from alya_mcp.gate.state.usage import Notes, usage_asked, usage_of

FLUSH_SECONDS: Final = 0.1
"""The longest that a note stays in memory alone while the state can be written."""

_OVERDUE_SECONDS: Final = 5.0
_KEY_TABLE: Final = "CREATE TABLE IF NOT EXISTS key (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB)"
_TABLES: Final = (*notes.TABLES, *ledger.TABLES, *approvals.TABLES, *grants.TABLES, _KEY_TABLE)


class SqliteState:
    """A state in one SQLite file (WAL), shared by any number of processes. See `Database` for the file.

    A note never waits for the file: it is written within `FLUSH_SECONDS` by one background thread, one
    transaction for all that came in meanwhile. When the file can't be written, `ready` raises, so that the
    gate denies calls instead of losing what they leave behind. `clock` is the machine's when left out.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Clock | None = None) -> None:
        self.path = Path(path)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._owner = Owner()
        self._database = Database(self.path, _TABLES, self._owner)
        self._behind = Database(self.path, _TABLES, self._owner)
        time = SharedTime(self._clock)
        self.ledger = SqliteLedger(self._database, time, self._owe)
        self.approvals = SqliteApprovals(self._database, self._clock, time, lambda: self.key)
        self.grants = SqliteGrants(self._database, self._clock)
        self._key: bytes | None = None
        self._notes = Notes()
        self._notes_lock = threading.Lock()
        self._flush_lock = threading.RLock()
        self._noted = threading.Event()
        self._oldest: float | None = None
        self._error: StateError | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def key(self) -> bytes:
        """32 random bytes kept in the file; `StateError`."""
        if self._key is None:
            with self._database.write() as db:
                db.execute("INSERT OR IGNORE INTO key VALUES (1, ?)", (os.urandom(32),))
                key = bytes(db.execute("SELECT value FROM key").fetchone()[0])
            self._key = key
        return self._key

    def open(self) -> None:
        """Make the file usable now rather than at the first call; `StateError` when it can't be."""
        try:
            self._behind.open()
        except StateError as error:
            self._error = error
            raise
        self._error = None
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._write_behind, name="alya-state", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def ready(self) -> None:
        """Return when what is noted now will be kept; `StateError` when it won't."""
        if self._thread is None or not self._owner.is_this_process:
            self.open()
        if self._error is not None:
            raise self._error.with_traceback(None)
        oldest = self._oldest
        if oldest is not None and time.monotonic() - oldest > _OVERDUE_SECONDS:
            what = f"the state file {self.path} has not been written for {_OVERDUE_SECONDS:g} s"
            raise StateError(what, "See that its disk works, and start the server again.")

    def check(self) -> None:
        """Read the whole file and write to it once; `StateError` says what is wrong with it."""
        self._database.check()

    def begin_chain(self, chain: str, head: Head) -> None:
        """Note a new audit chain; kept when this returns, else `StateError`."""
        self.ready()
        with self._notes_lock:
            self._notes.heads[chain] = head
        self._flush()

    def note_head(self, chain: str, seq: int, digest: str) -> None:
        """Note where a chain ends now."""
        with self._notes_lock:
            self._notes.heads[chain] = Head(seq, digest)
            self._wake()

    def note_denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        """Note a call that didn't run."""
        with self._notes_lock:
            self._notes.denied(grant, session, tool, time_ns)
            self._wake()

    def note_settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        """Note a call that ran."""
        with self._notes_lock:
            self._notes.settled(grant, session, tool, time_ns, ok, usd)
            self._wake()

    def heads(self) -> Mapping[str, Head]:
        """Where every chain ends; `StateError` when that can't be read."""
        return {chain: Head(seq, digest) for chain, seq, digest in self._read(notes.READ_HEADS, {})}

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time, a row per tool; `StateError` when it can't be read."""
        rows = self._read(notes.READ_USAGE, usage_asked(grant, since, session, tool))
        return tuple(usage_of(row) for row in rows)

    def usage_by_time(self, first: int, size: int, shift: int = 0) -> Sequence[tuple[int, str, Usage]]:
        """What everybody used from the minute `first` (since 1970) on: span, grant and usage, a row per tool.

        Spans are `size` minutes long; number N begins `N * size - shift` minutes after 1970. `StateError`.
        """
        rows = self._read(notes.READ_BUCKETS, {"first": first, "size": size, "shift": shift})
        return [(bucket, grant, usage_of(rest)) for bucket, grant, *rest in rows]

    def close(self) -> None:
        """Write what is noted and let go of the file; `StateError` when it can't be written."""
        thread, self._thread = self._thread, None
        if not self._owner.is_this_process:
            return
        if thread is not None:
            atexit.unregister(self.close)
            self._stop.set()
            self._noted.set()
            thread.join()
        for file in (self._behind, self._database):
            file.try_now()
        try:
            if self._oldest is not None:
                self._flush()
            self.ledger.close()
        finally:
            self._behind.close()
            self._database.close()

    def _owe(self) -> None:
        with self._notes_lock:
            self._wake()

    def _wake(self) -> None:
        if self._oldest is None:
            self._oldest = time.monotonic()
            self._noted.set()

    def _write_behind(self) -> None:
        while not self._stop.is_set():
            self._noted.wait()
            if self._stop.wait(FLUSH_SECONDS):
                return
            self._noted.clear()
            try:
                self._flush()
            except StateError:
                self._noted.set()
                self._stop.wait(RETRY_SECONDS)

    def _flush(self) -> None:
        with self._flush_lock:
            with self._notes_lock:
                noted, self._notes = self._notes, Notes()
                oldest, self._oldest = self._oldest, None
            try:
                with self._behind.write() as db:
                    noted.write(db)
            except StateError as error:
                with self._notes_lock:
                    noted.merge(self._notes)
                    self._notes, self._oldest = noted, oldest or time.monotonic()
                self._error = error
                raise
            try:
                self.ledger.pay()
            except StateError as error:
                self._owe()
                self._error = error
                raise
            self._error = None

    def _read(self, sql: str, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        with self._flush_lock:
            if self._oldest is not None:
                self._flush()
            return self._behind.read(sql, values)
