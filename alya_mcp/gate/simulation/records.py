"""Audit records for a replay: read from a folder or a file, with their time and a check of their fields."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.gate.audit.reading import read_entries
from alya_mcp.gate.errors import AuditError

_MICROSECOND: Final = 1000


def read_records(place: str | os.PathLike[str]) -> Iterator[Mapping[str, Any]]:
    """The records of an audit folder in order of time, or of one file in the order of its lines.

    Raises:
        AuditError: nothing is there, it can't be read, or it holds no record.
    """
    path = Path(place)
    found = False
    entries = (entry.record for entry in read_entries(path)) if path.is_dir() else _lines(path)
    for record in entries:
        found = True
        yield record
    if not found:
        raise AuditError(f"{path} holds no audit record")


def time_of(record: Mapping[str, Any]) -> int | None:
    """A record's time in nanoseconds since 1970; None if it has no valid one."""
    try:
        moment = datetime.fromisoformat(record["time"])
        return round(moment.timestamp() * 1_000_000) * _MICROSECOND
    except (KeyError, TypeError, ValueError):
        return None


_DECIDED: Final[Mapping[str, type | tuple[type, ...]]] = {
    "seq": int,
    "session": str,
    "tool": str,
    "grant": (str, type(None)),
    "arguments": (str, type(None)),
    "keys": list,
    "decision": str,
    "rule": str,
    "policy": str,
}


def is_complete(record: Mapping[str, Any]) -> bool:
    """Whether the record is a decision or an outcome with every field that a replay needs."""
    if "outcome" in record:
        return isinstance(record["outcome"], str) and isinstance(record.get("session"), str)
    return all(name in record and isinstance(record[name], kind) for name, kind in _DECIDED.items())


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open("rb") as stream:
            for line in stream:
                try:
                    record: object = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    yield cast("Mapping[str, Any]", record)
    except OSError as error:
        raise AuditError(f"the audit log {path} can't be read: {error.strerror or error}") from None
