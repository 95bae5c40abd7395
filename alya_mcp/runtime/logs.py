"""Logging: one plain line on stderr for the user, details in a file.

Neither shows a credential, a control character or what opens a signed link: a log is mailed, pasted into
issues and read in a terminal. Paths stay, for they are what the user looks for.
"""

import logging
import os
import select
from collections.abc import Collection
from logging.handlers import RotatingFileHandler
from pathlib import Path

from alya_mcp.gate.sanitizer import Hidden, clean_log, hidden

_LARGEST = 1_000_000


class _Clean(logging.Formatter):
    """A formatter that removes secrets from records and tracebacks."""

    def __init__(self, hide: Hidden) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._hide = hide

    def format(self, record: logging.LogRecord) -> str:
        return clean_log(super().format(record), self._hide)


class _OneLine(_Clean):
    """A formatter that leaves the traceback out."""

    def format(self, record: logging.LogRecord) -> str:
        return clean_log(f"alya-mcp: {record.getMessage()}", self._hide)


class _StandardError(logging.Handler):
    """Standard error; a record is dropped if the pipe is full, as a client may never read it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = f"{self.format(record)}\n".encode(errors="backslashreplace")
            if os.name != "posix":
                os.write(2, line)
            elif _has_room(2):
                os.write(2, line[: select.PIPE_BUF])
        except Exception:  # noqa: BLE001 - a record that can't be shown costs nothing else
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Stay silent: there is nowhere else to say it."""


class _PrivateFile(RotatingFileHandler):
    """A rotating file that only its owner may read, created with the first record."""

    def _open(self):  # noqa: ANN202 - the base class's type is private
        path = Path(self.baseFilename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class's name
        """Stay silent: a full disk must not end a call, and stderr has the line already."""


def set_up(home: Path, secrets: Collection[str] = ()) -> None:
    """Send warnings to stderr and errors, with tracebacks, to `home/logs/server.log` (two files of 1 MB).

    The words in `secrets` appear in neither.
    """
    hide = hidden(secrets)
    stderr = _StandardError()
    stderr.setFormatter(_OneLine(hide))
    stderr.setLevel(logging.WARNING)
    file = _PrivateFile(
        home / "logs" / "server.log", maxBytes=_LARGEST, backupCount=1, encoding="utf-8", delay=True
    )
    file.setFormatter(_Clean(hide))
    file.setLevel(logging.ERROR)
    root = logging.getLogger()
    root.handlers[:] = [stderr, file]
    root.setLevel(logging.WARNING)
    logging.getLogger("mcp").setLevel(logging.CRITICAL)


def _has_room(descriptor: int) -> bool:
    """Whether `select.PIPE_BUF` bytes can be written to `descriptor` without waiting."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(event & select.POLLOUT for _, event in poll.poll(0))
