"""Progress of a call on stderr: a bar that is redrawn on a terminal, a line now and then elsewhere."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TextIO

from alya_mcp.cli.output import printable, say

_BAR = 24
_SECONDS_BETWEEN_LINES = 2.0
_LAST_WORDS_SECONDS = 1.0
_CLEAR = "\r\x1b[K"


class ProgressLine:
    """Shows progress while the `with` block runs, and leaves a terminal as it was."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._lock = threading.Lock()
        self._line = ""
        self._last = float("-inf")

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        """As `show`, for who awaits it."""
        self.show(progress, total, message)

    def show(self, progress: float, total: float | None, message: str | None) -> None:
        """Show that `progress` of `total` (same unit) is reached; `message` says what is going on."""
        words = printable(message or "").replace("\n", " ")
        if self._terminal:
            self._redraw(f"{_bar(progress, total)}{_percent(progress, total)}{words}")
        elif words and words != self._line and time.monotonic() - self._last >= _SECONDS_BETWEEN_LINES:
            self._last, self._line = time.monotonic(), words
            say(f"{_percent(progress, total)}{words}")

    def show_aside(self, text: str) -> None:
        """Show `text` in place of the bar, the cursor at its end, until the next progress."""
        with self._lock:
            self._line = ""
            sys.stderr.write((_CLEAR if self._terminal else "") + printable(text))
            sys.stderr.flush()

    @contextmanager
    def words(self) -> Generator[TextIO]:
        """A file for another process's standard error, whose lines appear above the bar."""
        if not self._terminal:
            yield sys.stderr
            return
        incoming, outgoing = os.pipe()
        reader = threading.Thread(target=self._pass_on, args=(incoming,), daemon=True)
        reader.start()
        try:
            with os.fdopen(outgoing, "w") as file:
                yield file
        finally:
            reader.join(_LAST_WORDS_SECONDS)

    def _pass_on(self, incoming: int) -> None:
        with os.fdopen(incoming, errors="replace") as lines:
            for line in lines:
                with self._lock:
                    sys.stderr.write(_CLEAR)
                    say(line.rstrip("\n"))
                    self._write()

    def _redraw(self, line: str) -> None:
        with self._lock:
            self._line = line
            self._write()

    def _write(self) -> None:
        sys.stderr.write(_CLEAR + self._line[: shutil.get_terminal_size().columns - 1])
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            self._redraw("")


def _bar(done: float, total: float | None) -> str:
    filled = round(_BAR * min(done / total, 1.0)) if total else 0
    return f"[{'#' * filled}{'-' * (_BAR - filled)}] "


def _percent(done: float, total: float | None) -> str:
    return f"{min(done / total, 1.0):4.0%}  " if total else ""
