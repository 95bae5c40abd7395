"""One-time links, sessions, and the tokens of forms.

A link is a file with a digest for its name, so that another start of the command can make one too; opening it
takes the file away, once among all that try. A session is a cookie that ends with the process or after
`SESSION_SECONDS`. A form's token is good for one session and one address.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alya_mcp.runtime.private_files import private_folder, write_private

LINK_SECONDS: Final = 300
SESSION_SECONDS: Final = 12 * 3600
MOST_SESSIONS: Final = 8
_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Links:
    """One-time links, kept in `folder`."""

    folder: Path

    def make(self) -> str:
        """A new token for a link, good once and for `LINK_SECONDS`.

        Raises:
            OSError: it can't be kept.
        """
        private_folder(self.folder)
        for file in self.folder.iterdir():
            if not _is_fresh(file):
                file.unlink(missing_ok=True)
        token = secrets.token_urlsafe(_BYTES)
        write_private(self.folder / _digest(token), b"", synced=False)
        return token

    def use(self, token: str) -> bool:
        """Use up a link; False for one that is unknown, used or too old."""
        file = self.folder / _digest(token)
        try:
            fresh = _is_fresh(file)
            file.unlink()
        except OSError:
            return False
        return fresh


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser that is signed in, until a moment of the clock that never goes back."""

    key: bytes
    until: float

    def form_token(self, path: str) -> str:
        """The token that a form posted to `path` has to bring."""
        return hmac.new(self.key, path.encode(), hashlib.sha256).hexdigest()

    def knows(self, token: str, path: str) -> bool:
        """Whether `token` is the one for `path`."""
        return hmac.compare_digest(token.encode(errors="replace"), self.form_token(path).encode())


class Sessions:
    """The browsers that are signed in, in memory: a session ends with the process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, BrowserSession] = {}

    def begin(self) -> str:
        """A new session's cookie; the oldest of `MOST_SESSIONS` ends for it."""
        while len(self._open) >= MOST_SESSIONS:
            del self._open[next(iter(self._open))]
        cookie = secrets.token_urlsafe(_BYTES)
        until = self._clock() + SESSION_SECONDS
        self._open[_digest(cookie)] = BrowserSession(secrets.token_bytes(_BYTES), until)
        return cookie

    def find(self, cookie: str) -> BrowserSession | None:
        """The session of a cookie; None when there is none, or when it has ended."""
        digest = _digest(cookie)
        session = self._open.get(digest)
        if session is not None and self._clock() >= session.until:
            del self._open[digest]
            return None
        return session

    def end(self, cookie: str) -> None:
        """End the session of a cookie."""
        self._open.pop(_digest(cookie), None)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _is_fresh(file: Path) -> bool:
    age = time.time() - file.stat().st_mtime
    return -1 <= age < LINK_SECONDS
