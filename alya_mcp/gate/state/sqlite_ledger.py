"""Sliding counters of a state file: what is counted for a grant and for the whole host.

Every charge is a row, and every counter keeps the sum of its charges after one moment, `since`. That sum is
brought up to date only where it decides: where a charge would not fit, or where a longer window lets more
count. So a charge costs the same however many are in its window.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from alya_mcp.gate.errors import StateError
from alya_mcp.gate.state import in_flight as places
from alya_mcp.gate.state import shared_time
from alya_mcp.gate.state.database import Database, Transaction
from alya_mcp.gate.state.in_flight import Places
from alya_mcp.gate.state.interface import Charge, Entered, Slot, Spent, longest
from alya_mcp.gate.state.memory_ledger import DAY_NS, KEPT
from alya_mcp.gate.state.shared_time import SharedTime

if TYPE_CHECKING:
    import sqlite3

TABLES: Final = (
    *shared_time.TABLES,
    *places.TABLES,
    """CREATE TABLE IF NOT EXISTS counters (
        id INTEGER PRIMARY KEY, counter TEXT NOT NULL, subject TEXT NOT NULL, used INTEGER NOT NULL,
        since INTEGER NOT NULL, rows INTEGER NOT NULL, forget INTEGER NOT NULL, UNIQUE (counter, subject)
    )""",
    """CREATE TABLE IF NOT EXISTS charges (
        counter INTEGER NOT NULL, at INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (counter, at)
    ) WITHOUT ROWID""",
)
_COUNTER: Final = (
    "SELECT id, used, since, rows, forget, counter FROM counters WHERE counter = ? AND subject = ?"
)
_NEW_COUNTER: Final = "INSERT INTO counters VALUES (NULL, ?, ?, 0, ?, 0, 0)"
_SET_COUNTER: Final = (
    "UPDATE counters SET used = ?, since = ?, rows = ?, forget = ?, counter = ? WHERE id = ?"
)
_SOME_COUNTERS: Final = "SELECT id, forget FROM counters WHERE id > ? ORDER BY id LIMIT ?"
_ADD: Final = (
    "INSERT INTO charges VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount"
)
_SUM: Final = "SELECT COALESCE(SUM(amount), 0) FROM charges WHERE counter = ? AND at > ? AND at <= ?"
_BETWEEN: Final = "SELECT amount FROM charges WHERE counter = ? AND at > ? AND at <= ?"
_OLDEST_FIRST: Final = "SELECT at, amount FROM charges WHERE counter = ? AND at > ? ORDER BY at"
_NEWEST_FIRST: Final = f"{_OLDEST_FIRST} DESC"
_NTH_NEWEST: Final = "SELECT at FROM charges WHERE counter = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
_GIVE_BACK: Final = "UPDATE charges SET amount = amount - ? WHERE counter = ? AND at = ? AND amount >= ?"
_DROP_EMPTY: Final = "DELETE FROM charges WHERE counter = ? AND at = ? AND amount = 0"
_DROP_BEFORE: Final = "DELETE FROM charges WHERE counter = ? AND at < ?"

_FOREVER: Final = 2**63 - 1
_SWEEP_EVERY: Final = 256
_SWEPT_AT_ONCE: Final = 512


class _Counter(NamedTuple):
    """A row of `counters`: the sum of what was charged after `since`, and until when it is kept at least."""

    id: int
    used: int
    since: int
    rows: int
    forget: int
    name: str


class SqliteLedger:
    """The ledger of a state file. Windows slide on the file's `SharedTime`.

    A reservation is in a committed transaction when `reserve` returns: it outlives the process, killed or
    not, but not a loss of power. `owe` is called when something couldn't be written now; `pay` has to be
    called then until it succeeds.
    """

    def __init__(self, database: Database, time: SharedTime, owe: Callable[[], None]) -> None:
        self._database = database
        self._time = time
        self._places = Places(database, owe)
        self._owe = owe
        self._owed: list[tuple[Sequence[Charge], int]] = []
        self._paying = threading.Lock()
        self._writes = 0
        self._swept_to = 0

    def first_spent(self, charges: Sequence[Charge]) -> Spent | None:
        """The first charge that wouldn't fit now. Takes nothing."""
        if not charges:
            return None
        with self._snapshot() as db:
            now = self._time.look()
            for index, charge in enumerate(charges):
                if charge.amount:
                    counter = _find(db, charge, now)
                    spent = _spent(db, index, charge, counter, now)
                    if spent is not None:
                        return spent
        return None

    def reserve(self, charges: Sequence[Charge]) -> int | Spent:
        """Take all charges or none; the moment of it, or the first charge that didn't fit."""
        return self._reserve(charges, None)

    def reserve_within(self, charges: Sequence[Charge], patience: float) -> int | Spent:
        """The same; `StateBusy`, and nothing taken, when others have been writing for `patience` seconds."""
        return self._reserve(charges, patience)

    def _reserve(self, charges: Sequence[Charge], patience: float | None) -> int | Spent:
        with self._write(patience) as db:
            now = self._time.now(db)
            found: dict[Charge, _Counter | None] = {}
            for index, charge in enumerate(charges):
                if charge.amount:
                    found[charge] = counter = _find(db, charge, now)
                    spent = _spent(db, index, charge, counter, now)
                    if spent is not None:
                        return spent
            for charge in longest([*found]):
                counter = found[charge]
                _add(db, charge, counter or _new(db, charge, now), now, max(charge.window_ns, DAY_NS))
            self._sweep(db, now)
        return now

    def refund(self, charges: Sequence[Charge], at: int) -> None:
        """Give back what was reserved at the moment `at`, to the windows it was taken from."""
        self._owed.append((charges, at))
        try:
            self.pay()
        except StateError:
            self._owe()

    def attempt(self, charges: Sequence[Charge]) -> Spent | None:
        """Count every charge whatever comes; the first counter that is then over its `max`."""
        if not charges:
            return None
        first: Spent | None = None
        with self._write() as db:
            now = self._time.now(db)
            for index, charge in enumerate(charges):
                counter = _find(db, charge, now) or _new(db, charge, now)
                counter = _add(db, charge, counter, now, charge.window_ns)
                if counter.used > charge.max and first is None:
                    first = Spent(index, _wait(db, charge, counter, now))
                if _is_long(counter):
                    _forget_denied(db, counter, charge.max)
            self._sweep(db, now)
        return first

    def standing(self, charge: Charge) -> tuple[int, int | None]:
        """What counts now, in billionths, and in how many nanoseconds the oldest of it no longer will."""
        with self._snapshot() as db:
            now = self._time.look()
            kept = _kept(db, charge)
            if kept is None:
                return 0, None
            counter = _slid(db, kept, now - charge.window_ns)
            oldest = db.execute(_OLDEST_FIRST, (counter.id, counter.since)).fetchone()
        return counter.used, None if oldest is None else oldest[0] + charge.window_ns - now

    def first_full(self, slots: Sequence[Slot]) -> int | None:
        """The index of the first slot with no free place. Takes nothing."""
        return self._places.first_full(slots)

    def enter(self, slots: Sequence[Slot]) -> Entered | int:
        """Take a place in every slot or in none; the index of the first that was full."""
        return self._places.enter(slots)

    def leave(self, entered: Entered) -> None:
        """Free the places."""
        self._places.leave(entered)

    def pay(self) -> None:
        """Write what `refund` and `leave` couldn't; `StateError` when it still can't be."""
        with self._paying:
            owed = self._owed[:]
            if owed:
                with self._write() as db:
                    for charges, at in owed:
                        for charge in longest(charges):
                            _give_back(db, charge, at)
                del self._owed[: len(owed)]
        self._places.pay()

    def close(self) -> None:
        """Free all places of this process and pay what is owed; `StateError` when that can't be written."""
        try:
            self.pay()
        finally:
            self._places.close()

    def _snapshot(self) -> Transaction:
        self._time.learn(self._database)
        return self._database.snapshot()

    def _write(self, patience: float | None = None) -> Transaction:
        self._time.learn(self._database)
        return self._database.write(patience)

    def _sweep(self, db: "sqlite3.Connection", now: int) -> None:
        """Forget counters whose time is over: now and then some, in turn."""
        self._writes += 1
        if self._writes % _SWEEP_EVERY:
            return
        some = db.execute(_SOME_COUNTERS, (self._swept_to, _SWEPT_AT_ONCE)).fetchall()
        self._swept_to = some[-1][0] if len(some) == _SWEPT_AT_ONCE else 0
        for counter, forget in some:
            if forget <= now:
                db.execute("DELETE FROM charges WHERE counter = ?", (counter,))
                db.execute("DELETE FROM counters WHERE id = ?", (counter,))


def _kept(db: "sqlite3.Connection", charge: Charge) -> _Counter | None:
    """The charge's counter as it is kept, also under its former name."""
    row = db.execute(_COUNTER, charge[:2]).fetchone()
    if row is None and charge.formerly not in {"", charge.counter}:
        row = db.execute(_COUNTER, (charge.formerly, charge.subject)).fetchone()
    return None if row is None else _Counter(*row)


def _find(db: "sqlite3.Connection", charge: Charge, now: int) -> _Counter | None:
    """The charge's counter, its sum up to date if that decides whether the charge fits."""
    counter = _kept(db, charge)
    if counter is None:
        return None
    since = now - charge.window_ns
    if since >= counter.since and counter.used + charge.amount <= charge.max:
        return counter
    return _slid(db, counter, since)


def _slid(db: "sqlite3.Connection", counter: _Counter, since: int) -> _Counter:
    """The counter with the sum of exactly what was charged after `since`."""
    id_, used, kept, *_ = counter
    if since > kept:
        used -= db.execute(_SUM, (id_, kept, since)).fetchone()[0]
    else:  # a longer window than before: the sum may be more than SQLite can add up
        used += sum(amount for (amount,) in db.execute(_BETWEEN, (id_, since, kept)))
    return counter._replace(used=used, since=since)


def _new(db: "sqlite3.Connection", charge: Charge, now: int) -> _Counter:
    since = now - charge.window_ns
    made = db.execute(_NEW_COUNTER, (charge.counter, charge.subject, since)).lastrowid
    return _Counter(made or 0, 0, since, 0, 0, charge.counter)


def _spent(
    db: "sqlite3.Connection", index: int, charge: Charge, counter: _Counter | None, now: int
) -> Spent | None:
    """Why the charge doesn't fit into its counter; None when it does."""
    if charge.amount > charge.max:
        return Spent(index, None)
    if counter is None or counter.used + charge.amount <= charge.max:
        return None
    return Spent(index, _wait(db, charge, counter, now))


def _wait(db: "sqlite3.Connection", charge: Charge, counter: _Counter, now: int) -> int | None:
    """In how many nanoseconds the charge would fit, if nothing else is counted; None for never."""
    room = charge.max - charge.amount
    need = counter.used - room
    if need < room:
        for at, amount in db.execute(_OLDEST_FIRST, (counter.id, counter.since)):
            need -= amount
            if need <= 0:
                return at + charge.window_ns - now
    else:
        for at, amount in db.execute(_NEWEST_FIRST, (counter.id, counter.since)):
            room -= amount
            if room < 0:
                return at + charge.window_ns - now
    return None


def _add(db: "sqlite3.Connection", charge: Charge, counter: _Counter, now: int, keep: int) -> _Counter:
    """Count the charge now, and keep its counter for `keep` nanoseconds from now on."""
    long = _is_long(counter)
    if long:
        counter = _slid(db, counter, now - charge.window_ns)
    db.execute(_ADD, (counter.id, now, charge.amount))
    rows = counter.rows + 1
    if long:
        nth = db.execute(_NTH_NEWEST, (counter.id, KEPT - 1)).fetchone()
        if nth is not None:
            rows -= db.execute(_DROP_BEFORE, (counter.id, min(nth[0], counter.since + 1))).rowcount
    counter = counter._replace(
        used=counter.used + charge.amount,
        rows=rows,
        forget=min(max(counter.forget, now + keep), _FOREVER),
        name=charge.counter,
    )
    db.execute(_SET_COUNTER, (*counter[1:], counter.id))
    return counter


def _is_long(counter: _Counter) -> bool:
    """Whether it is time to look for charges that needn't be kept."""
    return counter.rows >= 2 * KEPT and counter.rows % KEPT == 0


def _forget_denied(db: "sqlite3.Connection", counter: _Counter, most: int) -> None:
    """Keep of attempts, which are counted without end, the newest that are over `most`."""
    total = 0
    for number, (at, amount) in enumerate(db.execute(_NEWEST_FIRST, (counter.id, counter.since)), 1):
        total += amount
        if total > most and number >= KEPT:
            rows = counter.rows - db.execute(_DROP_BEFORE, (counter.id, at)).rowcount
            counter = counter._replace(used=total, rows=rows)
            db.execute(_SET_COUNTER, (*counter[1:], counter.id))
            return


def _give_back(db: "sqlite3.Connection", charge: Charge, at: int) -> None:
    row = db.execute(_COUNTER, charge[:2]).fetchone()
    if row is None or not charge.amount:
        return
    counter = _Counter(*row)
    given = db.execute(_GIVE_BACK, (charge.amount, counter.id, at, charge.amount)).rowcount
    if given:
        db.execute(_DROP_EMPTY, (counter.id, at))
        if at > counter.since:
            counter = counter._replace(used=counter.used - charge.amount)
            db.execute(_SET_COUNTER, (*counter[1:], counter.id))
