"""Downloads a file from the hub, resuming its partial file."""

import importlib
import sys
import time
from typing import Any, Final

from alya_mcp.images.weights.cache import File, Snapshot
from alya_mcp.images.weights.refusals import asked_pause

_TRIES: Final = 3
_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
_PIECE: Final = 1 << 18
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
_WHOLE: Final = 200


class BrokeOffError(Exception):
    """The hub sent fewer or more bytes than the file has."""


class Transfer:
    """Downloads files of one commit of `repository` into `snapshot`; threads may share it."""

    def __init__(self, repository: str, commit: str, snapshot: Snapshot) -> None:
        self._repository, self._commit, self._snapshot = repository, commit, snapshot
        self._hub: Any = importlib.import_module("huggingface_hub")
        self._utils: Any = importlib.import_module("huggingface_hub.utils")
        self._patience = importlib.import_module("huggingface_hub.constants").HF_HUB_DOWNLOAD_TIMEOUT
        self._headers = {**self._utils.build_hf_headers(), "Accept-Encoding": "identity"}

    def __call__(self, file: File) -> None:
        """Download the missing bytes of `file`.

        Broken connections and server errors are retried, without a limit while bytes arrive. A pause that the
        hub asks for is observed, up to five minutes.

        Raises:
            Exception: of the library, its HTTP client or the file system.
        """
        tries = 0
        while True:
            before = self._snapshot.arrived(file)
            try:
                self._attempt(file)
            except Exception as error:
                tries = 1 if self._snapshot.arrived(file) > before else tries + 1
                pause = _pause_after(error)
                if pause is None or tries == _TRIES:
                    raise
                time.sleep(pause)
            else:
                return

    def _attempt(self, file: File) -> None:
        part = self._snapshot.part(file)
        with part.open("ab") as out:
            here = out.tell()
            if here < file.size:
                here = self._receive(file, out, here)
        if here != file.size:
            if here > file.size:
                part.unlink()
            raise BrokeOffError(f"{file.name} ended after {here:,} of {file.size:,} bytes")

    def _receive(self, file: File, out: Any, here: int) -> int:
        """Append the received bytes to `out`, which has `here` bytes; returns its new length."""
        url = self._hub.hf_hub_url(self._repository, file.name, revision=self._commit)
        headers = {**self._headers, "Range": f"bytes={here}-"} if here else self._headers
        session = self._utils.get_session()
        # In small pieces: bytes after the last full piece are lost with the connection.
        with session.stream("GET", url, headers=headers, timeout=self._patience) as response:
            self._utils.hf_raise_for_status(response)
            if here and response.status_code == _WHOLE:
                out.truncate(0)
                here = 0
            for piece in response.iter_bytes(_PIECE):
                here += out.write(piece)
                if here > file.size:
                    break
        return here


def _pause_after(error: Exception) -> float | None:
    """Seconds after which a retry may succeed; None if it can't, or not soon."""
    response: Any = getattr(error, "response", None)
    if response is None:
        return None if isinstance(error, OSError) and error.errno is not None else _PAUSE
    asked = asked_pause(response)
    pause = _PAUSE if asked is None else asked
    if response.status_code not in _PASSING or pause > _LONGEST_PAUSE:
        return None
    if pause > _PAUSE:
        sys.stderr.write(f"The hub asks for a pause of {pause:.0f} s.\n")
    return pause
