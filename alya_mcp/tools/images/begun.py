"""The drawings that servers of one ALYA_HOME have begun, so that a later one collects what a gone one left.

- `drawings/begun.sqlite`: one row for each drawing that isn't delivered yet
- `drawings/OWNER.lock`: held by the server OWNER as long as it runs, however it ends

Neither a prompt nor the address of a reference can be read back from its row. Losing these files costs no
more than drawing a picture once more: trouble with them never fails a call.
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
"""Seconds for which a row stands: a picture may take ten minutes, and another ten it is kept."""

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

    `paid` tells that the call that began it was charged, also if its server died before it was settled.
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
        """Whether `arguments` ask for just this drawing."""
        return hmac.compare_digest(self.request, _request(self.salt, arguments))

    def draws(self, prompt: str) -> bool:
        """Whether it draws `prompt`."""
        return hmac.compare_digest(self.prompt, _digest(self.salt, prompt))

    def completed(self, arguments: ImageRequest) -> ImageRequest:
        """`arguments` with all that the call that began it asked for; addresses of references are theirs."""
        given = arguments.model_dump(mode="json", by_alias=True)
        return ImageRequest.model_validate_json(json.dumps({**given, **json.loads(self.asked)}))


class BegunDrawings:
    """What the server `owner` has begun, and what others of `home` left; the methods block."""

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
        """Note a drawing that begins now, its call charged.

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
        """Note whether the call that began an own drawing was charged."""
        self._write(_SET_PAID, paid, job_id, self._owner)

    def forget(self, job_id: str) -> None:
        """Forget an own drawing: it was delivered, failed or isn't wanted."""
        self._write(_FORGET, job_id, self._owner)

    def owe(self, job_id: str) -> None:
        """Leave an own drawing, which failed, as if its server had ended: a later call has it drawn again."""
        self._write(_OWE, job_id, self._owner)

    def left(self, caller: str, arguments: ImageRequest) -> Begun | None:
        """What a server that has gone began for `caller`, and `arguments` ask for: by their `job`, or anew.

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
        """Make what another server left an own drawing; False when somebody else was faster."""
        return self._write(_CLAIM, self._owner, begun.id, begun.owner) == 1

    def close(self) -> None:
        """The server ends: what it has begun may be collected."""
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
        """Show that this server runs, before it owns anything."""
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
        """What `work` returns; None when the files can't be used."""
        try:
            return work()
        except (Unavailable, OSError) as error:
            _log.warning("drawings can't outlive their server: %s", error)
            return None


def other_prompt(job_id: str) -> InvalidInput:
    """Says that a job draws another prompt than its call gives."""
    return InvalidInput(
        f"job {job_id!r} draws another prompt than the given one; give the prompt of the call that began it"
    )


def _request(salt: bytes, arguments: ImageRequest) -> bytes:
    return _digest(salt, repr((request_of(arguments), arguments.expires_in)))


def _digest(salt: bytes, text: str) -> bytes:
    """What stands for `text`."""
    return hmac.digest(salt, text.encode(errors="surrogatepass"), "sha256")
