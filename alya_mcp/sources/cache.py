"""Answers of outside sources kept on disk, one file each, with when they came and how long they are fresh."""

import json
import logging
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, cast
from zlib import crc32

_FORMAT: Final = 1
_SUFFIX: Final = ".answer"
_PRUNE_EVERY: Final = 64
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One kept answer. Times are in seconds since 1970; `url` has its secrets masked."""

    url: str
    fetched_at: float
    fresh_until: float
    status: int
    content_type: str
    etag: str | None
    last_modified: str | None
    body: bytes


class Cache:
    """A folder of answers, at most `limit` bytes of them; the ones not used for longest go first.

    Several processes may share it: a file is replaced whole. What can't be read counts as not kept, and
    what can't be written is left out: the cache is a convenience, never a reason to fail.
    """

    def __init__(self, folder: Path, *, limit: int = 64 << 20) -> None:
        self._folder = folder
        self._limit = limit
        self._writes = 0

    def find(self, key: str) -> Kept | None:
        """What is kept under `key`."""
        path = self._path(key)
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            fields = cast("dict[str, object]", json.loads(head))
            if fields.pop("format") != _FORMAT or fields.pop("crc32") != crc32(body):
                raise ValueError("written by another version, or damaged")
            kept = Kept(**cast("Mapping[str, object]", fields), body=body)  # pyright: ignore[reportArgumentType]
            os.utime(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            logger.info("a kept answer can't be read and is fetched again: %s", error)
            return None
        return kept

    def keep(self, key: str, kept: Kept) -> None:
        """Keep an answer under `key`, in the place of an earlier one."""
        fields = asdict(kept)
        fields.pop("body")
        head = json.dumps({"format": _FORMAT, "crc32": crc32(kept.body), **fields})
        path = self._path(key)
        partial = path.with_suffix(f".{secrets.token_hex(6)}.part")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(head.encode() + b"\n" + kept.body)
            partial.replace(path)
            if self._writes % _PRUNE_EVERY == 0:
                self._prune()
            self._writes += 1
        except OSError as error:
            logger.warning("an answer can't be kept in the cache: %s", error)
            with suppress(OSError):
                partial.unlink()

    def forget(self, key: str) -> None:
        """Keep nothing under `key`."""
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
            found.append((status.st_mtime, status.st_size, path))
        size = sum(each for _, each, _ in found)
        for _, each, path in sorted(found):
            if size <= self._limit:
                break
            path.unlink(missing_ok=True)
            size -= each
