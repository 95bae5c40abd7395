"""The time that all processes of a state file count on, so that no step of a clock opens a hole.

It begins as the wall clock's when the file is made. While the machine runs it goes on with the monotonic
clock, whatever the wall clock does; a time namespace's shift of that clock is taken out, so that containers
that share the file agree. After a start of the machine it goes on from its last use by what the
wall clock says has passed, never back. What can't be known: a wall clock that is set forward while the
machine starts again lets as much time pass, and one set back lets less pass, which is stricter. Where the
system has no boot id (it isn't Linux) a start shows as a monotonic clock below the last one; where it is not
seen, less time passes, which is stricter.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from alya_mcp.gate.clock import Clock, boot_id, namespace_offset_ns

if TYPE_CHECKING:
    import sqlite3

    from alya_mcp.gate.state.database import Database

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS clock (
        id INTEGER PRIMARY KEY CHECK (id = 1), boot TEXT NOT NULL,
        monotonic INTEGER NOT NULL, wall INTEGER NOT NULL, time INTEGER NOT NULL
    )""",
)
_ANCHOR_NS: Final = 1_000_000_000
_READ: Final = "SELECT boot, monotonic, wall, time FROM clock"
_WRITE: Final = "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)"


class Moment(NamedTuple):
    """One moment on all clocks, in nanoseconds; `monotonic` is the machine's own, `time` the shared one."""

    boot: str
    monotonic: int
    wall: int
    time: int


def offset_from(kept: Moment | None, boot: str, monotonic: int, wall: int) -> int:
    """What to add to the monotonic clock for the shared time, from the last moment that was kept and now."""
    if kept is None:
        return wall - monotonic
    if kept.boot == boot and monotonic >= kept.monotonic:
        return kept.time - kept.monotonic
    return kept.time + max(0, wall - kept.wall) - monotonic


class SharedTime:
    """The shared time of one connection's file. Its last use is kept to the second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = 0
        self._kept = 0
        self._known_to: sqlite3.Connection | None = None

    def learn(self, database: "Database") -> None:
        """Learn the time from the file, once a connection: before a transaction, not in one. `StateError`."""
        if self._known_to is None or self._known_to is not database.current:
            with database.write() as db:
                self._begin(db)

    def _begin(self, db: "sqlite3.Connection") -> None:
        row = db.execute(_READ).fetchone()
        boot, shift, seen, wall = (
            boot_id(),
            namespace_offset_ns(),
            self._clock.monotonic_ns(),
            self._clock.time_ns(),
        )
        monotonic = seen - shift
        offset = offset_from(None if row is None else Moment(*row), boot, monotonic, wall)
        db.execute(_WRITE, (boot, monotonic, wall, monotonic + offset))
        self._boot, self._shift, self._kept, self._offset = boot, shift, seen, offset - shift
        self._known_to = db

    def look(self) -> int:
        """The time now, for a question; in nanoseconds."""
        return self._clock.monotonic_ns() + self._offset

    def now(self, db: "sqlite3.Connection") -> int:
        """The time now, in a transaction that writes, so that it is never earlier than in the one before."""
        monotonic = self._clock.monotonic_ns()
        if monotonic - self._kept >= _ANCHOR_NS:
            self._kept = monotonic
            time = monotonic + self._offset
            db.execute(_WRITE, (self._boot, monotonic - self._shift, self._clock.time_ns(), time))
        return monotonic + self._offset
