"""Verifies the audit log: nothing was changed, removed, reordered or cut off."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from alya_mcp.gate.audit.folder import chains_of
from alya_mcp.gate.audit.record import Seal, check_line, read_key
from alya_mcp.gate.audit.retention import FILE, Retired, end_before, read_retired
from alya_mcp.gate.errors import AuditError
from alya_mcp.gate.paths import is_absent
from alya_mcp.gate.state import Head, State

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
    """The result of `verify`.

    `torn` names files whose last line is unfinished, as a crash leaves it: no error. `unsettled` counts
    admitted calls without an outcome: calls that still run, or whose process was killed. `unproven` names
    chains whose end can't be checked, because no state was given. `retired` counts the files that
    retention took away, each with a sealed line that says where its chain goes on.
    """

    records: int = 0
    chains: int = 0
    files: int = 0
    unsettled: int = 0
    retired: int = 0
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

    With `state` it also detects a cut-off end and a missing chain. `key` is the key or its file,
    `audit.key` beside the folder when left out. Servers may go on writing and retiring files meanwhile.

    Raises:
        AuditError: when the folder, a file or the key can't be read.
        StateError: when the state can't be read.
    """
    base = Path(folder)
    before = chains_of(base)
    heads = None if state is None else state.heads()
    chains = chains_of(base)
    if heads is not None:  # a chain begun while the state was read is left for the next time
        chains = {chain: files for chain, files in chains.items() if chain in heads or chain in before}
    report = Report()
    retired: Mapping[str, Sequence[Retired]] = {}
    if chains or not is_absent(base / FILE):
        if not isinstance(key, bytes):
            key = read_key(base.parent / "audit.key" if key is None else Path(key))
        log = _Log(base, Seal(key), heads)
        for chain, files in list(chains.items()):
            found = log.read(chain, files)
            if found is None:
                del chains[chain]
            else:
                _add(report, found)
        retired = log.retired
        report.retired = sum(map(len, retired.values()))
    for chain, head in (heads or {}).items():
        broken = None if chain in chains else _gone(chain, head, retired.get(chain))
        if broken is not None:
            report.broken.append(broken)
    return report


def _gone(chain: str, head: Head, retired: Sequence[Retired] | None) -> Broken | None:
    """What is to be said of a chain without any file: nothing when all of it was retired."""
    last = retired[-1] if retired else Retired(0, 0, "")
    if last.last >= head.seq and (last.last > head.seq or not head.seq or last.end == head.hash):
        return None
    which = f"records {last.last + 1} to {head.seq}" if retired else f"all {head.seq} records"
    return Broken(f"(chain {chain})", None, None, "removed", f"{which} of chain {chain} are gone")


class _Log:
    """What the chains in a folder are held against: the key, the state, and what was retired."""

    def __init__(self, folder: Path, seal: Seal, heads: Mapping[str, Head] | None) -> None:
        self._folder = folder
        self._seal = seal
        self._heads = heads
        self.retired = read_retired(folder, seal)

    def read(self, chain: str, files: Sequence[Path]) -> Report | None:
        """One chain's part of the report, begun again when a file is retired; None when none is left."""
        there: list[Path] = list(files)
        while there:
            report = Report(chains=1, files=len(there))
            start = end_before(there[0], self.retired.get(chain, ()))
            try:
                _Chain(chain, self._seal, report, start).read(there, self._heads)
            except FileNotFoundError:
                there = list(filter(Path.exists, there))
                self.retired = read_retired(self._folder, self._seal)
            else:
                return report
        return None


def _add(total: Report, part: Report) -> None:
    total.records += part.records
    total.chains += part.chains
    total.files += part.files
    total.unsettled += part.unsettled
    total.broken += part.broken
    total.torn += part.torn
    total.unproven += part.unproven


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

    def __init__(self, chain: str, seal: Seal, report: Report, start: Retired | None) -> None:
        self._chain = chain
        self._seal = seal
        self._report = report
        self._next = 1 if start is None else start.last + 1
        self._prev: str | None = seal.of_chain(chain) if start is None else start.end
        self._doubtful = 0
        self._gaps: list[_Gap] = []
        self._late: set[int] = set()
        self._running: set[int] = set()

    def read(self, files: Iterable[Path], heads: Mapping[str, Head] | None) -> None:
        """`FileNotFoundError` when a file is gone, `AuditError` when one can't be read."""
        name = ""
        watched = None if heads is None else heads.get(self._chain)
        watched_seq = 0 if watched is None else watched.seq
        seal, records = self._seal, 0
        for path in files:
            name = path.name
            for number, line in self._lines(path):
                checked = check_line(seal, line)
                if checked is None:
                    self._changed(name, number)
                    continue
                (seq, _, prev), digest = checked
                records += 1
                at = line.find(b'"decided":', 0, 160)
                if at >= 0:
                    self._running.discard(int(line[at + 10 : line.index(b",", at)]))
                elif b',"decision":"allow",' in line:
                    self._running.add(seq)
                if seq == watched_seq and watched is not None and digest != watched.hash:
                    detail = f"record {seq} isn't the one that the state knows"
                    self._tell(name, number, seq, "changed", detail)
                if seq == self._next and prev == self._prev:
                    self._next, self._prev, self._doubtful = seq + 1, digest, 0
                else:
                    self._out_of_turn(name, number, seq, prev, digest)
        self._report.records += records
        self._end(name, heads, watched)
        self._report.unsettled += len(self._running)

    def _lines(self, path: Path) -> Iterator[tuple[int, bytes]]:
        try:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if line.endswith(b"\n"):
                        yield number, line[:-1]
                    else:
                        self._report.torn.append(path.name)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise AuditError(f"the audit file {path} can't be read: {error.strerror or error}") from None

    def _changed(self, name: str, number: int) -> None:
        seq = self._next + self._doubtful
        self._doubtful += 1
        self._prev = None
        self._tell(name, number, seq, "changed", f"record {seq} isn't as it was written")

    def _out_of_turn(self, name: str, number: int, seq: int, prev: str, digest: str) -> None:
        if seq < self._next:
            late = seq not in self._late and any(seq in gap.missing for gap in self._gaps)
            self._late.add(seq)
            what = "reordered" if late else "inserted"
            self._tell(name, number, seq, what, f"record {seq} stands after record {self._next - 1}")
            self._prev = None
            return
        if seq > self._next + self._doubtful:
            self._gaps.append(_Gap(name, number, seq, range(self._next + self._doubtful, seq)))
        elif self._prev is not None and prev != self._prev:
            self._tell(name, number, seq, "inserted", f"record {seq} doesn't follow the record before it")
        self._next, self._prev, self._doubtful = seq + 1, digest, 0

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
        self._report.broken.append(Broken(file, line, seq, what, detail))
