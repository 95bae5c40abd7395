"""Conversations with clones, kept in `clones/conversations.sqlite` in ALYA_HOME.

Each caller (grant) sees its own only. A conversation is deleted once nothing was said in it for 30 days.
"""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from alya_mcp.llm import Message
from alya_mcp.toolkit.private_database import PrivateDatabase

KEPT: Final = timedelta(days=30)
_MOST: Final = 40
"""Messages of a conversation that are kept."""
_TABLES: Final = """
    CREATE TABLE conversations (
        id TEXT PRIMARY KEY, grant TEXT NOT NULL, slug TEXT NOT NULL, used_at TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation TEXT NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL
    );
    CREATE INDEX by_conversation ON messages (conversation, number);
    CREATE INDEX by_use ON conversations (used_at)
"""


class Conversations:
    """The conversations in `home`. Its methods block and may be called from any thread.

    Raises:
        Unavailable: from every method, when the file can't be used.
    """

    def __init__(self, home: Path) -> None:
        self._file = PrivateDatabase(
            home,
            "clones/conversations.sqlite",
            title="The file of conversations",
            application=0x616C7963,
            schema=1,
            tables=_TABLES,
        )

    def find(self, grant: str, session_id: str, now: datetime) -> tuple[str, list[Message]] | None:
        """The slug of the figure and the messages so far; None for one that this caller doesn't have."""
        sql = "SELECT slug FROM conversations WHERE id = ? AND grant = ? AND used_at > ?"
        with self._file.reading() as db:
            found = db.execute(sql, (session_id, grant, _text(now - KEPT))).fetchone()
            if found is None:
                return None
            rows = db.execute(
                "SELECT role, text FROM messages WHERE conversation = ? ORDER BY number", (session_id,)
            ).fetchall()
        return found[0], [Message(role, text) for role, text in rows]

    def add(self, grant: str, session_id: str, slug: str, messages: Sequence[Message], now: datetime) -> None:
        """Add messages to a conversation, which begins with its first; old conversations go."""
        with self._file.writing() as db:
            old = _text(now - KEPT)
            db.execute(
                "DELETE FROM messages WHERE conversation IN "
                "(SELECT id FROM conversations WHERE used_at <= ?)",
                (old,),
            )
            db.execute("DELETE FROM conversations WHERE used_at <= ?", (old,))
            db.execute(
                "INSERT INTO conversations VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET used_at = "
                "excluded.used_at",
                (session_id, grant, slug, _text(now)),
            )
            for message in messages:
                db.execute(
                    "INSERT INTO messages (conversation, role, text) VALUES (?, ?, ?)",
                    (session_id, message.role, message.text),
                )
            db.execute(
                "DELETE FROM messages WHERE conversation = ? AND number NOT IN "
                "(SELECT number FROM messages WHERE conversation = ? ORDER BY number DESC LIMIT ?)",
                (session_id, session_id, _MOST),
            )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def new_session_id() -> str:
    """An id by which a conversation goes on."""
    return str(uuid.uuid4())


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
