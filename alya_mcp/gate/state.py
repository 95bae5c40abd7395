"""What outlives a call: where each audit chain ends, and what was used by whom.

Two states behind one interface: `MemoryState` for one process that keeps nothing, `SqliteState` for all
server processes of a user. A call never waits for SQLite: what it notes is written within `FLUSH_SECONDS` by
one background thread, one transaction for all that came in meanwhile. When the file can't be written, `ready`
raises, so that the gate denies calls instead of losing what they leave behind.
"""

import atexit
import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from .errors import StateError

if TYPE_CHECKING:
    import sqlite3

FLUSH_SECONDS: Final = 0.1
"""The longest that a note stays in memory alone while the state can be written."""

SCHEMA: Final = 1
_APPLICATION: Final = 0x616C7961
_BUSY_SECONDS: Final = 2.0
_OVERDUE_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.5
_MINUTE_NS: Final = 60_000_000_000

_TABLES: Final = (
    "CREATE TABLE heads (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE usage (
        subject TEXT NOT NULL, minute INTEGER NOT NULL, session TEXT NOT NULL, tool TEXT NOT NULL,
        calls INTEGER NOT NULL, ok INTEGER NOT NULL, errors INTEGER NOT NULL, denied INTEGER NOT NULL,
        usd REAL NOT NULL, PRIMARY KEY (subject, minute, session, tool)
    ) WITHOUT ROWID""",
)
_SET_HEAD: Final = (
    "INSERT INTO heads VALUES (?, ?, ?) "
    "ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > seq"
)
_ADD_USAGE: Final = (
    "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "calls = calls + excluded.calls, ok = ok + excluded.ok, errors = errors + excluded.errors, "
    "denied = denied + excluded.denied, usd = usd + excluded.usd"
)
_READ_USAGE: Final = (
    "SELECT tool, SUM(calls), SUM(ok), SUM(errors), SUM(denied), SUM(usd) FROM usage "
    "WHERE subject = :grant AND minute >= :first AND (:session IS NULL OR session = :session) "
    "AND (:tool IS NULL OR tool = :tool) "
    "GROUP BY tool ORDER BY tool"
)


class Head(NamedTuple):
    """The last record of an audit chain."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one tool was used: `calls` that ran and have ended, how, calls that were denied, and the cost.

    `errors` counts tool errors, time-outs, cancellations and crashes. `usd` is the price of the successes.
    """

    tool: str
    calls: int
    ok: int
    errors: int
    denied: int
    usd: float


class State(Protocol):
    """What the gate and its audit log keep."""

    def open(self) -> None:
        """Make the state usable now rather than at the first call; `StateError` when it can't be."""
        ...

    def ready(self) -> None:
        """Return when what is noted now will be kept; `StateError` when it won't."""
        ...

    def begin_chain(self, chain: str, head: Head) -> None:
        """Note a new audit chain; kept when this returns, else `StateError`."""
        ...

    def note_head(self, chain: str, seq: int, digest: str) -> None:
        """Note where a chain ends now."""
        ...

    def note_denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        """Note a call that didn't run."""
        ...

    def note_settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        """Note a call that ran."""
        ...

    def heads(self) -> Mapping[str, Head]:
        """Where every chain ends; `StateError` when that can't be read."""
        ...

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time (seconds since 1970, rounded down to a minute), a row per tool.

        `StateError` when it can't be read.
        """
        ...

    def close(self) -> None:
        """Write what is noted and let go of the state."""
        ...


@dataclass(slots=True)
class _Notes:
    """What was noted: heads by chain, counts by grant, minute, session and tool."""

    heads: dict[str, Head] = field(default_factory=dict[str, Head])
    counts: dict[tuple[str, int, str, str], list[float]] = field(
        default_factory=dict[tuple[str, int, str, str], list[float]]
    )

    def denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        self._row(grant, session, tool, time_ns)[3] += 1

    def settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        row = self._row(grant, session, tool, time_ns)
        row[0] += 1
        row[1 if ok else 2] += 1
        row[4] += usd

    def _row(self, grant: str, session: str, tool: str, time_ns: int) -> list[float]:
        key = (grant, time_ns // _MINUTE_NS, session, tool)
        row = self.counts.get(key)
        if row is None:
            row = self.counts[key] = [0, 0, 0, 0, 0.0]
        return row

    def merge(self, later: "_Notes") -> None:
        self.heads.update(later.heads)
        for key, counts in later.counts.items():
            mine = self.counts.setdefault(key, [0, 0, 0, 0, 0.0])
            self.counts[key] = [a + b for a, b in zip(mine, counts, strict=True)]


class MemoryState:
    """A state that ends with the process."""

    def __init__(self) -> None:
        self._notes = _Notes()

    def open(self) -> None:
        """Nothing to open."""

    def ready(self) -> None:
        """Memory is always ready."""

    def begin_chain(self, chain: str, head: Head) -> None:
        """Note a new audit chain."""
        self._notes.heads[chain] = head

    def note_head(self, chain: str, seq: int, digest: str) -> None:
        """Note where a chain ends now."""
        self._notes.heads[chain] = Head(seq, digest)

    def note_denied(self, grant: str, session: str, tool: str, time_ns: int) -> None:
        """Note a call that didn't run."""
        self._notes.denied(grant, session, tool, time_ns)

    def note_settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        """Note a call that ran."""
        self._notes.settled(grant, session, tool, time_ns, ok, usd)

    def heads(self) -> Mapping[str, Head]:
        """Where every chain ends."""
        return dict(self._notes.heads)

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time, a row per tool."""
        first = int(since // 60)
        sums: dict[str, list[float]] = {}
        for (by, minute, in_session, of_tool), counts in self._notes.counts.items():
            if by == grant and minute >= first and session in (None, in_session) and tool in (None, of_tool):
                sums[of_tool] = [a + b for a, b in zip(sums.get(of_tool, [0] * 5), counts, strict=True)]
        return tuple(_usage((name, *sums[name])) for name in sorted(sums))

    def close(self) -> None:
        """Nothing to close."""


class SqliteState:
    """A state in one SQLite file (WAL), shared by any number of processes.

    The file is made at first use, mode 0600, in a folder of mode 0700. A file that is corrupt, of another
    program or of a newer version is refused and left as it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._db: sqlite3.Connection | None = None
        self._db_lock = threading.Lock()
        self._notes = _Notes()
        self._notes_lock = threading.Lock()
        self._noted = threading.Event()
        self._oldest: float | None = None
        self._error: StateError | None = None
        self._thread: threading.Thread | None = None
        self._failed_at = -math.inf
        self._stop = threading.Event()
        self._process = os.getpid()

    def open(self) -> None:
        """Make the file usable now rather than at the first call; `StateError` when it can't be."""
        if os.getpid() != self._process:
            raise StateError("the state was opened before this process was forked; open it anew here")
        if self._error is not None and time.monotonic() - self._failed_at < _RETRY_SECONDS:
            raise self._error
        try:
            with self._db_lock:
                self._connection(_BUSY_SECONDS if self._error is None else _RETRY_SECONDS / 5)
        except StateError as error:
            self._error, self._failed_at = error, time.monotonic()
            raise
        self._error = None
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._write_behind, name="alya-state", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def ready(self) -> None:
        """Return when what is noted now will be kept; `StateError` when it won't."""
        if self._thread is None or os.getpid() != self._process:
            self.open()
        if self._error is not None:
            raise self._error
        oldest = self._oldest
        if oldest is not None and time.monotonic() - oldest > _OVERDUE_SECONDS:
            raise StateError(f"the state file {self.path} has not been written for {_OVERDUE_SECONDS:g} s")

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
        return {chain: Head(seq, digest) for chain, seq, digest in self._query("SELECT * FROM heads", {})}

    def usage(
        self, grant: str, since: float = 0.0, session: str | None = None, tool: str | None = None
    ) -> tuple[Usage, ...]:
        """What a grant used since a time, a row per tool; `StateError` when it can't be read."""
        asked = {"grant": grant, "first": int(since // 60), "session": session, "tool": tool}
        rows = self._query(_READ_USAGE, asked)
        return tuple(_usage(row) for row in rows)

    def close(self) -> None:
        """Write what is noted and let go of the file; `StateError` when it can't be written."""
        thread, self._thread = self._thread, None
        if os.getpid() != self._process:
            return
        if thread is not None:
            atexit.unregister(self.close)
            self._stop.set()
            self._noted.set()
            thread.join()
        try:
            if self._oldest is not None:
                self._flush()
        finally:
            with self._db_lock:
                if self._db is not None:
                    self._db.close()
                    self._db = None

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
                self._stop.wait(_RETRY_SECONDS)

    def _flush(self) -> None:
        import sqlite3

        with self._db_lock:
            with self._notes_lock:
                notes, self._notes = self._notes, _Notes()
                oldest, self._oldest = self._oldest, None
            try:
                db = self._connection()
                with db:
                    db.execute("BEGIN IMMEDIATE")
                    db.executemany(_SET_HEAD, [(c, head.seq, head.hash) for c, head in notes.heads.items()])
                    db.executemany(_ADD_USAGE, [(*key, *row) for key, row in notes.counts.items()])
            except (sqlite3.Error, StateError) as error:
                with self._notes_lock:
                    notes.merge(self._notes)
                    self._notes, self._oldest = notes, oldest or time.monotonic()
                self._error = self._explained(error)
                raise self._error from None
            self._error = None

    def _query(self, sql: str, values: Mapping[str, object]) -> list[tuple[Any, ...]]:
        import sqlite3

        if self._oldest is not None:
            self._flush()
        if self._db is None and not self.path.exists():
            return []
        try:
            with self._db_lock:
                return self._connection().execute(sql, dict(values)).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def _connection(self, wait: float = _BUSY_SECONDS) -> "sqlite3.Connection":
        if self._db is None:
            self._db = _connect(self.path, wait)
        return self._db

    def _explained(self, error: Exception) -> StateError:
        return error if isinstance(error, StateError) else StateError(_words(self.path, error))


def _usage(row: Sequence[Any]) -> Usage:
    tool, calls, ok, errors, denied, usd = row
    return Usage(tool, int(calls), int(ok), int(errors), int(denied), round(float(usd), 9))


def _words(path: Path, error: Exception) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"the state file {path} is locked by another process"
    if "not a database" in text or "malformed" in text or "corrupt" in text:
        return f"the state file {path} is damaged ({text}); move it away and a new one is made"
    if "full" in text:
        return f"the state file {path} can't be written: the disk is full"
    return f"the state file {path} can't be used: {text}"


def _connect(path: Path, wait: float) -> "sqlite3.Connection":
    """Open the file, made when missing; waits up to `wait` seconds for other processes that do the same."""
    import sqlite3

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StateError(f"the state file {path} can't be opened: {error.strerror or error}") from None
    deadline = time.monotonic() + wait
    while True:
        db = sqlite3.connect(path, timeout=wait, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db, path)
            db.execute(f"PRAGMA busy_timeout = {int(_BUSY_SECONDS * 1000)}")
        except sqlite3.Error as error:
            db.close()
            busy = "locked" in str(error) or "busy" in str(error)
            if not busy or time.monotonic() > deadline:
                raise StateError(_words(path, error)) from None
            time.sleep(0.01)
        except BaseException:
            db.close()
            raise
        else:
            return db


def _prepare(db: "sqlite3.Connection", path: Path) -> None:
    db.execute("PRAGMA synchronous = NORMAL")
    with db:
        db.execute("BEGIN")  # one look at one moment: another process may be making the file
        if _made(db, path):
            return
    if db.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StateError(f"the state file {path} lies on a file system that can't share it (no WAL)")
    with db:
        db.execute("BEGIN IMMEDIATE")
        if _made(db, path):
            return
        for table in _TABLES:
            db.execute(table)
        db.execute(f"PRAGMA application_id = {_APPLICATION}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")


def _made(db: "sqlite3.Connection", path: Path) -> bool:
    """Whether the file holds a state already; False for an empty one, `StateError` for anything else."""
    application, schema = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    )
    if (application, schema) == (_APPLICATION, SCHEMA):
        return True
    if application == _APPLICATION:
        raise StateError(f"the state file {path} has schema {schema}; this version knows {SCHEMA} only")
    if application or schema or db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]:
        raise StateError(f"the file {path} is a database of another program")
    return False
