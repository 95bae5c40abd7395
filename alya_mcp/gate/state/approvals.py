"""Questions that wait for a person, and their answers: in memory, or in the state's file."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, replace
from typing import Any, Final

from ..approvals import MOST_OPEN, Asked, Question, Status, TooManyOpen, Unanswerable, YesOrNo
from ..clock import Clock
from .database import Database

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS approvals (
        id TEXT PRIMARY KEY, tool TEXT NOT NULL, subject TEXT NOT NULL, rule TEXT NOT NULL,
        who TEXT NOT NULL, message TEXT NOT NULL, arguments TEXT NOT NULL, binding TEXT NOT NULL,
        created INTEGER NOT NULL, expires INTEGER NOT NULL, hold INTEGER NOT NULL, answer TEXT, used INTEGER
    )""",
    "CREATE INDEX IF NOT EXISTS approvals_binding ON approvals (binding)",
)
_KEPT_NS: Final = 86_400_000_000_000
_LIVE: Final = frozenset({"pending", "approved", "denied"})
_INSERT: Final = "INSERT INTO approvals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_BY_BINDING: Final = "SELECT * FROM approvals WHERE binding = ?"
_BY_ID: Final = "SELECT * FROM approvals WHERE id = ?"
_WAITING: Final = "SELECT COUNT(*) FROM approvals WHERE subject = ? AND answer IS NULL AND expires > ?"
_ALL: Final = "SELECT * FROM approvals ORDER BY created, rowid"


class MemoryApprovals:
    """Questions that end with the process."""

    def __init__(self, clock: Clock) -> None:
        self.key = secrets.token_bytes(32)
        self._clock = clock
        self._asked: dict[str, Asked] = {}

    def pend(self, question: Question) -> Asked:
        """Keep `question`, or return the one kept already while its binding is open; `TooManyOpen`."""
        now = self._clock.time_ns()
        self._asked = {name: each for name, each in self._asked.items() if now < each.expires_ns + _KEPT_NS}
        there = _live(self._asked.values(), question.binding, now)
        if there is not None:
            return there
        own = (each for each in self._asked.values() if each.grant == question.grant)
        _check_room(sum(each.status(now) == "pending" for each in own))
        asked = Asked.anew(question, now)
        self._asked[asked.id] = asked
        return asked

    def answered(self, binding: str) -> YesOrNo | None:
        """What a person said to the question with that binding, while it holds and isn't used."""
        there = _live(self._asked.values(), binding, self._clock.time_ns())
        return None if there is None else there.answer

    def take(self, binding: str) -> bool:
        """Use up the yes with that binding; False when there is none."""
        now = self._clock.time_ns()
        there = _live(self._asked.values(), binding, now)
        if there is None or there.answer != "yes":
            return False
        self._asked[there.id] = replace(there, used_ns=now)
        return True

    def answer(self, approval: str, answer: YesOrNo) -> tuple[Asked, Status]:
        """Answer the question `approval`; `Unanswerable`."""
        now = self._clock.time_ns()
        given = self.find(approval)[0].answered(answer, now)
        self._asked[given.id] = given
        return given, given.status(now)

    def find(self, approval: str) -> tuple[Asked, Status]:
        """The question `approval`; `Unanswerable`."""
        asked = self._asked.get(_id(approval))
        if asked is None:
            raise Unanswerable.unknown(approval)
        return asked, asked.status(self._clock.time_ns())

    def all(self) -> Sequence[tuple[Asked, Status]]:
        """Every question kept, the newest last."""
        now = self._clock.time_ns()
        return [(asked, asked.status(now)) for asked in self._asked.values()]


class SqliteApprovals:
    """Questions in the state's file, for all processes that use it. `key` gives the state's own."""

    def __init__(self, database: Database, clock: Clock, key: Callable[[], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._key = key

    @property
    def key(self) -> bytes:
        """32 random bytes kept in the file; `StateError`."""
        return self._key()

    def pend(self, question: Question) -> Asked:
        """Keep `question`, or return the one kept already while its binding is open; `TooManyOpen`."""
        with self._database.write() as db:
            now = self._clock.time_ns()
            db.execute("DELETE FROM approvals WHERE expires <= ?", (now - _KEPT_NS,))
            there = _live(map(_asked, db.execute(_BY_BINDING, (question.binding,))), question.binding, now)
            if there is not None:
                return there
            _check_room(db.execute(_WAITING, (question.grant, now)).fetchone()[0])
            asked = Asked.anew(question, now)
            db.execute(_INSERT, astuple(asked))
            return asked

    def answered(self, binding: str) -> YesOrNo | None:
        """What a person said to the question with that binding, while it holds and isn't used."""
        rows = self._database.read(_BY_BINDING, (binding,))
        there = _live(map(_asked, rows), binding, self._clock.time_ns())
        return None if there is None else there.answer

    def take(self, binding: str) -> bool:
        """Use up the yes with that binding, once among all processes; False when there is none (left)."""
        with self._database.write() as db:
            now = self._clock.time_ns()
            there = _live(map(_asked, db.execute(_BY_BINDING, (binding,))), binding, now)
            if there is None or there.answer != "yes":
                return False
            db.execute("UPDATE approvals SET used = ? WHERE id = ?", (now, there.id))
            return True

    def answer(self, approval: str, answer: YesOrNo) -> tuple[Asked, Status]:
        """Answer the question `approval`; `Unanswerable`."""
        self.find(approval)
        with self._database.write() as db:
            now = self._clock.time_ns()
            row = db.execute(_BY_ID, (_id(approval),)).fetchone()
            if row is None:
                raise Unanswerable.unknown(approval)
            given = _asked(row).answered(answer, now)
            change = "UPDATE approvals SET answer = ?, expires = ? WHERE id = ?"
            db.execute(change, (given.answer, given.expires_ns, given.id))
            return given, given.status(now)

    def find(self, approval: str) -> tuple[Asked, Status]:
        """The question `approval`; `Unanswerable`."""
        rows = self._database.read(_BY_ID, (_id(approval),))
        if not rows:
            raise Unanswerable.unknown(approval)
        asked = _asked(rows[0])
        return asked, asked.status(self._clock.time_ns())

    def all(self) -> Sequence[tuple[Asked, Status]]:
        """Every question kept, the newest last."""
        now = self._clock.time_ns()
        found = map(_asked, self._database.read(_ALL))
        return [(asked, asked.status(now)) for asked in found if now < asked.expires_ns + _KEPT_NS]


def _asked(row: Sequence[Any]) -> Asked:
    return Asked(*row)


def _id(given: str) -> str:
    return given.strip().lower()


def _live(asked: Iterable[Asked], binding: str, now_ns: int) -> Asked | None:
    """The one question with that binding that waits, or whose answer holds and isn't used."""
    found = (each for each in asked if each.binding == binding and each.status(now_ns) in _LIVE)
    return next(found, None)


def _check_room(waiting: int) -> None:
    if waiting >= MOST_OPEN:
        raise TooManyOpen(f"{waiting} calls wait for a person's answer already; no more are kept")
