"""SQLite's errors on the state file as messages with a remedy."""

from pathlib import Path
from typing import Final

from alya_mcp.gate.errors import StateError

RIGHTS: Final = "See that you may read and write the file and its folder, and that it is a file."


def is_busy(error: Exception) -> bool:
    """Whether SQLite reports a lock that another process holds."""
    return "locked" in str(error) or "busy" in str(error)


def explained(path: Path, error: Exception) -> StateError:
    """An error of SQLite as a `StateError` with a remedy."""
    text = str(error)
    if is_busy(error):
        return StateError(*locked(path))
    if "not a database" in text or "malformed" in text or "corrupt" in text:
        return damaged(path, text)
    if "full" in text:
        what = f"the state file {path} can't be written: the disk is full"
        return StateError(what, "Free some room on that disk.")
    if "readonly" in text or "unable to open" in text:
        return StateError(f"the state file {path} can't be opened for writing: {text}", RIGHTS)
    remedy = "See that its disk works and has room, and that the file and its folder can be read and written."
    return StateError(f"the state file {path} can't be used: {text}", remedy)


def locked(path: Path) -> tuple[str, str]:
    """Message and remedy for a file that another process has locked."""
    remedy = "End what holds it: a database browser, a backup, or a server that hangs."
    return f"the state file {path} is locked by another process", remedy


def damaged(path: Path, found: str) -> StateError:
    """The error for a corrupt file; `found` is what SQLite reports."""
    remedy = (
        f"End all servers, move {path.name}* away and keep them: a new file is made. It has no grants, "
        "limits start again, and nothing in it vouches for the audit log: move that away too, or "
        "`alya-mcp audit verify` reports it."
    )
    return StateError(f"the state file {path} is damaged ({found})", remedy)
