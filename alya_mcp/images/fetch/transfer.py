"""Brings a file from the hub, going on from the end of its part."""

import importlib
import time
from typing import Any, Final

from alya_mcp.images.fetch.cache import File, Snapshot

_TRIES: Final = 3
_PAUSE: Final = 1.0


class Transfer:
    """Fetches the files of one commit of `repository` into parts in `snapshot`; threads may share it."""

    def __init__(self, repository: str, commit: str, snapshot: Snapshot) -> None:
        self._repository, self._commit, self._snapshot = repository, commit, snapshot
        self._hub: Any = importlib.import_module("huggingface_hub")
        self._get: Any = importlib.import_module("huggingface_hub.file_download").http_get
        utils: Any = importlib.import_module("huggingface_hub.utils")
        self._headers = {**utils.build_hf_headers(), "Accept-Encoding": "identity"}

    def __call__(self, file: File) -> None:
        """Bring what is missing of `file`; a broken connection is tried again, without end while bytes come.

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
                if _is_final(error) or tries == _TRIES:
                    raise
                time.sleep(_PAUSE)
            else:
                return

    def _attempt(self, file: File) -> None:
        part = self._snapshot.part(file)
        here = part.stat().st_size if part.exists() else 0
        if here > file.size:
            part.unlink()
            here = 0
        with part.open("ab") as out:
            self._get(
                self._hub.hf_hub_url(self._repository, file.name, revision=self._commit),
                out,
                resume_size=here,
                headers=self._headers,
                expected_size=file.size,
            )


def _is_final(error: Exception) -> bool:
    """Whether the hub answered, or the file system: the same again would end the same way."""
    answered = getattr(error, "response", None) is not None
    return answered or (isinstance(error, OSError) and error.errno is not None)
