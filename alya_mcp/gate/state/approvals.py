"""Questions that wait for the user, and their answers: in memory or in the state's file."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.gate.approvals import (
    MOST_KEPT,
    MOST_OPEN,
    KeptQuestion,
    Question,
    Status,
    TooManyOpen,
    Unanswerable,
    Way,
    YesOrNo,
)
from alya_mcp.gate.clock import Clock
from alya_mcp.gate.state.database import Database, Transaction
from alya_mcp.gate.state.shared_time import SharedTime

if TYPE_CHECKING:
    import sqlite3

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY, tool TEXT NOT NULL, subject TEXT NOT NULL, rule TEXT NOT NULL,
        who TEXT NOT NULL, message TEXT NOT NULL, arguments TEXT NOT NULL, binding TEXT NOT NULL,
        created INTEGER NOT NULL, expires INTEGER NOT NULL, hold INTEGER NOT NULL, answer TEXT, used INTEGER
    )""",
    "CREATE INDEX IF NOT EXISTS approvals_binding ON approvals (binding)",
    "CREATE TABLE IF NOT EXISTS answers (id TEXT PRIMARY KEY, way TEXT NOT NULL) WITHOUT ROWID",
)
_KEPT_NS: Final = 86_400_000_000_000
_LIVE: Final = frozenset({"pending", "approved", "denied"})
_INSERT: Final = "INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ANSWER: Final = "UPDATE approvals SET answer = ?, expires = ? WHERE id = ?"
_WAY: Final = "INSERT OR REPLACE INTO answers VALUES (?, ?)"
_SELECT: Final = "SELECT approvals.*, answers.way FROM approvals LEFT JOIN answers USING (id)"
_BY_BINDING: Final = f"{_SELECT} WHERE binding = ?"
_BY_ID: Final = f"{_SELECT} WHERE id = ?"
_WAITING: Final = "SELECT COUNT(*) FROM approvals WHERE subject = ? AND answer IS NULL AND expires > ?"
_DROP_OLDEST: Final = (
    "DELETE FROM approvals WHERE id IN (SELECT id FROM approvals WHERE subject = ? AND answer IS NULL "
    "AND expires <= ? ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?)"
)
_ALL: Final = f"{_SELECT} ORDER BY created, approvals.rowid"
_DROP_WAYS: Final = "DELETE FROM answers WHERE id NOT IN (SELECT id FROM approvals)"


class MemoryApprovals:
    """Questions that end with the process. They expire by the clock that never goes back."""

    def __init__(self, clock: Clock) -> None:
        self.key = os.urandom(32)
        self._clock = clock
        self._asked: dict[str, KeptQuestion] = {}

    def pend(self, question: Question) -> KeptQuestion:
        """Keep `question`, or return the one kept already while its binding is open; `TooManyOpen`."""
        now = self._clock.monotonic_ns()
        self._asked = {name: each for name, each in self._asked.items() if now < each.expires_ns + _KEPT_NS}
        asked = _live(self._asked.values(), question.binding, now)
        if asked is None:
            own = [e for e in self._asked.values() if e.grant == question.grant and e.answer is None]
            expired = [each for each in own if each.status(now) == "expired"]
            _check_room(len(own) - len(expired))
            for each in expired[:-MOST_KEPT]:
                del self._asked[each.id]
            asked = KeptQuestion.anew(question, now)
            self._asked[asked.id] = asked
        return _dated(asked, self._clock.time_ns() - now)

    def decline(self, question: Question) -> KeptQuestion:
        """Keep the user's no to `question`, also in place of a yes that no call used."""
        now = self._clock.monotonic_ns()
        asked = _live(self._asked.values(), question.binding, now) or KeptQuestion.anew(question, now)
        declined = self._asked[asked.id] = asked.answered("no", now, "client")
        return _dated(declined, self._clock.time_ns() - now)

    def live(self, binding: str) -> KeptQuestion | None:
        """The question with that binding that waits, or whose answer holds and isn't used."""
        now = self._clock.monotonic_ns()
        asked = _live(self._asked.values(), binding, now)
        return None if asked is None else _dated(asked, self._clock.time_ns() - now)

    def take(self, binding: str) -> bool:
        """Use up the yes with that binding; False when there is none."""
        now = self._clock.monotonic_ns()
        there = _live(self._asked.values(), binding, now)
        if there is None or there.answer != "yes":
            return False
        self._asked[there.id] = replace(there, used_ns=now)
        return True

    def answer(
        self, approval: str, answer: YesOrNo, way: Way = "command", *, first: bool = False
    ) -> tuple[KeptQuestion, Status]:
        """Answer the question `approval`; `Unanswerable`."""
        now = self._clock.monotonic_ns()
        given = self._find(approval).answered(answer, now, way, first=first)
        self._asked[given.id] = given
        return _dated(given, self._clock.time_ns() - now), given.status(now)

    def find(self, approval: str) -> tuple[KeptQuestion, Status]:
        """The question `approval`; `Unanswerable`."""
        asked, now = self._find(approval), self._clock.monotonic_ns()
        return _dated(asked, self._clock.time_ns() - now), asked.status(now)

    def all(self) -> Sequence[tuple[KeptQuestion, Status]]:
        """Every question kept, the newest last."""
        now = self._clock.monotonic_ns()
        ahead = self._clock.time_ns() - now
        return [(_dated(asked, ahead), asked.status(now)) for asked in self._asked.values()]

    def _find(self, approval: str) -> KeptQuestion:
        asked = self._asked.get(_id(approval))
        if asked is None:
            raise Unanswerable.unknown(approval)
        return asked


class SqliteApprovals:
    """Questions in the state's file, for all processes that use it. `key` gives the state's own.

    They expire by the file's `time`, which no step of a clock moves; outside they have dates of the wall
    clock as it is now.
    """

    def __init__(self, database: Database, clock: Clock, time: SharedTime, key: Callable[[], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._time = time
        self._key = key

    @property
    def key(self) -> bytes:
        """32 random bytes kept in the file; `StateError`."""
        return self._key()

    def pend(self, question: Question) -> KeptQuestion:
        """Keep `question`, or return the one kept already while its binding is open; `TooManyOpen`."""
        with self._write() as db:
            now = self._time.now(db)
            db.execute("DELETE FROM approvals WHERE expires <= ?", (now - _KEPT_NS,))
            db.execute(_DROP_WAYS)
            asked = _live(map(_asked, db.execute(_BY_BINDING, (question.binding,))), question.binding, now)
            if asked is None:
                _check_room(db.execute(_WAITING, (question.grant, now)).fetchone()[0])
                db.execute(_DROP_OLDEST, (question.grant, now, MOST_KEPT))
                asked = KeptQuestion.anew(question, now)
                db.execute(_INSERT, _row(asked))
        return _dated(asked, self._clock.time_ns() - now)

    def decline(self, question: Question) -> KeptQuestion:
        """Keep the user's no to `question`, also in place of a yes that no call used."""
        with self._write() as db:
            now = self._time.now(db)
            rows = map(_asked, db.execute(_BY_BINDING, (question.binding,)))
            asked = _live(rows, question.binding, now)
            if asked is None:
                declined = KeptQuestion.anew(question, now).answered("no", now, "client")
                db.execute(_INSERT, _row(declined))
            else:
                declined = asked.answered("no", now, "client")
            _write_answer(db, declined)
        return _dated(declined, self._clock.time_ns() - now)

    def live(self, binding: str) -> KeptQuestion | None:
        """The question with that binding that waits, or whose answer holds and isn't used."""
        found, now = self._read(_BY_BINDING, (binding,))
        asked = _live(found, binding, now)
        return None if asked is None else _dated(asked, self._clock.time_ns() - now)

    def take(self, binding: str) -> bool:
        """Use up the yes with that binding, once among all processes; False when there is none (left)."""
        with self._write() as db:
            now = self._time.now(db)
            there = _live(map(_asked, db.execute(_BY_BINDING, (binding,))), binding, now)
            if there is None or there.answer != "yes":
                return False
            db.execute("UPDATE approvals SET used = ? WHERE id = ?", (now, there.id))
            return True

    def answer(
        self, approval: str, answer: YesOrNo, way: Way = "command", *, first: bool = False
    ) -> tuple[KeptQuestion, Status]:
        """Answer the question `approval`; `Unanswerable`."""
        self.find(approval)
        with self._write() as db:
            now = self._time.now(db)
            row = db.execute(_BY_ID, (_id(approval),)).fetchone()
            if row is None:
                raise Unanswerable.unknown(approval)
            given = _asked(row).answered(answer, now, way, first=first)
            _write_answer(db, given)
        return _dated(given, self._clock.time_ns() - now), given.status(now)

    def find(self, approval: str) -> tuple[KeptQuestion, Status]:
        """The question `approval`; `Unanswerable`."""
        found, now = self._read(_BY_ID, (_id(approval),))
        if not found:
            raise Unanswerable.unknown(approval)
        return _dated(found[0], self._clock.time_ns() - now), found[0].status(now)

    def all(self) -> Sequence[tuple[KeptQuestion, Status]]:
        """Every question kept, the newest last."""
        found, now = self._read(_ALL)
        ahead = self._clock.time_ns() - now
        kept = (asked for asked in found if now < asked.expires_ns + _KEPT_NS)
        return [(_dated(asked, ahead), asked.status(now)) for asked in kept]

    def _read(self, sql: str, values: Sequence[object] = ()) -> tuple[Sequence[KeptQuestion], int]:
        """What a query finds, and the time; without a file nothing, and none is made."""
        found = [_asked(row) for row in self._database.read(sql, values)]
        if not found:
            return (), 0
        self._time.learn(self._database)
        return found, self._time.look()

    def _write(self) -> Transaction:
        self._time.learn(self._database)
        return self._database.write()


def _asked(row: Sequence[Any]) -> KeptQuestion:
    return KeptQuestion(*row)


def _row(asked: KeptQuestion) -> tuple[Any, ...]:
    """All but the way of its answer, which has a table of its own."""
    return astuple(asked)[:-1]


def _write_answer(db: "sqlite3.Connection", given: KeptQuestion) -> None:
    db.execute(_ANSWER, (given.answer, given.expires_ns, given.id))
    db.execute(_WAY, (given.id, given.way))


def _dated(asked: KeptQuestion, ahead_ns: int) -> KeptQuestion:
    """A question as it goes out, by the wall clock, which is `ahead_ns` ahead of the time it is kept by."""
    used = None if asked.used_ns is None else asked.used_ns + ahead_ns
    times = {"created_ns": asked.created_ns + ahead_ns, "expires_ns": asked.expires_ns + ahead_ns}
    return replace(asked, **times, used_ns=used)


def _id(given: str) -> str:
    return given.strip().lower()


def _live(asked: Iterable[KeptQuestion], binding: str, now_ns: int) -> KeptQuestion | None:
    """The one question with that binding that waits, or whose answer holds and isn't used."""
    found = (each for each in asked if each.binding == binding and each.status(now_ns) in _LIVE)
    return next(found, None)


def _check_room(waiting: int) -> None:
    if waiting >= MOST_OPEN:
        raise TooManyOpen(f"{waiting} calls wait for a person's answer already; no more are kept")
