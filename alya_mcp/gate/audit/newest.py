"""The newest audit records, as plain objects, unverified (see `verify`)."""

import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.gate.audit.folder import audit_files
from alya_mcp.gate.errors import AuditError

_BLOCK: Final = 64 * 1024
_POLL_SECONDS: Final = 0.2


def tail(
    folder: str | os.PathLike[str], n: int = 20, follow: bool = False
) -> Generator[dict[str, Any], None, None]:
    """The newest `n` records of all chains in order of time; with `follow` also those to come, without end.

    A line that isn't a record is skipped here; `verify` names it.

    Raises:
        AuditError: when the folder or a file can't be read.
    """
    base = Path(folder)
    read: dict[Path, int] = {}
    newest: list[dict[str, Any]] = []
    for path in reversed(audit_files(base)):
        newest.extend(_last(path, n, read))
    newest.sort(key=_time)
    yield from newest[len(newest) - min(n, len(newest)) :]
    while follow:
        fresh = [record for path in audit_files(base) for record in _from(path, read)]
        yield from sorted(fresh, key=_time)
        if not fresh:
            time.sleep(_POLL_SECONDS)


def _last(path: Path, n: int, read: dict[Path, int]) -> list[dict[str, Any]]:
    """The last `n` records of a file, read from its end."""
    try:
        with path.open("rb") as stream:
            at = stream.seek(0, os.SEEK_END)
            data = b""
            while at and data.count(b"\n") <= n:
                size = min(_BLOCK, at)
                at = stream.seek(at - size)
                data = stream.read(size) + data
    except FileNotFoundError:  # retired a moment ago
        return []
    except OSError as error:
        raise _failed(path, error) from None
    whole = data[: data.rfind(b"\n") + 1]
    read[path] = at + len(whole)
    lines = whole.splitlines()
    return [] if n <= 0 else _records(lines[-n:])


def _from(path: Path, read: dict[Path, int]) -> list[dict[str, Any]]:
    """The whole lines that came since the last reading."""
    at = read.get(path, 0)
    try:
        if path.stat().st_size == at:
            return []
        with path.open("rb") as stream:
            stream.seek(at)
            data = stream.read()
    except FileNotFoundError:  # retired a moment ago
        return []
    except OSError as error:
        raise _failed(path, error) from None
    whole = data[: data.rfind(b"\n") + 1]
    read[path] = at + len(whole)
    return _records(whole.splitlines())


def _records(lines: list[bytes]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for line in lines:
        try:
            record: object = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            records.append(cast("dict[str, Any]", record))
    return records


def _time(record: dict[str, Any]) -> str:
    return str(record.get("time", ""))


def _failed(path: Path, error: OSError) -> AuditError:
    return AuditError(f"the audit file {path} can't be read: {error.strerror or error}")
