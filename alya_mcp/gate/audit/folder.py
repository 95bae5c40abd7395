"""The audit folder: which files of which chains are there, and in what order."""

from pathlib import Path

from alya_mcp.gate.audit.record import parse_file_name
from alya_mcp.gate.errors import AuditError
from alya_mcp.gate.paths import is_absent


def chains_of(folder: Path) -> dict[str, list[Path]]:
    """The files of each chain, in their order; none when there is no folder.

    Raises:
        AuditError: when the folder can't be read.
    """
    parts: dict[str, list[tuple[int, Path]]] = {}
    for path in audit_files(folder):
        if named := parse_file_name(path.name):
            parts.setdefault(named[0], []).append((named[1], path))
    return {chain: [path for _, path in sorted(found)] for chain, found in parts.items()}


def audit_files(folder: Path) -> list[Path]:
    """The audit files in `folder`, oldest first; none when there is no folder.

    Raises:
        AuditError: when it can't be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if parse_file_name(path.name))
    except OSError as error:
        if is_absent(folder):
            return []
        raise AuditError(f"the audit log in {folder} can't be read: {error.strerror or error}") from None
