"""Writes the audit log: every decision and outcome, hash-chained and keyed, before it takes effect.

Each record is one `write` to the operating system, finished before a handler starts or an answer leaves. It
outlives the process, not a loss of power. Of arguments only names and a digest are in it, of a result only
what the tool notes of its origin. It is read by `verification`, `reading`, `export` and `report`; `retention`
takes old files away.
"""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from alya_mcp.gate.audit.record import (
    ArgumentNames,
    Quoted,
    Seal,
    file_name,
    identifier,
    line_of,
    make_key,
    names,
    text,
)
from alya_mcp.gate.call import Call
from alya_mcp.gate.clock import Clock, SystemClock
from alya_mcp.gate.decision import INVALID_ARGUMENTS, Decision
from alya_mcp.gate.errors import AuditError
from alya_mcp.gate.policy.rules import Redact
from alya_mcp.gate.redaction import loggable
from alya_mcp.gate.state import Head, State

LARGEST_FILE: Final = 64 * 1024 * 1024
_SECOND: Final = 1_000_000_000
_LOOK_NS: Final = 10_000_000
"""How long a file that was there is taken to be there still."""
_NOTHING: Final = Redact()
_LONGEST_ORIGIN: Final = 4096


class Audit:
    """One process's chain of records in `folder` (mode 0700, files 0600), a new file per UTC day or 64 MiB.

    `state` keeps where the chain ends, so that a cut-off end shows; without it only changes, removals and
    reordering inside do. `key` is the file of the key, `audit.key` beside the folder when left out.
    `keep_days` is how many whole days a file is kept after its own, None for ever; with it, each file that is
    begun lets a background thread take away those of all chains that are older (see `retention.retire`).
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        state: State | None = None,
        clock: Clock | None = None,
        *,
        key: str | os.PathLike[str] | None = None,
        largest_file: int = LARGEST_FILE,
        keep_days: int | None = None,
    ) -> None:
        if keep_days is not None and keep_days < 1:
            raise ValueError(f"keep_days is {keep_days}; it takes 1 or more, or None for ever")
        self.folder = Path(folder)
        self.key = self.folder.parent / "audit.key" if key is None else Path(key)
        self.chain = os.urandom(8).hex()
        self.keep_days = keep_days
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
        self._path = self.folder
        self._inode = (0, 0)
        self._looked = 0
        self._size = 0
        self._second: int = -1
        self._stamp = ""
        self._quoted = Quoted()
        self._names = ArgumentNames()
        self._retiring: threading.Thread | None = None
        self._closing = threading.Event()

    def open(self) -> None:
        """Create the folder, the key and the chain now rather than at the first record.

        Raises:
            AuditError: when the log can't be written here.
            StateError: when the state can't keep the chain's end.
        """
        with self._lock:
            self._opened()

    def arguments(self, arguments: Mapping[str, Any], redact: Redact = _NOTHING) -> str:
        """The keyed digest that stands for a call's arguments, taken without those that `redact` names.

        Raises:
            NotCanonical: when they are not JSON.
            AuditError, StateError: as `open`.
        """
        seal = self._seal
        if seal is None:
            with self._lock:
                seal = self._opened()
        return seal.of_arguments(loggable(arguments, redact.arguments))

    def decided(self, call: Call, decision: Decision, digest: str | None, redact: Redact = _NOTHING) -> int:
        """Write the decision on a call, and return the record's number.

        `digest` stands for the arguments; None when they are not JSON. The names in `redact.arguments` are
        "(redacted)" in the record.

        Raises:
            AuditError, StateError: nothing was recorded.
        """
        message = decision.message
        if decision.rule == INVALID_ARGUMENTS:
            message = "the arguments don't fit the tool's input schema"
        mode = _shadowed(decision.shadow) if decision.shadow else f'"{decision.mode}"'
        quoted = self._quoted
        usual = call.arguments.__class__ is dict and digest is not None and not redact.arguments
        keys = self._names[tuple(call.arguments)] if usual else names(call.arguments, redact.arguments)
        units = f'"units":{call.units},' if call.units > 1 and call.priced_per not in redact.arguments else ""
        return self._append(
            f'"session":{quoted[call.session]},"grant":{quoted[call.grant]},'
            f'"request":{identifier(call.request)},"tool":{quoted[call.tool]},"schema":{quoted[call.schema]},'
            f'"keys":{keys},"arguments":{text(digest)},{units}'
            f'"decision":"{decision.decision}","rule":{text(decision.rule, 512)},'
            f'"message":{text(message, 512)},"mode":{mode},"policy":"{decision.policy}"{_answered(decision)}'
        )

    def settled(
        self, call: Call, decided: int, outcome: str, ms: float, usd: float,
        origin: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        """Write the outcome of the call that record `decided` admitted, with its `ms` and `usd`.

        `origin` is what its result was made from, as JSON.

        Raises:
            AuditError, StateError: nothing was recorded.
        """
        quoted = self._quoted
        self._append(
            f'"decided":{decided},"session":{quoted[call.session]},"grant":{quoted[call.grant]},'
            f'"request":{identifier(call.request)},"tool":{quoted[call.tool]},'
            f'"outcome":"{outcome}","ms":{ms:.3f},"usd":{usd!r}{_made_from(origin) if origin else ""}'
        )

    def close(self) -> None:
        """Close the file. Another record would start a new one in the same chain."""
        with self._lock:
            self._drop()
            retiring, self._retiring = self._retiring, None
        if retiring is not None and os.getpid() == self._process:
            self._closing.set()
            retiring.join()

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
            if self._seal is not None:
                what = "the audit log was opened before this process was forked; open another one here"
                raise AuditError(what)
            self._process, self.chain = os.getpid(), os.urandom(8).hex()
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
        """The file that the next record goes to: a new one for a new day, a full file or one that is gone."""
        second = now // _SECOND
        if second != self._second:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            if stamp[:10] != self._stamp[:10]:
                self._drop()
            self._second, self._stamp = second, stamp
        if self._size >= self._largest_file:
            self._drop()
        elif now - self._looked > _LOOK_NS or now < self._looked:
            self._looked = now
            if self._file is not None and self._is_gone():
                self._drop()
        return self._begin_file(now) if self._file is None else self._file

    def _is_gone(self) -> bool:
        """Whether the file was moved or deleted, so that records in it would be lost."""
        try:
            found = self._path.stat()
        except OSError:
            return True
        return (found.st_ino, found.st_dev) != self._inode

    def _drop(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin_file(self, now: int) -> int:
        path = self.folder / file_name(self.chain, self._part + 1, now)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            self._file = os.open(path, flags, 0o600)
            begun = os.fstat(self._file)
        except OSError as error:
            self._drop()
            raise self._failed(error) from None
        self._part += 1
        self._path, self._inode, self._size = path, (begun.st_ino, begun.st_dev), 0
        if self.keep_days is not None:
            self._retire(self.keep_days, now)
        return self._file

    def _retire(self, keep_days: int, now: int) -> None:
        """Take old files away while calls go on; one thread at a time."""
        if self._seal is None or (self._retiring is not None and self._retiring.is_alive()):
            return
        from alya_mcp.gate.audit.retention import retire_quietly

        self._closing.clear()
        words = (self.folder, self._seal, self._state, keep_days, now, self._closing.is_set)
        self._retiring = threading.Thread(
            target=retire_quietly, args=words, name="alya-retention", daemon=True
        )
        self._retiring.start()

    def _write(self, file: int, line: bytes) -> None:
        """Write the whole line; a part of one is cut off again, so that the chain stays whole.

        A file that takes nothing more is left for a new one, an empty one is tried again: a full disk isn't
        littered with empty files.
        """
        try:
            written = os.write(file, line)
            if written == len(line):
                return
            os.ftruncate(file, self._size)
        except OSError as error:
            if self._size:
                self._drop()
            raise self._failed(error) from None
        raise AuditError(f"the audit log in {self.folder} can't be written: only part of a record fitted")

    def _failed(self, error: OSError) -> AuditError:
        return AuditError(f"the audit log in {self.folder} can't be written: {error.strerror or error}")


def _answered(decision: Decision) -> str:
    """The user's answer that a decision rests on; nothing where there is none."""
    answer = decision.answer
    if answer is None:
        return ""
    return f',"answer":{{"said":"{answer.said}","way":{text(answer.way)},"id":{text(answer.id)}}}'


def _shadowed(shadow: tuple[Decision, ...]) -> str:
    """The mode of a decision with shadowed rules, and what each of them would have made of the call."""
    rules = ",".join([f'{{"decision":"{each.decision}","rule":{text(each.rule, 512)}}}' for each in shadow])
    return f'"shadow","shadow":[{rules}]'


def _made_from(origin: Mapping[str, Any]) -> str:
    """The member for what a result was made from; null for what would make the line too long."""
    import json

    told = json.dumps(origin, separators=(",", ":"), allow_nan=False)
    return f',"origin":{told if len(told) <= _LONGEST_ORIGIN else "null"}'
