"""The audit log's writing end: every decision and every outcome, chained, keyed, written before it counts.

Each record is one `write` to the operating system, finished before a handler starts or an answer leaves. It
outlives the process, not a loss of power. The log is read by `verification` and `newest`.
"""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from .call import INVALID_ARGUMENTS, Call, Decision
from .clock import Clock, SystemClock
from .errors import AuditError
from .record import Seal, file_name, identifier, line_of, make_key, names, text
from .state import Head, State

LARGEST_FILE: Final = 64 * 1024 * 1024
_SECOND: Final = 1_000_000_000


class Audit:
    """One process's chain of records in `folder` (mode 0700, files 0600), a new file per UTC day or 64 MiB.

    `state` keeps where the chain ends, so that a cut-off end shows; without it only changes, removals and
    reordering inside do. `key` is the file of the key, `audit.key` beside the folder when left out.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        state: State | None = None,
        clock: Clock | None = None,
        *,
        key: str | os.PathLike[str] | None = None,
        largest_file: int = LARGEST_FILE,
    ) -> None:
        self.folder = Path(folder)
        self.key = self.folder.parent / "audit.key" if key is None else Path(key)
        self.chain = os.urandom(8).hex()
        self._largest_file = largest_file
        self._state = state
        self._clock: Clock = SystemClock() if clock is None else clock
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._seal: Seal | None = None
        self._seq = 0
        self._hash = ""
        self._part = 0
        self._file: int | None = None
        self._path: Path | None = None
        self._size = 0
        self._second: int = -1
        self._stamp = ""

    def open(self) -> None:
        """Make the folder, the key and the chain now rather than at the first record.

        Raises:
            AuditError: when the log can't be written here.
            StateError: when the state can't keep the chain's end.
        """
        with self._lock:
            self._opened()

    def arguments(self, arguments: Mapping[str, Any]) -> str:
        """The keyed digest that stands for a call's arguments.

        Raises:
            NotCanonical: when they are not JSON.
            AuditError, StateError: as `open`.
        """
        seal = self._seal
        if seal is None:
            with self._lock:
                seal = self._opened()
        return seal.of_arguments(arguments)

    def decided(self, call: Call, decision: Decision, digest: str | None) -> int:
        """Write what was decided on a call, and return the record's number.

        `digest` stands for the arguments; None when they are not JSON.

        Raises:
            AuditError, StateError: nothing was recorded.
        """
        message = decision.message
        if decision.rule == INVALID_ARGUMENTS:
            message = "the arguments don't fit the tool's input schema"
        return self._append(
            f'"session":{text(call.session)},"grant":{text(call.grant)},"request":{identifier(call.request)},'
            f'"tool":{text(call.tool)},"schema":{text(call.schema)},"keys":{names(call.arguments)},'
            f'"arguments":{text(digest)},"decision":"{decision.decision}","rule":{text(decision.rule, 512)},'
            f'"message":{text(message, 512)},"mode":"{decision.mode}","policy":"{decision.policy}"'
        )

    def settled(self, call: Call, decided: int, outcome: str, ms: float, usd: float) -> None:
        """Write what came of the call that record `decided` admitted; `ms` it took, `usd` it cost.

        Raises:
            AuditError, StateError: nothing was recorded.
        """
        self._append(
            f'"decided":{decided},"session":{text(call.session)},"grant":{text(call.grant)},'
            f'"request":{identifier(call.request)},"tool":{text(call.tool)},'
            f'"outcome":"{outcome}","ms":{ms:.3f},"usd":{usd!r}'
        )

    def close(self) -> None:
        """Let go of the file. Another record would begin a new one in the same chain."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _append(self, rest: str) -> int:
        with self._lock:
            seal = self._opened()
            now = self._clock.time_ns()
            file = self._file_for(now)
            seq = self._seq + 1
            stamp = f"{self._stamp}.{now % _SECOND // 1000:06d}Z"
            line, digest = line_of(seal, seq, stamp, self._hash, rest)
            self._write(file, line)
            self._seq, self._hash = seq, digest
            self._size += len(line)
            if self._state is not None:
                self._state.note_head(self.chain, seq, digest)
            return seq

    def _opened(self) -> Seal:
        if os.getpid() != self._process:
            raise AuditError("the audit log was opened before this process was forked; open another one here")
        if self._seal is None:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise self._failed(error) from None
            seal = Seal(make_key(self.key))
            self._hash = seal.of_chain(self.chain)
            if self._state is not None:
                self._state.begin_chain(self.chain, Head(0, self._hash))
            self._seal = seal
        return self._seal

    def _file_for(self, now: int) -> int:
        """The file that the next record goes to; looked at once a second, in case it was moved or deleted."""
        second = now // _SECOND
        if second != self._second:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            if stamp[:10] != self._stamp[:10] or self._is_gone():
                self._drop()
            self._second, self._stamp = second, stamp
        if self._size >= self._largest_file:
            self._drop()
        return self._begin_file(now) if self._file is None else self._file

    def _is_gone(self) -> bool:
        if self._file is None or self._path is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return True

    def _drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin_file(self, now: int) -> int:
        path = self.folder / file_name(self.chain, self._part + 1, now)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as error:
            raise self._failed(error) from None
        self._part += 1
        self._path, self._size = path, 0
        return self._file

    def _write(self, file: int, line: bytes) -> None:
        """Write the whole line; a part of one is cut off again, so that the chain stays whole."""
        try:
            written = os.write(file, line)
            if written == len(line):
                return
            os.ftruncate(file, self._size)
        except OSError as error:
            self._drop()
            raise self._failed(error) from None
        raise AuditError(f"the audit log in {self.folder} can't be written: only part of a record fitted")

    def _failed(self, error: OSError) -> AuditError:
        return AuditError(f"the audit log in {self.folder} can't be written: {error.strerror or error}")
