"""The drawings that servers of one ALYA_HOME started, so that a later server can collect them.

- `drawings/begun.sqlite`: a row for each drawing that isn't delivered yet
- `drawings/OWNER.lock`: locked by the server OWNER while it runs

A row has neither the prompt nor the address of a reference. If these files are lost, a picture is drawn
again, so errors with them never fail a call.
"""

import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.runtime.locks import FileLock
from alya_mcp.runtime.private_files import private_folder
from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.tools.images.request import ImageRequest, is_address, request_of

KEPT: Final = 1800.0
"""Seconds until a row expires: a picture may take ten minutes, and is kept for another ten."""

_APPLICATION: Final = 0x416C6244
_TABLES: Final = """
    CREATE TABLE begun (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, caller TEXT NOT NULL, key TEXT NOT NULL, salt BLOB NOT NULL,
        request BLOB NOT NULL, prompt BLOB NOT NULL, asked TEXT NOT NULL, seed INTEGER NOT NULL,
        policy TEXT NOT NULL, paid INTEGER NOT NULL, at REAL NOT NULL
    ) WITHOUT ROWID
"""
_COLUMNS: Final = "id, owner, key, salt, request, prompt, asked, seed, policy, paid"
_OF_CALLER: Final = f"SELECT {_COLUMNS} FROM begun WHERE caller = ? AND at > ? ORDER BY at"  # noqa: S608
_NOTE: Final = "INSERT INTO begun VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
_CLAIM: Final = "UPDATE begun SET owner = ? WHERE id = ? AND owner = ?"
_SET_PAID: Final = "UPDATE begun SET paid = ? WHERE id = ? AND owner = ?"
_OWE: Final = "UPDATE begun SET owner = '' WHERE id = ? AND owner = ?"
_FORGET: Final = "DELETE FROM begun WHERE id = ? AND owner = ?"
_FORGET_OLD: Final = "DELETE FROM begun WHERE at <= ?"
_NOT_ASKED: Final = {"prompt", "wait", "job"}
_OTHER_REFERENCES: Final = (
    "job {job!r} was begun by a server that has ended, with addresses as references, which aren't kept; give "
    "the references of the call that began it, in the same order, with the job"
)

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A drawing that a server began under the policy with digest `policy`, and the engine's `key` to it.

    `paid`: the call that started it was charged, even if its server died before the call was settled.
    """

    id: str
    owner: str
    key: str
    salt: bytes
    request: bytes
    prompt: bytes
    asked: str
    seed: int
    policy: str
    paid: bool

    def is_same(self, arguments: ImageRequest) -> bool:
        """Whether `arguments` ask for exactly this drawing."""
        return hmac.compare_digest(self.request, _request(self.salt, arguments))

    def draws(self, prompt: str) -> bool:
        """Whether it draws `prompt`."""
        return hmac.compare_digest(self.prompt, _digest(self.salt, prompt))

    def completed(self, arguments: ImageRequest) -> ImageRequest:
        """The first call's arguments, with the addresses of references from `arguments`."""
        given = arguments.model_dump(mode="json", by_alias=True)
        return ImageRequest.model_validate_json(json.dumps({**given, **json.loads(self.asked)}))


class BegunDrawings:
    """The drawings of the server `owner`, and those left by others of `home`; the methods block."""

    def __init__(self, home: Path, owner: str) -> None:
        self._folder = home / "drawings"
        self._owner = owner
        self._lock: FileLock | None = None
        self._file = self._folder / "begun.sqlite"
        self._database = PrivateDatabase(
            home,
            "drawings/begun.sqlite",
            title="The list of drawings",
            application=_APPLICATION,
            schema=1,
            tables=_TABLES,
        )

    def note(self, job_id: str, caller: str, arguments: ImageRequest, seed: int, policy: str) -> str:
        """Record a drawing that starts now, whose call is charged.

        Returns the key under which the engine may keep it; empty where it couldn't be noted.
        """
        key, salt, now = secrets.token_hex(16), secrets.token_bytes(16), time.time()
        fetched = any(is_address(each) for each in arguments.references or ())
        asked = arguments.model_dump_json(
            by_alias=True, exclude=_NOT_ASKED | {"references"} if fetched else _NOT_ASKED
        )
        request, prompt = _request(salt, arguments), _digest(salt, arguments.prompt)
        row = (job_id, self._owner, caller, key, salt, request, prompt, asked, seed, policy, now)

        def note() -> str:
            self._live()
            with self._database.writing() as db:
                db.execute(_FORGET_OLD, (now - KEPT,))
                db.execute(_NOTE, row)
            return key

        return self._do(note) or ""

    def set_paid(self, job_id: str, *, paid: bool) -> None:
        """Record whether the call that started an own drawing was charged."""
        self._write(_SET_PAID, paid, job_id, self._owner)

    def forget(self, job_id: str) -> None:
        """Delete an own drawing that was delivered, failed or was cancelled."""
        self._write(_FORGET, job_id, self._owner)

    def owe(self, job_id: str) -> None:
        """Leave an own drawing, which failed, as if its server had ended: a later call has it drawn again."""
        self._write(_OWE, job_id, self._owner)

    def left(self, caller: str, arguments: ImageRequest) -> Begun | None:
        """The drawing of an ended server that `caller` asks for, by `job` or with the same arguments.

        Raises:
            InvalidInput: when their `job` draws another prompt, or from addresses that they don't give.
        """
        for each in self._of(caller):
            fits = each.is_same(arguments) if arguments.job is None else each.id == arguments.job
            if fits and self._is_gone(each.owner):
                if not each.draws(arguments.prompt):
                    raise other_prompt(each.id)
                if not each.is_same(each.completed(arguments)):
                    raise InvalidInput(_OTHER_REFERENCES.format(job=each.id))
                return each
        return None

    def claim(self, begun: Begun) -> bool:
        """Take over another server's drawing; False if a third one was faster."""
        return self._write(_CLAIM, self._owner, begun.id, begun.owner) == 1

    def close(self) -> None:
        """Release this server's drawings, so that others may collect them."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None
            self._do(lambda: self._path(self._owner).unlink(missing_ok=True))

    def _of(self, caller: str) -> list[Begun]:
        def read() -> list[tuple[Any, ...]]:
            if not self._file.exists():
                return []
            with self._database.reading() as db:
                return db.execute(_OF_CALLER, (caller, time.time() - KEPT)).fetchall()

        return [Begun(*row[:-1], paid=bool(row[-1])) for row in self._do(read) or ()]

    def _write(self, statement: str, *values: Any) -> int:
        def write() -> int:
            if not self._file.exists():
                return 0
            self._live()
            with self._database.writing() as db:
                return db.execute(statement, values).rowcount

        return self._do(write) or 0

    def _live(self) -> None:
        """Take this server's lock, before it owns anything."""
        if self._lock is None:
            lock = FileLock(private_folder(self._folder) / f"{self._owner}.lock")
            lock.acquire()
            self._lock = lock

    def _is_gone(self, owner: str) -> bool:
        if owner == self._owner:
            return False
        path = self._path(owner)

        def look() -> bool:
            if not path.exists():
                return True
            lock = FileLock(path)
            gone = lock.acquire()
            lock.release()
            if gone:
                path.unlink(missing_ok=True)
            return gone

        return self._do(look) or False

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    @staticmethod
    def _do(work: Callable[[], T]) -> T | None:
        """The result of `work`; None if the files can't be used."""
        try:
            return work()
        except (Unavailable, OSError) as error:
            _log.warning("drawings can't outlive their server: %s", error)
            return None


def other_prompt(job_id: str) -> InvalidInput:
    """The error for a job whose prompt isn't that of the call."""
    return InvalidInput(
        f"job {job_id!r} draws another prompt than the given one; give the prompt of the call that began it"
    )


def _request(salt: bytes, arguments: ImageRequest) -> bytes:
    return _digest(salt, repr((request_of(arguments), arguments.expires_in)))


def _digest(salt: bytes, text: str) -> bytes:
    """The digest of `text`."""
    return hmac.digest(salt, text.encode(errors="surrogatepass"), "sha256")
