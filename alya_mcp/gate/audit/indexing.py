"""Fills the index of the audit log: its tables, and adding new records."""

import json
import os
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from alya_mcp.gate.audit.folder import audit_files
from alya_mcp.gate.audit.reading import is_record
from alya_mcp.gate.audit.record import parse_file_name
from alya_mcp.gate.errors import AuditError

Verdict = Literal["allow", "deny", "ask"]

DECISIONS: Final[tuple[Verdict, ...]] = ("allow", "deny", "ask")
OUTCOMES: Final = ("ok", "error", "timeout", "cancelled", "crash")
"""In the index, decisions and outcomes are their places here."""

_VERSION: Final = 1
_LINES: Final = 20_000
"""Lines that are read in one transaction."""
_BUSY_SECONDS: Final = 5.0
_TABLES: Final = """
    CREATE TABLE files (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, inode INTEGER NOT NULL, read INTEGER NOT NULL
    );
    CREATE TABLE names (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name));
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY, time INTEGER NOT NULL, chain INTEGER NOT NULL, seq INTEGER NOT NULL,
        file INTEGER NOT NULL, at INTEGER NOT NULL, tool INTEGER NOT NULL, caller INTEGER NOT NULL,
        rule INTEGER NOT NULL, session INTEGER NOT NULL, decision INTEGER NOT NULL, shadow INTEGER NOT NULL,
        outcome INTEGER, ms REAL, usd REAL, end_file INTEGER, end_at INTEGER
    );
    CREATE UNIQUE INDEX by_number ON calls (chain, seq);
    CREATE INDEX by_time ON calls (time);
    CREATE INDEX by_tool ON calls (tool, time);
    CREATE INDEX by_caller ON calls (caller, time);
    CREATE INDEX by_rule ON calls (rule, time);
    CREATE INDEX by_decision ON calls (decision, time);
    CREATE INDEX by_file ON calls (file);
"""
_INSERT: Final = (
    "INSERT OR IGNORE INTO calls (time, chain, seq, file, at, tool, caller, rule, session, decision, shadow) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SETTLE: Final = (
    "UPDATE calls SET outcome = ?, ms = ?, usd = ?, end_file = ?, end_at = ? WHERE chain = ? AND seq = ?"
)


class IndexProgress(NamedTuple):
    """How far the index is: bytes of the log that are in it, of all."""

    read: int
    size: int

    @property
    def done(self) -> bool:
        """Whether the log was in the index when it was looked at."""
        return self.read >= self.size


class Outdated(Exception):
    """A file of the log isn't the one that was read: the index has to be rebuilt."""


def fill(db: sqlite3.Connection, folder: Path, stop: Callable[[], bool]) -> IndexProgress:
    """Take in what the log in `folder` has gained; `stop` is asked every `_LINES` lines.

    Raises:
        AuditError: the log can't be read.
        Outdated: what was read of it before is no longer there.
        sqlite3.Error: the index can't be written.
    """
    files = audit_files(folder)
    there = {path.name for path in files}
    known: dict[str, tuple[int, int, int]] = {
        name: (file, inode, read)
        for file, name, inode, read in db.execute("SELECT id, name, inode, read FROM files")
    }
    for name, (file, _, _) in known.items():
        if name not in there:  # retired
            with transaction(db):
                db.execute("DELETE FROM calls WHERE file = ?", (file,))
                db.execute("DELETE FROM files WHERE id = ?", (file,))
    names = _Names(db)
    total = sum(map(size_of, files))
    done = 0
    for path in files:
        try:
            look = path.stat()
        except FileNotFoundError:  # retired a moment ago
            continue
        _, inode, read = known.get(path.name, (0, look.st_ino, 0))
        if inode != look.st_ino or look.st_size < read:
            raise Outdated
        if read < look.st_size:
            read = _read(db, names, path, look.st_ino, read, stop)
        done += read
        if stop():
            break
    db.execute("PRAGMA optimize")
    return IndexProgress(done, total)


def _read(
    db: sqlite3.Connection, names: "_Names", path: Path, inode: int, read: int, stop: Callable[[], bool]
) -> int:
    """Take in the file's whole lines from `read` on; how far it was read."""
    named = parse_file_name(path.name)
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return read
    except OSError as error:
        raise AuditError(f"the audit file {path} can't be read: {error.strerror or error}") from None
    with stream:
        stream.seek(read)
        more = named is not None
        while more and not stop():
            with transaction(db):
                begin = "INSERT INTO files (name, inode, read) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING"
                db.execute(begin, (path.name, inode, read))
                (file,) = db.execute("SELECT id FROM files WHERE name = ?", (path.name,)).fetchone()
                chain = names.id("chain", named[0] if named else "")
                for _ in range(_LINES):
                    line = stream.readline()
                    if not line.endswith(b"\n"):
                        more = False
                        break
                    record = parsed(line)
                    if record is not None:
                        _take(db, names, record, chain, file, read)
                    read += len(line)
                db.execute("UPDATE files SET read = ? WHERE id = ?", (read, file))
    return read


class _Names:
    """Numbers that stand for names in the index."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[tuple[str, str], int] = {}

    def id(self, kind: str, name: str) -> int:
        """The number of a name of that kind, given when it is new."""
        known = self._known.get((kind, name))
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO names (kind, name) VALUES (?, ?)", (kind, name))
            sql = "SELECT id FROM names WHERE kind = ? AND name = ?"
            known = int(self._db.execute(sql, (kind, name)).fetchone()[0])
            if len(self._known) < 10_000:
                self._known[kind, name] = known
        return known


def _take(
    db: sqlite3.Connection, names: _Names, record: Mapping[str, Any], chain: int, file: int, at: int
) -> None:
    if "decided" in record:
        outcome = record["outcome"]
        number = OUTCOMES.index(outcome) if outcome in OUTCOMES else len(OUTCOMES) - 1
        values = (number, record["ms"], record["usd"], file, at, chain, record["decided"])
        db.execute(_SETTLE, values)
    elif record["decision"] in DECISIONS:
        values = (
            _time(record["time"]),
            chain,
            record["seq"],
            file,
            at,
            names.id("tool", record["tool"]),
            names.id("caller", record["grant"] or ""),
            names.id("rule", record["rule"]),
            names.id("session", record["session"]),
            DECISIONS.index(record["decision"]),
            record["mode"] == "shadow",
        )
        db.execute(_INSERT, values)


def open_index(file: Path) -> sqlite3.Connection:
    """The index in `file`, mode 0600, made when missing; one of another version is emptied.

    Raises:
        OSError, sqlite3.Error: it can't be used.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")  # what a power failure damages is rebuilt
        if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            with transaction(db):
                if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                    _make(db)
    except BaseException:
        db.close()
        raise
    return db


def _make(db: sqlite3.Connection) -> None:
    for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
        if not table.startswith("sqlite_"):
            db.execute(f'DROP TABLE "{table}"')
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """All of what the body writes, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def parsed(line: bytes) -> dict[str, Any] | None:
    """The record of a line; None when it is none."""
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    record = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    return record if is_record(record) else None


def _time(text: str) -> int:
    return micro(datetime.fromisoformat(text).timestamp())


def micro(seconds: float) -> int:
    """Seconds as microseconds."""
    return round(seconds * 1_000_000)


def size_of(path: Path) -> int:
    """The size of a file in bytes; 0 for one that is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
