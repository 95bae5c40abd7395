"""What was asked for before and which stored picture answers it, for every server process of one ALYA_HOME.

- `repeats/key`: 32 random bytes
- `repeats/index.sqlite`: for each question a keyed digest and the sealed answer
- `repeats/lock`: held by whoever makes or opens these, or replaces a damaged index

A question can't be read back: its answer opens only for someone who has the key and asks the same again.
Losing the index costs no more than drawing a picture once more, so no trouble with it is ever a call's.
"""

import hashlib
import hmac
import json
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, TypeVar

from alya_mcp.runtime.locks import exclusive
from alya_mcp.runtime.private_files import private_folder, write_private

MOST: Final = 1000
"""Pictures that are remembered; the one that wasn't asked for longest goes first."""

Question = Mapping[str, str | int]
T = TypeVar("T")

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 16
_BUSY_SECONDS: Final = 1.0
_LOCK_SECONDS: Final = 5.0
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS answers (
        question BLOB PRIMARY KEY, used INTEGER NOT NULL, sealed BLOB NOT NULL
    )
"""
_BY_USE: Final = "CREATE INDEX IF NOT EXISTS by_use ON answers (used)"
_NOW: Final = "(SELECT COALESCE(MAX(used), 0) + 1 FROM answers)"  # counts uses: clocks step back
_FIND: Final = "SELECT sealed FROM answers WHERE question = ?"
_USE: Final = f"UPDATE answers SET used = {_NOW} WHERE question = ?"  # noqa: S608
_FORGET: Final = "DELETE FROM answers WHERE question = ?"
_REMEMBER: Final = f"INSERT OR REPLACE INTO answers VALUES (?, {_NOW}, ?)"  # noqa: S608
_EVICT: Final = (
    "DELETE FROM answers WHERE used <= (SELECT used FROM answers ORDER BY used DESC LIMIT 1 OFFSET ?)"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A stored picture and all that is told of it: `key` in the store, `size` in bytes, a JPEG `preview`."""

    key: str
    sha256: str
    size: int
    content_type: str
    width: int
    height: int
    model: str
    notice: str | None
    preview: bytes


_ANSWER: Final = f"answer {[field.name for field in fields(Known)]}\n".encode()
"""Names what an answer holds, so that one of another make doesn't open."""


class Index:
    """The index in `home`; its methods block, never raise, and may be called from any thread."""

    def __init__(self, home: Path, *, most: int = MOST) -> None:
        self._folder = home / "repeats"
        self._most = most
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def find(self, question: Question) -> Known | None:
        """The picture that answers `question`, if one is remembered."""

        def find(opened: _Opened) -> Known | None:
            asked = _Asked(opened.key, question)
            row = opened.db.execute(_FIND, (asked.digest,)).fetchone()
            known = None if row is None else asked.unseal(row[0])
            if row is not None:
                opened.db.execute(_FORGET if known is None else _USE, (asked.digest,))
            return known

        return self._do(find)

    def remember(self, question: Question, known: Known) -> None:
        """Remember that `known` answers `question`."""

        def remember(opened: _Opened) -> None:
            asked = _Asked(opened.key, question)
            opened.db.execute("BEGIN IMMEDIATE")
            with opened.db:
                opened.db.execute(_REMEMBER, (asked.digest, asked.seal(known)))
                opened.db.execute(_EVICT, (self._most,))

        self._do(remember)

    def forget(self, question: Question) -> None:
        """Forget what answers `question`."""

        def forget(opened: _Opened) -> None:
            opened.db.execute(_FORGET, (_Asked(opened.key, question).digest,))

        self._do(forget)

    def close(self) -> None:
        """Let go of the file; a later question opens it again."""
        with self._lock:
            self._close()

    def _do(self, work: "Callable[[_Opened], T]") -> T | None:
        """What `work` returns; None when the index can't be used."""
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
                self._opened = _Opened(self._key(), _connect(self._file))
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
        """Move a damaged index aside, unless another process did so meanwhile."""
        self._close()
        with exclusive(private_folder(self._folder) / "lock", wait=_LOCK_SECONDS):
            if _is_whole(self._file):
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


class _Asked:
    """A question under a key: the digest that stands for it, and what seals its answer."""

    def __init__(self, key: bytes, question: Question) -> None:
        text = json.dumps(question, sort_keys=True, separators=(",", ":")).encode()
        self.digest = hmac.digest(key, b"question\n" + text, "sha256")
        self._secret = hmac.digest(key, _ANSWER + text, "sha256")

    def seal(self, known: Known) -> bytes:
        """`known` as bytes that show nothing and can't be changed without notice."""
        facts = asdict(known)
        preview: bytes = facts.pop("preview")
        plain = json.dumps(facts).encode() + b"\n" + preview
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = nonce + self._masked(nonce, plain)
        return self._mark(body) + body

    def unseal(self, sealed: bytes) -> Known | None:
        """What was sealed; None when it was changed."""
        mark, body = sealed[: hashlib.sha256().digest_size], sealed[hashlib.sha256().digest_size :]
        if not hmac.compare_digest(mark, self._mark(body)):
            return None
        plain = self._masked(body[:_NONCE_BYTES], body[_NONCE_BYTES:])
        facts, _, preview = plain.partition(b"\n")
        return Known(**json.loads(facts), preview=preview)

    def _mark(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")

    def _masked(self, nonce: bytes, data: bytes) -> bytes:
        """`data` exclusive-or bytes that only this secret and `nonce` give; done twice, `data` again."""
        mask = hashlib.shake_256(self._secret + nonce).digest(len(data))
        return (int.from_bytes(data) ^ int.from_bytes(mask)).to_bytes(len(data))


def _connect(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(_TABLE)
        db.execute(_BY_USE)
    except BaseException:
        db.close()
        raise
    return db


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _is_whole(file: Path) -> bool:
    try:
        db = sqlite3.connect(file, timeout=_BUSY_SECONDS)
        try:
            return db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return False
        raise
