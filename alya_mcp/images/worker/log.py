"""The worker's log file: private, limited in size, with secrets masked as in the server's log."""

import io
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO, Final

from alya_mcp.gate.sanitizer import Hidden, clean_log

_MAX_LOG: Final = 2 << 20
_MAX_LINE: Final = 1 << 16
_DESCRIPTOR: Final = 2


class LogStream(io.TextIOBase):
    """A text stream that writes lines to standard error, with secrets masked by `hide`.

    It never fails: a full disk must not end a picture.
    """

    encoding = "utf-8"

    def __init__(self, hide: Hidden) -> None:
        self._hide = hide
        self._begun = ""
        self._lock = threading.Lock()

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor of standard error."""
        return _DESCRIPTOR

    def write(self, text: str, /) -> int:
        """Log the complete lines of `text`; the rest waits for its end."""
        with self._lock:
            whole, end, self._begun = (self._begun + text).rpartition("\n")
            if len(self._begun) > _MAX_LINE:
                whole, end, self._begun = whole + end + self._begun, "\n", ""
            if end:
                self._put(clean_log(whole + end, self._hide).encode(errors="backslashreplace"))
        return len(text)

    def _put(self, line: bytes) -> None:
        try:
            os.write(_DESCRIPTOR, line)
        except OSError:
            pass


def open_log(path: Path) -> BinaryIO:
    """Open the log for appending; only its owner may read it.

    Raises:
        OSError: when it can't be opened.
    """
    file = os.fdopen(os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600), "ab")
    path.chmod(0o600)
    return file


def rotate(path: Path) -> None:
    """Start a new log once it is large, and keep the old one beside it."""
    try:
        if path.stat().st_size > _MAX_LOG:
            old = path.with_suffix(".log.1")
            open_log(old).close()
            shutil.copyfile(path, old)
            os.truncate(path, 0)
    except OSError:
        pass


def say(message: str) -> None:
    """Log a line."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    sys.stderr.write(f"{stamp} image worker {os.getpid()}: {message}\n")
