"""An index of the audit log for quick searches; it proves nothing and can be deleted.

The file holds where each call's records stand in the log, and of a call what searches ask about. Every
process that reads the log may bring it up to date. A damaged one, or one of another version, is rebuilt.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

from alya_mcp.gate.audit.folder import audit_files
from alya_mcp.gate.audit.indexing import (
    DECISIONS,
    OUTCOMES,
    IndexProgress,
    Outdated,
    Verdict,
    fill,
    micro,
    open_index,
    parsed,
    size_of,
)
from alya_mcp.gate.audit.record import Seal, hash_of, read_key
from alya_mcp.gate.errors import AuditError

Facet = Literal["tool", "caller", "rule"]

_LARGEST: Final = 2**63 - 1
"""What SQLite holds in an integer."""
_ROWS: Final = (
    "SELECT calls.id, time, c.name, seq, t.name, g.name, r.name, s.name, decision, shadow, outcome, ms, usd "
    "FROM calls JOIN names c ON c.id = chain JOIN names t ON t.id = tool JOIN names g ON g.id = caller "
    "JOIN names r ON r.id = rule JOIN names s ON s.id = session"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSearch:
    """Which calls are asked for; None asks for all. `since` and the end `until`, which is left out, are in
    seconds since 1970. An unknown caller's name is empty. `before` is the last row of the page before."""

    tool: str | None = None
    caller: str | None = None
    decision: Verdict | None = None
    rule: str | None = None
    since: float | None = None
    until: float | None = None
    before: tuple[int, int] | None = None


class CallRow(NamedTuple):
    """A call: `time` in microseconds since 1970; `outcome`, `ms` and `usd` are None while it has none."""

    id: int
    time: int
    chain: str
    seq: int
    tool: str
    caller: str
    rule: str
    session: str
    decision: Verdict
    shadow: bool
    outcome: str | None
    ms: float | None
    usd: float | None


class Denials(NamedTuple):
    """Refused calls of one tool by one rule: how many, and the newest."""

    tool: str
    rule: str
    calls: int
    newest: CallRow


class SessionUse(NamedTuple):
    """The admitted calls of one tool in one session: how many calls, their cost, and when the first was
    (microseconds since 1970)."""

    session: str
    caller: str
    tool: str
    calls: int
    usd: float
    oldest: int


class LoggedCall(NamedTuple):
    """A call's records as they stand in the log. `intact` is whether the lines are as they were written, by
    the log's key; None where the key can't be read."""

    decided: dict[str, Any]
    settled: dict[str, Any] | None
    intact: bool | None


class AuditIndex:
    """The index of the log in `folder`, kept in `file`, for threads of one process.

    Every method raises `AuditError` when the log, and `OSError` or `sqlite3.Error` when the index, can't be
    used.
    """

    def __init__(self, folder: str | os.PathLike[str], file: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self.file = Path(file)
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._writing = threading.Lock()

    def refresh(self, stop: Callable[[], bool] = bool) -> IndexProgress:
        """Bring the index up to date, or as far as `stop` lets it, which is asked now and then."""
        with self._writing:
            try:
                return self._fill(stop)
            except (sqlite3.DatabaseError, Outdated) as error:
                if isinstance(error, sqlite3.DatabaseError) and not _is_damage(error):
                    raise
                self.discard()
                return self._fill(stop)

    def progress(self) -> IndexProgress:
        """How far the index is, without reading the log."""
        with self._reading() as db:
            read = dict(cast("list[tuple[str, int]]", db.execute("SELECT name, read FROM files").fetchall()))
        sizes = [(path.name, size_of(path)) for path in audit_files(self.folder)]
        return IndexProgress(
            sum(min(read.get(name, 0), size) for name, size in sizes), sum(s for _, s in sizes)
        )

    def search(self, wanted: CallSearch, limit: int = 50) -> list[CallRow]:
        """The newest `limit` of the calls that are `wanted`."""
        with self._reading() as db:
            where = self._where(db, wanted)
            if where is None:
                return []
            terms, values = where
            if wanted.before is not None:
                terms = [*terms, "(time, calls.id) < (?, ?)"]
                values = [*values, *wanted.before]
            clause = f" WHERE {' AND '.join(terms)}" if terms else ""
            sql = f"{_ROWS}{clause} ORDER BY time DESC, calls.id DESC LIMIT ?"
            return [_row(each) for each in db.execute(sql, [*values, limit])]

    def count(self, wanted: CallSearch, most: int = 10_000) -> int:
        """How many calls are `wanted`; `most` + 1 stands for more than `most`."""
        with self._reading() as db:
            where = self._where(db, wanted)
            if where is None:
                return 0
            terms, values = where
            clause = f" WHERE {' AND '.join(terms)}" if terms else ""
            sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM calls{clause} LIMIT ?)"  # noqa: S608 - our own words
            return int(db.execute(sql, [*values, most + 1]).fetchone()[0])

    def denials(self, since: float, limit: int = 8) -> list[Denials]:
        """What was refused since a time (seconds since 1970), by tool and rule, the newest first."""
        with self._reading() as db:
            found = db.execute(
                "SELECT tool, rule, COUNT(*), MAX(calls.id) FROM calls WHERE decision = 1 AND time >= ? "
                "GROUP BY tool, rule ORDER BY MAX(time) DESC LIMIT ?",
                (micro(since), limit),
            ).fetchall()
            rows = {
                row.id: row
                for row in map(_row, db.execute(_in(len(found)), [newest for *_, newest in found]))
            }
        return [
            Denials(rows[newest].tool, rows[newest].rule, calls, rows[newest])
            for _, _, calls, newest in found
        ]

    def running(self, since: float, limit: int = 50) -> list[CallRow]:
        """The newest calls admitted since a time (seconds since 1970) that have no outcome yet."""
        with self._reading() as db:
            sql = (
                f"{_ROWS} WHERE decision = 0 AND outcome IS NULL AND time >= ? "
                "ORDER BY time DESC, calls.id DESC LIMIT ?"
            )
            return [_row(each) for each in db.execute(sql, (micro(since), limit))]

    def session_use(self, sessions: Sequence[str], since: float) -> list[SessionUse]:
        """What was admitted in each of `sessions` since a time (seconds since 1970), by tool."""
        with self._reading() as db:
            found = db.execute(
                "SELECT s.name, g.name, t.name, COUNT(*), COALESCE(SUM(usd), 0), MIN(time) FROM calls "
                "JOIN names s ON s.id = session JOIN names g ON g.id = caller JOIN names t ON t.id = tool "
                "WHERE decision = 0 AND time > ? AND s.name IN (SELECT value FROM json_each(?)) "
                "GROUP BY session, caller, tool",
                (micro(since), json.dumps(sessions)),
            )
            return [SessionUse._make(each) for each in found]

    def time_of_nth(self, number: int) -> float | None:
        """When the `number`-th newest call was made, in seconds since 1970; None when there are fewer."""
        with self._reading() as db:
            sql = "SELECT time FROM calls ORDER BY time DESC LIMIT 1 OFFSET ?"
            found = db.execute(sql, (number - 1,)).fetchone()
        return None if found is None else found[0] / 1e6

    def facets(self, kind: Facet) -> list[str]:
        """The tools, callers or rules that stand in the log, by name."""
        with self._reading() as db:
            return [
                name for (name,) in db.execute("SELECT name FROM names WHERE kind = ? ORDER BY name", (kind,))
            ]

    def record(self, chain: str, seq: int) -> LoggedCall | None:
        """The records of the call whose decision is number `seq` of `chain`; None when there is none."""
        if seq > _LARGEST:
            return None
        with self._reading() as db:
            found = db.execute(
                "SELECT f.name, at, e.name, end_at FROM calls JOIN names c ON c.id = chain "
                "JOIN files f ON f.id = file LEFT JOIN files e ON e.id = end_file "
                "WHERE c.kind = 'chain' AND c.name = ? AND seq = ?",
                (chain, seq),
            ).fetchone()
        if found is None:
            return None
        file, at, end_file, end_at = found
        lines = [_line(self.folder / file, at)]
        if end_file is not None:
            lines.append(_line(self.folder / end_file, end_at))
        decided, *settled = (parsed(line) for line in lines)
        if decided is None:
            return None
        return LoggedCall(decided, settled[0] if settled else None, self._intact(lines))

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def discard(self) -> None:
        """Delete the index; the next `refresh` rebuilds it."""
        with self._lock:
            self.close()
            for end in ("", "-wal", "-shm"):
                self.file.with_name(self.file.name + end).unlink(missing_ok=True)

    def _fill(self, stop: Callable[[], bool]) -> IndexProgress:
        db = open_index(self.file)
        try:
            return fill(db, self.folder, stop)
        finally:
            db.close()

    def _intact(self, lines: Sequence[bytes]) -> bool | None:
        try:
            seal = Seal(read_key(self.folder.parent / "audit.key"))
        except AuditError:
            return None
        return all(hash_of(seal, line.rstrip(b"\n")) is not None for line in lines)

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with self._lock:
            if self._db is None:
                self._db = open_index(self.file)
            yield self._db

    def _where(self, db: sqlite3.Connection, wanted: CallSearch) -> tuple[list[str], list[object]] | None:
        """The terms and values of a search; None when nothing can be found."""
        terms: list[str] = []
        values: list[object] = []
        for kind in ("tool", "caller", "rule"):
            name = getattr(wanted, kind)
            if name is None:
                continue
            found = db.execute("SELECT id FROM names WHERE kind = ? AND name = ?", (kind, name)).fetchone()
            if found is None:
                return None
            terms.append(f"{kind} = ?")
            values.append(found[0])
        if wanted.decision is not None:
            terms.append("decision = ?")
            values.append(DECISIONS.index(wanted.decision))
        if wanted.since is not None:
            terms.append("time >= ?")
            values.append(micro(wanted.since))
        if wanted.until is not None:
            terms.append("time < ?")
            values.append(micro(wanted.until))
        return terms, values


def _is_damage(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _in(number: int) -> str:
    return f"{_ROWS} WHERE calls.id IN ({', '.join('?' * number)})"


def _row(row: Sequence[Any]) -> CallRow:
    decision, shadow, outcome, ms, usd = cast("tuple[int, int, int | None, float, float]", tuple(row[8:]))
    ended: str | None = None if outcome is None else OUTCOMES[outcome]
    return CallRow._make((*row[:8], DECISIONS[decision], bool(shadow), ended, ms, usd))


def _line(path: Path, at: int) -> bytes:
    try:
        with path.open("rb") as stream:
            stream.seek(at)
            return stream.readline()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise AuditError(f"the audit file {path} can't be read: {error.strerror or error}") from None
