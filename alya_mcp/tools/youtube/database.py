"""The file of the YouTube tools, `youtube/pipeline.sqlite` in ALYA_HOME: drafts, channels, uploads, requests.

One file for every server process of the user. A file that is damaged, newer or another program's is an error
and stays as it is.
"""

import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alya_mcp.errors import Unavailable
from alya_mcp.runtime.private_files import private_folder, touch_private
from alya_mcp.toolkit.tool import Context

_APPLICATION: Final = 0x616C7979
_SCHEMA: Final = 1
_BUSY_SECONDS: Final = 10.0
_TABLES: Final = """
    CREATE TABLE drafts (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, grant TEXT NOT NULL, state TEXT NOT NULL,
        reason TEXT, created_at TEXT NOT NULL, content TEXT NOT NULL, files TEXT NOT NULL DEFAULT '{}',
        progress TEXT, video_id TEXT
    );
    CREATE INDEX drafts_of_grant ON drafts (grant, number);
    CREATE TABLE history (draft TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, at TEXT NOT NULL);
    CREATE INDEX history_of_draft ON history (draft);
    CREATE TABLE channels (grant TEXT PRIMARY KEY, configuration TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE uploads (draft TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE requests (
        project TEXT NOT NULL, day TEXT NOT NULL, bucket TEXT NOT NULL, used INTEGER NOT NULL,
        exhausted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (project, day, bucket)
    ) WITHOUT ROWID;
    CREATE TABLE markets (grant TEXT NOT NULL, topic TEXT NOT NULL, row TEXT NOT NULL,
        PRIMARY KEY (grant, topic)) WITHOUT ROWID
"""


class YoutubeDatabase:
    """The database in `home`. Its methods block and may be called from any thread."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "youtube"
        self._path = self.folder / "pipeline.sqlite"
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A transaction that reads.

        Raises:
            Unavailable: the file can't be used.
        """
        with self._transaction("BEGIN") as db:
            yield db

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A transaction that no other process writes beside; on disk when it is over.

        Raises:
            Unavailable: the file can't be used; nothing was changed.
        """
        with self._transaction("BEGIN IMMEDIATE") as db:
            yield db

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _transaction(self, begin: str) -> Generator[sqlite3.Connection]:
        with self._lock:
            try:
                db = self._open()
                db.execute(begin)
                with db:
                    yield db
            except (sqlite3.Error, OSError) as error:
                self.close()
                raise Unavailable(
                    f"The channel's pipeline can't be used: {_reason(error)}. Nothing was changed. The user "
                    "finds it as youtube/pipeline.sqlite in ALYA_HOME."
                ) from None

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            private_folder(self.folder)
            touch_private(self._path)
            db = sqlite3.connect(
                self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db


def database_of(context: Context) -> YoutubeDatabase:
    """The database of this server's home."""
    home = context.hub.settings.home
    return context.hub.kept(YoutubeDatabase, lambda: YoutubeDatabase(home))


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables of a new file; refuse one that isn't ours or that a newer version wrote."""
    db.execute("BEGIN IMMEDIATE")
    with db:
        application = db.execute("PRAGMA application_id").fetchone()[0]
        schema = db.execute("PRAGMA user_version").fetchone()[0]
        if application == 0 and not db.execute("SELECT 1 FROM sqlite_master").fetchone():
            for statement in _TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {_SCHEMA}")
        elif application != _APPLICATION:
            raise OSError("the file belongs to another program")
        elif schema > _SCHEMA:
            raise OSError("a newer version of alya-mcp wrote it; upgrade this one")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).replace("\n", " ")
