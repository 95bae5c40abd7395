"""Whether the audit log is as it was written: nothing changed, removed, reordered or cut off."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .errors import AuditError
from .record import Seal, check_line, parse_file_name, read_key
from .state import Head, State

What = Literal["changed", "removed", "reordered", "inserted", "cut off", "unknown chain"]


@dataclass(frozen=True, slots=True)
class Broken:
    """One place where the log isn't as it was written.

    `file` is a file's name, `line` counts from 1, `seq` is the number of the record there (both None where
    there is no record). `detail` says it in words.
    """

    file: str
    line: int | None
    seq: int | None
    what: What
    detail: str


@dataclass(slots=True)
class Report:
    """What `verify` found.

    `torn` names files whose last line is unfinished, as a crash leaves it: no error. `unsettled` counts
    admitted calls without an outcome: calls that still run, or whose process was killed. `unproven` names
    chains whose end nothing vouches for, because no state was given.
    """

    records: int = 0
    chains: int = 0
    files: int = 0
    unsettled: int = 0
    broken: list[Broken] = field(default_factory=list[Broken])
    torn: list[str] = field(default_factory=list[str])
    unproven: list[str] = field(default_factory=list[str])

    @property
    def whole(self) -> bool:
        """Whether nothing is broken."""
        return not self.broken


def verify(
    folder: str | os.PathLike[str],
    state: State | None = None,
    key: str | os.PathLike[str] | bytes | None = None,
) -> Report:
    """Read every record in `folder` and say whether the log is whole.

    With `state` a cut-off end and a chain that is gone altogether show as well. `key` is the key or its file,
    `audit.key` beside the folder when left out. Servers may go on writing meanwhile.

    Raises:
        AuditError: when the folder, a file or the key can't be read.
        StateError: when the state can't be read.
    """
    base = Path(folder)
    before = _chains(base)
    heads = None if state is None else state.heads()
    chains = _chains(base)
    if heads is not None:  # a chain begun while the state was read is left for the next time
        chains = {chain: files for chain, files in chains.items() if chain in heads or chain in before}
    report = Report(chains=len(chains), files=sum(map(len, chains.values())))
    gone = {chain: head for chain, head in (heads or {}).items() if chain not in chains and head.seq}
    for chain, head in gone.items():
        detail = f"all {head.seq} records of chain {chain} are gone"
        report.broken.append(Broken(f"(chain {chain})", None, None, "removed", detail))
    if not chains:
        return report
    if not isinstance(key, bytes):
        key = read_key(base.parent / "audit.key" if key is None else Path(key))
    seal = Seal(key)
    for chain, files in chains.items():
        _Chain(chain, seal, report).read(files, heads)
    return report


def audit_files(folder: Path) -> list[Path]:
    """The audit files in `folder`, oldest first; none when there is no folder.

    Raises:
        AuditError: when it can't be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if parse_file_name(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AuditError(f"the audit log in {folder} can't be read: {error.strerror or error}") from None


def _chains(folder: Path) -> dict[str, list[Path]]:
    parts: dict[str, list[tuple[int, Path]]] = {}
    for path in audit_files(folder):
        if named := parse_file_name(path.name):
            parts.setdefault(named[0], []).append((named[1], path))
    return {chain: [path for _, path in sorted(found)] for chain, found in parts.items()}


@dataclass(frozen=True, slots=True)
class _Gap:
    file: str
    line: int
    seq: int
    missing: range


class _Chain:
    """One chain being read: where it should go on, and what was wrong so far.

    After a line that isn't as it was written nobody knows which record it was; `_doubtful` counts such lines
    since the last good one, whose numbers may be missing without being removed.
    """

    def __init__(self, chain: str, seal: Seal, report: Report) -> None:
        self._chain = chain
        self._seal = seal
        self._report = report
        self._next = 1
        self._prev: str | None = seal.of_chain(chain)
        self._doubtful = 0
        self._gaps: list[_Gap] = []
        self._late: set[int] = set()
        self._running: set[int] = set()
        self._found: list[Broken] = []

    def read(self, files: Iterable[Path], heads: Mapping[str, Head] | None) -> None:
        name = ""
        watched = None if heads is None else heads.get(self._chain)
        for path in files:
            name = path.name
            for number, line in self._lines(path):
                self._line(name, number, line, watched)
        self._end(name, heads, watched)
        self._report.broken.extend(self._found)
        self._report.unsettled += len(self._running)

    def _lines(self, path: Path) -> Iterable[tuple[int, bytes]]:
        try:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if line.endswith(b"\n"):
                        yield number, line[:-1]
                    else:
                        self._report.torn.append(path.name)
        except OSError as error:
            raise AuditError(f"the audit file {path} can't be read: {error.strerror or error}") from None

    def _line(self, name: str, number: int, line: bytes, watched: Head | None) -> None:
        checked = check_line(self._seal, line)
        if checked is None:
            seq = self._next + self._doubtful
            self._doubtful += 1
            self._prev = None
            self._tell(name, number, seq, "changed", f"record {seq} isn't as it was written")
            return
        start, digest = checked
        seq = start.seq
        self._report.records += 1
        self._follow(seq, line)
        if watched is not None and seq == watched.seq and digest != watched.hash:
            self._tell(name, number, seq, "changed", f"record {seq} isn't the one that the state knows")
        if seq < self._next:
            late = seq not in self._late and any(seq in gap.missing for gap in self._gaps)
            self._late.add(seq)
            what = "reordered" if late else "inserted"
            self._tell(name, number, seq, what, f"record {seq} stands after record {self._next - 1}")
            self._prev = None
            return
        if seq > self._next + self._doubtful:
            self._gaps.append(_Gap(name, number, seq, range(self._next + self._doubtful, seq)))
        elif self._prev is not None and start.prev != self._prev:
            self._tell(name, number, seq, "inserted", f"record {seq} doesn't follow the record before it")
        self._next, self._prev, self._doubtful = seq + 1, digest, 0

    def _follow(self, seq: int, line: bytes) -> None:
        at = line.find(b'"decided":', 0, 160)
        if at >= 0:
            self._running.discard(int(line[at + 10 : line.index(b",", at)]))
        elif b',"decision":"allow",' in line:
            self._running.add(seq)

    def _end(self, name: str, heads: Mapping[str, Head] | None, watched: Head | None) -> None:
        for gap in self._gaps:
            gone = [seq for seq in gap.missing if seq not in self._late] if self._late else gap.missing
            if gone:
                which = f"record {gone[0]} is" if len(gone) == 1 else f"records {gone[0]} to {gone[-1]} are"
                self._tell(gap.file, gap.line, gap.seq, "removed", f"{which} missing before record {gap.seq}")
        last = self._next - 1 + self._doubtful
        if heads is None:
            self._report.unproven.append(self._chain)
        elif watched is None:
            detail = f"the state doesn't know chain {self._chain}, so nothing vouches for its end"
            self._tell(name, None, None, "unknown chain", detail)
        elif last < watched.seq:
            detail = f"records {last + 1} to {watched.seq} are cut off after the end of {name}"
            self._tell(name, None, None, "cut off", detail)

    def _tell(self, file: str, line: int | None, seq: int | None, what: What, detail: str) -> None:
        self._found.append(Broken(file, line, seq, what, detail))
