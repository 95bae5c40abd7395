"""The index of repeated pictures: it maps earlier requests to stored pictures.

- `repeats/key`: 32 random bytes
- `repeats/index.sqlite`: a keyed digest of each request, and its picture
- `repeats/lock`: held while these are created or opened, or a damaged index is replaced

All server processes of one ALYA_HOME share it. A prompt can't be recovered from its digest. If the index is
lost, a picture is drawn again, so errors with it never fail a call.
"""

import hmac
import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from alya_mcp.runtime.locks import exclusive
from alya_mcp.runtime.private_files import private_folder, touch_private, write_private

MOST: Final = 1000
"""Pictures in the index; the least recently used one is evicted."""

RepeatKey = Mapping[str, str | int]
T = TypeVar("T")

_SCHEMA: Final = 1
_KEY_BYTES: Final = 32
_BUSY_SECONDS: Final = 1.0
_LOCK_SECONDS: Final = 5.0
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A stored picture with its metadata: `key` in the store, `size` in bytes, a JPEG `preview`."""

    key: str
    sha256: str
    size: int
    content_type: str
    width: int
    height: int
    model: str
    notice: str | None
    preview: bytes


_NAMES: Final = tuple(field.name for field in fields(Known))
_COLUMNS: Final = ", ".join(_NAMES)
_TABLES: Final = """
    DROP TABLE IF EXISTS answers; -- versions up to 0.1.0
    CREATE TABLE IF NOT EXISTS pictures (
        request BLOB PRIMARY KEY, used INTEGER NOT NULL, key TEXT NOT NULL, sha256 TEXT NOT NULL,
        size INTEGER NOT NULL, content_type TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        model TEXT NOT NULL, notice TEXT, preview BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS by_use ON pictures (used);
    CREATE TABLE IF NOT EXISTS made (
        request BLOB PRIMARY KEY, seed INTEGER, steps INTEGER, at REAL NOT NULL
    );
    PRAGMA user_version = 1;
"""
_NOW: Final = "(SELECT COALESCE(MAX(used), 0) + 1 FROM pictures)"  # a counter: clocks may be set back
_FIND: Final = f"SELECT {_COLUMNS} FROM pictures WHERE request = ?"  # noqa: S608
_USE: Final = f"UPDATE pictures SET used = {_NOW} WHERE request = ?"  # noqa: S608
_FORGET: Final = "DELETE FROM pictures WHERE request = ?"
_REMEMBER: Final = (
    f"INSERT OR REPLACE INTO pictures (request, used, {_COLUMNS}) "  # noqa: S608
    f"VALUES (?, {_NOW}{', ?' * len(_NAMES)})"
)
_MADE: Final = "INSERT OR REPLACE INTO made VALUES (?, ?, ?, ?)"
_ALL: Final = (
    "SELECT key, size, content_type, width, height, model, seed, steps, at FROM pictures "
    "LEFT JOIN made USING (request) ORDER BY used DESC"
)
_PREVIEW: Final = "SELECT preview FROM pictures WHERE key = ?"
_FORGET_KEY: Final = "DELETE FROM pictures WHERE key = ?"
_FORGET_MADE: Final = "DELETE FROM made WHERE request NOT IN (SELECT request FROM pictures)"
_EVICT: Final = (
    "DELETE FROM pictures WHERE used <= (SELECT used FROM pictures ORDER BY used DESC LIMIT 1 OFFSET ?)"
)


class Listed(NamedTuple):
    """A picture of the index without its preview; `at` is when it was drawn, in seconds since 1970.

    `seed`, `steps` and `at` are None for an entry of an earlier version.
    """

    key: str
    size: int
    content_type: str
    width: int
    height: int
    model: str
    seed: int | None
    steps: int | None
    at: float | None


class RepeatIndex:
    """The index in `home`; its methods block, never raise, and may be called from any thread.

    `busy` is how many seconds to wait for another process's write.
    """

    def __init__(self, home: Path, *, most: int = MOST, busy: float = _BUSY_SECONDS) -> None:
        self._busy = busy
        self._folder = home / "repeats"
        self._most = most
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def find(self, question: RepeatKey) -> Known | None:
        """The picture for `question`, or None."""

        def find(opened: _Opened) -> Known | None:
            digest = _digest(opened.key, question)
            row = opened.db.execute(_FIND, (digest,)).fetchone()
            if row is None:
                return None
            opened.db.execute(_USE, (digest,))
            return Known(**dict(zip(_NAMES, row, strict=True)))

        return self._do(find)

    def remember(self, question: RepeatKey, known: Known) -> None:
        """Store `known` as the picture for `question`."""

        def remember(opened: _Opened) -> None:
            opened.db.execute("BEGIN IMMEDIATE")
            with opened.db:
                digest = _digest(opened.key, question)
                opened.db.execute(_REMEMBER, (digest, *astuple(known)))
                made = (digest, question.get("seed"), question.get("steps"), time.time())
                opened.db.execute(_MADE, made)
                opened.db.execute(_EVICT, (self._most,))
                opened.db.execute(_FORGET_MADE)

        self._do(remember)

    def forget(self, question: RepeatKey) -> None:
        """Delete the entry for `question`."""

        def forget(opened: _Opened) -> None:
            opened.db.execute(_FORGET, (_digest(opened.key, question),))

        self._do(forget)

    def pictures(self) -> list[Listed]:
        """All pictures of the index, the most recently used first; doesn't create an index."""
        if not self._file.exists():
            return []
        found = self._do(lambda opened: [Listed(*row) for row in opened.db.execute(_ALL)])
        return list({each.key: each for each in reversed(found or ())}.values())[::-1]

    def preview(self, key: str) -> bytes | None:
        """The preview of the picture with this `key`, a small JPEG, or None."""
        row = self._do(lambda opened: opened.db.execute(_PREVIEW, (key,)).fetchone())
        return None if row is None else bytes(row[0])

    def forget_picture(self, key: str) -> None:
        """Delete all entries for the picture with this `key`."""

        def forget(opened: _Opened) -> None:
            opened.db.execute(_FORGET_KEY, (key,))
            opened.db.execute(_FORGET_MADE)

        self._do(forget)

    def close(self) -> None:
        """Close the file; a later use opens it again."""
        with self._lock:
            self._close()

    def _do(self, work: "Callable[[_Opened], T]") -> T | None:
        """The result of `work`; None if the index can't be used."""
        with self._lock:
            try:
                try:
                    return work(self._open())
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error):
                        raise
                    self._replace()
                    return work(self._open())
            except (sqlite3.Error, OSError) as error:
                self._close()
                _log.warning("the index of repeated pictures can't be used: %s", error)
                return None

    def _open(self) -> "_Opened":
        if self._opened is None:
            with exclusive(private_folder(self._folder) / "lock", wait=_LOCK_SECONDS):
                self._opened = _Opened(self._key(), _connect(self._file, self._busy))
        return self._opened

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.db.close()

    def _key(self) -> bytes:
        path = self._folder / "key"
        key = path.read_bytes() if path.exists() else b""
        if len(key) != _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            write_private(path, key)
        return key

    @property
    def _file(self) -> Path:
        return self._folder / "index.sqlite"

    def _replace(self) -> None:
        """Rename a damaged index, unless another process has done so meanwhile."""
        self._close()
        with exclusive(private_folder(self._folder) / "lock", wait=_LOCK_SECONDS):
            if _is_whole(self._file, self._busy):
                return
            aside = self._file.with_suffix(".damaged")
            self._file.replace(aside)
            for end in ("-wal", "-shm"):  # they belong to the damaged one
                self._file.with_name(self._file.name + end).unlink(missing_ok=True)
        _log.warning(
            "the index of repeated pictures was damaged and is begun anew; the old one is %s", aside.name
        )


@dataclass(frozen=True, slots=True)
class _Opened:
    key: bytes
    db: sqlite3.Connection


def _digest(key: bytes, question: RepeatKey) -> bytes:
    """The keyed digest of `question`."""
    text = json.dumps(question, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key, b"question\n" + text, "sha256")


def _connect(file: Path, busy: float) -> sqlite3.Connection:
    touch_private(file)
    db = sqlite3.connect(file, timeout=busy, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("PRAGMA user_version").fetchone()[0] > _SCHEMA:
            raise sqlite3.OperationalError("a newer version of alya-mcp wrote it")
        db.executescript(_TABLES)
    except BaseException:
        db.close()
        raise
    return db


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _is_whole(file: Path, busy: float) -> bool:
    try:
        db = sqlite3.connect(file, timeout=busy)
        try:
            return db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return False
        raise
