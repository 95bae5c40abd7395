"""Grants in the state's file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from alya_mcp.gate.clock import Clock
from alya_mcp.gate.decision import shown
from alya_mcp.gate.grants import Grant, GrantError
from alya_mcp.gate.state.database import Database

if TYPE_CHECKING:
    import sqlite3

TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS grants (
        id TEXT PRIMARY KEY, label TEXT NOT NULL UNIQUE COLLATE NOCASE, policy TEXT,
        created INTEGER NOT NULL, rotated INTEGER, revoked INTEGER, token TEXT NOT NULL UNIQUE
    )""",
)
_BY_REFERENCE: Final = "SELECT * FROM grants WHERE id = :name OR label = :name"
_HOLDER: Final = "SELECT * FROM grants WHERE token = ? AND revoked IS NULL"
_ALL: Final = "SELECT * FROM grants ORDER BY created, rowid"


class SqliteGrants:
    """Grants that all processes of the state share; of a token its SHA-256 alone is kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, grant: str, label: str, policy: str | None, digest: str) -> Grant:
        """Keep a new grant; `GrantError` when its label was ever given before."""
        with self._database.write() as db:
            if (there := _named(db, label)) is not None:
                how = "exists; rotate it for a new token, or" if there.revoked_ns is None else "was revoked;"
                raise GrantError(f"a grant {there.label!r} {how} take another label")
            new = Grant(grant, label, policy, self._clock.time_ns())
            values = (new.id, new.label, new.policy, new.created_ns, None, None, digest)
            db.execute("INSERT INTO grants VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            return new

    def replace(self, reference: str, digest: str) -> Grant:
        """Give a grant another token; `GrantError` when it is unknown or revoked."""
        with self._database.write() as db:
            there = _known(db, reference)
            if there.revoked_ns is not None:
                raise GrantError(f"the grant {there.label!r} is revoked; create one with another label")
            change = "UPDATE grants SET token = ?, rotated = ? WHERE id = ?"
            db.execute(change, (digest, self._clock.time_ns(), there.id))
            return _known(db, there.id)

    def revoke(self, reference: str) -> Grant:
        """End a grant for good; `GrantError` when it is unknown."""
        with self._database.write() as db:
            there = _known(db, reference)
            change = "UPDATE grants SET revoked = ? WHERE id = ? AND revoked IS NULL"
            db.execute(change, (self._clock.time_ns(), there.id))
            return _known(db, there.id)

    def holder(self, digest: str) -> Grant | None:
        """The grant whose token has that hash, unless it is revoked."""
        rows = self._database.read(_HOLDER, (digest,))
        return _grant(rows[0]) if rows else None

    def all(self) -> Sequence[Grant]:
        """Every grant, the oldest first."""
        return [_grant(row) for row in self._database.read(_ALL)]


def _grant(row: Sequence[Any]) -> Grant:
    """A row without the hash of its token."""
    return Grant(*row[:-1])


def _named(db: "sqlite3.Connection", reference: str) -> Grant | None:
    row: Sequence[Any] | None = db.execute(_BY_REFERENCE, {"name": reference}).fetchone()
    return None if row is None else _grant(row)


def _known(db: "sqlite3.Connection", reference: str) -> Grant:
    found = _named(db, reference)
    if found is None:
        raise GrantError(f"there is no grant {shown(reference, 40)!r}; `alya-mcp grants list` shows all")
    return found
