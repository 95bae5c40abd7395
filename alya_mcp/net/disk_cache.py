"""The cache of answers on disk, one file each, with their time and freshness."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, cast
from zlib import crc32

from alya_mcp.runtime.private_files import write_private

_FORMAT: Final = 3
_SUFFIX: Final = ".answer"
_BLOCK: Final = 4096
"""Block size of most disks: the least space that a file takes, in bytes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One cached answer, without its request. Times are in seconds since 1970."""

    fetched_at: float
    fresh_until: float
    status: int
    content_type: str
    etag: str | None
    last_modified: str | None
    body: bytes


class Cache:
    """A folder of answers, about `limit` bytes on disk; the least recently used are deleted first.

    Several processes may share it: files are replaced atomically. What can't be read counts as missing, and
    what can't be written is dropped: an error of the cache is never an error of the request.
    """

    def __init__(self, folder: Path, *, limit: int = 64 << 20) -> None:
        self._folder = folder
        self._limit = limit
        self._unseen = limit

    def find(self, key: str) -> Kept | None:
        """The answer cached under `key`, or None."""
        path = self._path(key)
        try:
            content = path.read_bytes()
            checked = content.index(b"\n") + 1
            if content[: checked - 1] != _checksum(memoryview(content)[checked:]):
                raise ValueError("written by another version, or damaged")
            end = content.index(b"\n", checked)
            fields = cast("dict[str, object]", json.loads(content[checked:end]))
            if fields.pop("format") != _FORMAT:
                raise ValueError("written by another version")
            body = content[end + 1 :]
            kept = Kept(**cast("Mapping[str, object]", fields), body=body)  # pyright: ignore[reportArgumentType]
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.info("a kept answer can't be read and is fetched again: %s", error)
            return None
        return kept

    def keep(self, key: str, kept: Kept) -> None:
        """Cache an answer under `key`, replacing an earlier one."""
        fields = asdict(kept)
        fields.pop("body")
        content = json.dumps({"format": _FORMAT, **fields}).encode() + b"\n" + kept.body
        path = self._path(key)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, _checksum(content) + b"\n" + content, synced=False)
            self._unseen += _room(len(content))
            if self._unseen > self._limit // 8:
                self._prune()
                self._unseen = 0
        except OSError as error:
            logger.warning("an answer can't be kept in the cache: %s", error)

    def forget(self, key: str) -> None:
        """Remove the answer cached under `key`."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            logger.warning("a kept answer can't be removed: %s", error)

    def _path(self, key: str) -> Path:
        return self._folder / f"{sha256(key.encode()).hexdigest()[:40]}{_SUFFIX}"

    def _prune(self) -> None:
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.iterdir():
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found.append((status.st_mtime, _room(status.st_size), path))
        size = sum(each for _, each, _ in found)
        for _, each, path in sorted(found):
            if size <= self._limit:
                break
            path.unlink(missing_ok=True)
            size -= each


def _checksum(content: bytes | memoryview) -> bytes:
    return b"%08x" % crc32(content)


def _room(size: int) -> int:
    """Bytes on disk of a file of `size` bytes."""
    return -(-size // _BLOCK) * _BLOCK
