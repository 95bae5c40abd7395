"""Retention: removes old audit files, and records which were removed.

`retention.log` beside the audit files holds a sealed line for each file that was retired: its name, its
records and the hash of the last. The line is on disk before the file goes, so that `verify` knows where the
chain goes on. A line that isn't sealed vouches for nothing, and a missing file without its line was removed.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from alya_mcp.gate.audit.folder import chains_of
from alya_mcp.gate.audit.record import Seal, check_line, hash_of, parse_file_name, sealed
from alya_mcp.gate.errors import AuditError, GateError
from alya_mcp.gate.state import Head, State

FILE: Final = "retention.log"
_SECOND: Final = 1_000_000_000


class Retired(NamedTuple):
    """A file of a chain that retention took away: its number, its last record and that record's hash."""

    part: int
    last: int
    end: str


def read_retired(folder: Path, seal: Seal) -> dict[str, list[Retired]]:
    """Each chain's retired files in their order.

    Raises:
        AuditError: when the list can't be read.
    """
    found: dict[str, dict[int, Retired]] = {}
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AuditError(f"the audit file {folder / FILE} can't be read: {error.strerror or error}") from None
    for line in data.split(b"\n"):
        if line.startswith(b'{"retired":') and hash_of(seal, line) is not None:
            told = json.loads(line)
            named = parse_file_name(told["retired"])
            if named is not None:
                found.setdefault(named[0], {})[named[1]] = Retired(named[1], told["last"], told["end"])
    return {chain: [parts[part] for part in sorted(parts)] for chain, parts in found.items()}


def retire(
    folder: Path,
    seal: Seal,
    state: State | None,
    keep_days: int,
    now_ns: int,
    stop: Callable[[], bool] = bool,
) -> list[str]:
    """Take away the files whose day (UTC) is more than `keep_days` days before that of `now_ns`; their names.

    Only a chain's oldest files go, each whole, closed and as it was written: a file that isn't, or whose end
    neither its successor nor the state vouches for, stays with all that follow it, for `verify` to tell.
    Any number of processes may do this at once. `stop` is asked between two files.

    Raises:
        AuditError: when the folder, a file or the list can't be read or written.
        StateError: when the state can't be read.
    """
    day = datetime.fromtimestamp(now_ns // _SECOND, UTC) - timedelta(days=keep_days)
    before, time = day.strftime("%Y%m%d"), datetime.fromtimestamp(now_ns // _SECOND, UTC).isoformat()
    old = {chain: files for chain, files in chains_of(folder).items() if files[0].name[:8] < before}
    heads = None if state is None or not old else state.heads()
    retired = read_retired(folder, seal) if old else {}
    gone: list[str] = []
    for chain, files in old.items():
        end = end_before(files[0], retired.get(chain, ())) or Retired(0, 0, seal.of_chain(chain))
        for number, path in enumerate(files):
            if stop():
                return gone
            if path.name[:8] >= before:
                break
            after = files[number + 1] if number + 1 < len(files) else None
            try:
                first, end = end.last + 1, _end_of(seal, path, end, after, heads, before)
                line = {"retired": path.name, "first": first, "last": end.last, "end": end.end}
                _note(folder / FILE, seal, {**line, "time": time, "keep_days": keep_days})
                path.unlink()
            except (_Kept, FileNotFoundError):  # another process may have been faster
                break
            except OSError as error:
                raise AuditError(
                    f"the audit file {path} can't be retired: {error.strerror or error}"
                ) from None
            gone.append(path.name)
    return gone


def retire_quietly(
    folder: Path, seal: Seal, state: State | None, keep_days: int, now_ns: int, stop: Callable[[], bool]
) -> None:
    """`retire` for a background thread: what hinders it is logged, and tried again with the next file."""
    try:
        retire(folder, seal, state, keep_days, now_ns, stop)
    except GateError as error:
        logging.getLogger("alya_mcp.gate").warning("old audit files stay: %s", error)


def end_before(file: Path, retired: Iterable[Retired]) -> Retired | None:
    """The last retired part of its chain before `file`; None when nothing before it was retired."""
    named = parse_file_name(file.name)
    return max((each for each in retired if named and each.part < named[1]), default=None)


class _Kept(Exception):
    """The file stays."""


def _end_of(
    seal: Seal, path: Path, start: Retired, after: Path | None, heads: Mapping[str, Head] | None, before: str
) -> Retired:
    """Where the file ends; `_Kept` unless it follows `start` and nothing in it or after it is amiss."""
    chain, part = parse_file_name(path.name) or ("", 0)
    head = None if heads is None else heads.get(chain)
    seq, end = start.last, start.end
    with path.open("rb") as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                break  # torn by a crash: never a record
            checked = check_line(seal, line[:-1])
            if checked is None or checked[0].seq != seq + 1 or checked[0].prev != end:
                raise _Kept
            found, end = checked
            seq = found.seq
            if found.time[:10].replace("-", "") >= before or (head and head.seq == seq and head.hash != end):
                raise _Kept
    if after is not None:
        with after.open("rb") as stream:
            checked = check_line(seal, stream.readline()[:-1])
        if checked is None or checked[0].seq != seq + 1 or checked[0].prev != end:
            raise _Kept
    elif heads is not None and (head is None or head.seq > seq):
        raise _Kept
    return Retired(part, seq, end)


def _note(path: Path, seal: Seal, told: Mapping[str, object]) -> None:
    """Append a sealed line and see it onto the disk, on a line of its own also after a torn one."""
    body = json.dumps(told, separators=(",", ":"))[:-1].encode("ascii")
    line = b"\n" + sealed(seal, body) if _is_torn(path) else sealed(seal, body)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if os.write(file, line) != len(line):
            raise AuditError(f"{path} can't be written: only part of a line fitted")
        os.fsync(file)
    finally:
        os.close(file)


def _is_torn(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return stream.read(1) != b"\n"
    except OSError:
        return False
