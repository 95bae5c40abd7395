"""Reads the audit log: its records, and the calls made of them, in order of time.

A reading aid that proves nothing (see `verify`). Of files that were written at the same time a line each is
held, and of calls those that were admitted and have no outcome yet; whatever the size of the log.
"""

import heapq
import json
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from alya_mcp.gate.audit.folder import audit_files
from alya_mcp.gate.audit.record import parse_file_name
from alya_mcp.gate.errors import AuditError

_TIME: Final = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")

_MOST: Final = 1e15
_NUMBERS: Final = frozenset((int, float))


class LoggedRecord(NamedTuple):
    """A record, the line it was read from and the chain it stands in."""

    record: dict[str, Any]
    line: bytes
    chain: str


class Made(NamedTuple):
    """A call: the record of its decision, and that of its outcome; None where none came."""

    decided: dict[str, Any]
    settled: dict[str, Any] | None
    chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which calls and records are asked for; None asks for all.

    `since` and the end `until`, which is left out, are times as a record has them. `session` may be the
    beginning of one. The outcome of a call counts as `allow`.
    """

    since: str | None = None
    until: str | None = None
    tool: str | None = None
    grant: str | None = None
    session: str | None = None
    decision: str | None = None

    def takes(self, record: dict[str, Any]) -> bool:
        """Whether the record is one of those."""
        time = str(record.get("time", ""))
        return (
            (self.since is None or time >= self.since)
            and (self.until is None or time < self.until)
            and (self.tool is None or record.get("tool") == self.tool)
            and (self.grant is None or record.get("grant") == self.grant)
            and (self.session is None or str(record.get("session", "")).startswith(self.session))
            and (self.decision is None or record.get("decision", "allow") == self.decision)
        )


def read_entries(folder: str | os.PathLike[str], since: str | None = None) -> Iterator[LoggedRecord]:
    """Every record of all chains in order of time, from the day of `since` on.

    A line that isn't a record is left out.

    Raises:
        AuditError: when the folder or a file can't be read.
    """
    day = "" if since is None else since[:10].replace("-", "")
    waiting = deque((_begun(path), path) for path in audit_files(Path(folder)) if path.name[:8] >= day)
    open_files: list[tuple[str, int, LoggedRecord, Iterator[LoggedRecord]]] = []
    number = 0
    while waiting or open_files:
        while waiting and (not open_files or waiting[0][0] <= open_files[0][0]):
            stream = _entries(waiting.popleft()[1])
            first = next(stream, None)
            number += 1
            if first is not None:
                heapq.heappush(open_files, (first.record["time"], number, first, stream))
        if not open_files:
            continue
        _, place, entry, stream = open_files[0]
        yield entry
        following = next(stream, None)
        if following is None:
            heapq.heappop(open_files)
        else:
            heapq.heapreplace(open_files, (following.record["time"], place, following, stream))


def read_calls(folder: str | os.PathLike[str], wanted: AuditFilter) -> Iterator[Made]:
    """Every call that was decided as `wanted` says, when its outcome or refusal was written.

    Calls without an outcome come last: they still run, or their process was killed.

    Raises:
        AuditError: when the folder or a file can't be read.
    """
    running: dict[tuple[str, int], dict[str, Any]] = {}
    for record, _, chain in read_entries(folder, wanted.since):
        if "decided" in record:
            decided = running.pop((chain, record["decided"]), None)
            if decided is not None:
                yield Made(decided, record, chain)
        elif wanted.takes(record):
            if record.get("decision") == "allow":
                running[chain, record["seq"]] = record
            else:
                yield Made(record, None, chain)
        elif wanted.until is not None and not running and record["time"] >= wanted.until:
            return
    for (chain, _), decided in running.items():
        yield Made(decided, None, chain)


def _entries(path: Path) -> Iterator[LoggedRecord]:
    chain = (parse_file_name(path.name) or ("", 0))[0]
    try:
        with path.open("rb") as stream:
            for line in stream:
                try:
                    found: object = json.loads(line)
                except ValueError:
                    continue
                record = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
                if line.endswith(b"\n") and is_record(record):
                    yield LoggedRecord(record, line, chain)
    except FileNotFoundError:  # retired a moment ago
        return
    except OSError as error:
        raise AuditError(f"the audit file {path} can't be read: {error.strerror or error}") from None


def is_record(record: Mapping[str, Any]) -> bool:
    """Whether it has the form of a record, as far as its readers count on it."""
    of = record.get
    time, grant = of("time"), of("grant", 0)
    if not (
        (type(of("seq")) is int)
        and (type(time) is str and _TIME.fullmatch(time) is not None)
        and (type(of("tool")) is str and type(of("session")) is str and type(of("hash")) is str)
        and (grant is None or type(grant) is str)
    ):
        return False
    if "decided" in record:
        return (
            (type(of("decided")) is int and type(of("outcome")) is str)
            and (type(of("ms")) in _NUMBERS and 0 <= of("ms", -1) < _MOST)
            and (type(of("usd")) in _NUMBERS and 0 <= of("usd", -1) < _MOST)
        )
    return (
        (type(of("decision")) is str and type(of("rule")) is str and type(of("message")) is str)
        and (type(of("mode")) is str and type(of("policy")) is str and type(of("keys")) is list)
        and (type(of("units", 1)) is int and 0 < of("units", 1) < _MOST)
        and (type(of("shadow", [])) is list and all(type(each) is dict for each in of("shadow", ())))
    )


def _begun(path: Path) -> str:
    """When a file was begun, from its name, as its records tell the time."""
    name = path.name
    return f"{name[:4]}-{name[4:6]}-{name[6:8]}T{name[9:11]}:{name[11:13]}:{name[13:15]}.{name[15:21]}Z"
