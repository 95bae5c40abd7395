"""Calls in flight of all processes of a state file.

Each process writes how many places it holds; a row counts while its holder is alive. So the places of a
killed process are free at once, and never are more taken than there are.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from alya_mcp.gate.errors import StateError
from alya_mcp.gate.state.database import Database
from alya_mcp.gate.state.interface import Entered, Slot

if TYPE_CHECKING:
    import sqlite3

    from alya_mcp.gate.state.liveness import Holder

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS places (
        counter TEXT NOT NULL, subject TEXT NOT NULL, holder TEXT NOT NULL, taken INTEGER NOT NULL,
        PRIMARY KEY (counter, subject, holder)
    ) WITHOUT ROWID""",
)
_OF_OTHERS: Final = "SELECT holder, taken FROM places WHERE counter = ? AND subject = ? AND holder != ?"
_SET: Final = "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)"
_HOLDERS: Final = "SELECT DISTINCT holder FROM places"
_FREE_ALL: Final = "DELETE FROM places WHERE holder = ?"
_FREE: Final = "DELETE FROM places WHERE counter = ? AND subject = ? AND holder = ?"

_Key = tuple[str, str]


class Places:
    """The places that this process holds, beside those of others.

    `owe` is called when a place that was left couldn't be freed in the file; `pay` has to be called then
    until it succeeds.
    """

    def __init__(self, database: Database, owe: Callable[[], None]) -> None:
        self._database = database
        self._folder = database.path.with_name(database.path.name + "-holders")
        self._owe = owe
        self._holder: Holder | None = None
        self._mine: dict[_Key, int] = {}
        self._owed: set[_Key] = set()
        self._lock = threading.RLock()

    def first_full(self, slots: Sequence[Slot]) -> int | None:
        """The index of the first slot with no free place. Takes nothing."""
        if not slots:
            return None
        with self._lock, self._database.snapshot() as db:
            return self._first_full(db, slots)

    def enter(self, slots: Sequence[Slot]) -> Entered | int:
        """Take a place in every slot or in none; the index of the first that was full."""
        with self._lock:
            holder = self._held_by()
            taken = {slot[:2]: self._mine.get(slot[:2], 0) + 1 for slot in slots}
            with self._database.write() as db:
                full = self._first_full(db, slots)
                if full is not None:
                    return full
                _write(db, holder, taken.items())
            self._mine.update(taken)
            return Entered(tuple(slots))

    def leave(self, entered: Entered) -> None:
        """Free the places."""
        with self._lock:
            for slot in entered.slots:
                if slot[:2] in self._mine:  # else `close` has freed it
                    self._mine[slot[:2]] -= 1
                    self._owed.add(slot[:2])
        try:
            self.pay()
        except StateError:
            self._owe()

    def pay(self) -> None:
        """Write what `leave` couldn't; `StateError` when it still can't be."""
        with self._lock:
            if self._owed and self._holder is not None:
                with self._database.write() as db:
                    _write(db, self._holder.name, [(key, self._mine[key]) for key in self._owed])
                for key in self._owed:
                    if not self._mine[key]:
                        del self._mine[key]
                self._owed.clear()

    def close(self) -> None:
        """Free all places; `StateError` when that can't be written, and they are free all the same."""
        with self._lock:
            holder, self._holder = self._holder, None
            if holder is None:
                return
            mine, self._mine = self._mine, {}
            self._owed.clear()
            try:
                with self._database.write() as db:
                    _write(db, holder.name, [(key, 0) for key in mine])
            finally:
                holder.close()

    def _first_full(self, db: "sqlite3.Connection", slots: Sequence[Slot]) -> int | None:
        me = "" if self._holder is None else self._holder.name
        for index, slot in enumerate(slots):
            others = db.execute(_OF_OTHERS, (slot.counter, slot.subject, me)).fetchall()
            free = slot.max - self._mine.get(slot[:2], 0)
            if sum(taken for _, taken in others) < free:
                continue
            if sum(taken for holder, taken in others if self._is_alive(holder)) >= free:
                return index
        return None

    def _is_alive(self, holder: str) -> bool:
        from alya_mcp.gate.state.liveness import is_alive

        try:
            return is_alive(self._folder, holder)
        except OSError as error:
            raise self._unusable(error) from None

    def _held_by(self) -> str:
        if self._holder is None:
            from alya_mcp.gate.state.liveness import Holder

            self._database.open()
            try:
                self._holder = Holder(self._folder)
            except OSError as error:
                raise self._unusable(error) from None
            with self._database.write() as db:
                for (other,) in db.execute(_HOLDERS).fetchall():
                    if not self._is_alive(other):
                        db.execute(_FREE_ALL, (other,))
        return self._holder.name

    def _unusable(self, error: OSError) -> StateError:
        what = f"the folder {self._folder} can't be used: {error.strerror or error}"
        return StateError(what, "See that you may read and write it and that its disk has room.")


def _write(db: "sqlite3.Connection", holder: str, taken: Iterable[tuple[_Key, int]]) -> None:
    for key, number in taken:
        db.execute(_SET, (*key, holder, number)) if number else db.execute(_FREE, (*key, holder))
