"""One model in the Hugging Face cache, laid out as its library does: blobs by checksum, linked names.

A file that is incomplete or not yet verified has a name of its own, and the next attempt resumes it: the
library itself drops a partial file when its process ends.
"""

import contextlib
import hashlib
import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alya_mcp.images.weights.folder import INDEX, files_of, is_complete

CHECKSUM: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

_PIECE: Final = 1 << 20
_SHA256_DIGITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a model. `checksum` is its SHA-256, or that of a git blob (SHA-1); None if unknown."""

    name: str
    size: int
    checksum: str | None


def cached(repository: str) -> Path | None:
    """The folder of `repository` in the Hugging Face cache; None unless it is complete."""
    hub: Any = importlib.import_module("huggingface_hub")
    index = hub.try_to_load_from_cache(repository, INDEX)
    if not isinstance(index, str):
        return None
    folder = Path(index).parent
    return folder if is_complete(folder) else None


def files_in(folder: Path) -> list[File]:
    """The files of a model's folder; a file of the cache is named by its checksum."""
    return [_file_at(folder, name) for name in files_of(folder)]


def fits(path: Path, file: File, tell: Callable[[int], None]) -> bool:
    """Whether the bytes at `path` are those of `file`; `tell` is called with the bytes read.

    Without a checksum only the length is compared.
    """
    if path.stat().st_size != file.size:
        return False
    if file.checksum is None:
        return True
    if len(file.checksum) == _SHA256_DIGITS:
        digest = hashlib.sha256()
    else:
        digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    piece = memoryview(bytearray(_PIECE))
    done = 0
    with path.open("rb", buffering=0) as stream:
        while count := stream.readinto(piece):
            digest.update(piece[:count])
            done += count
            tell(done)
    return digest.hexdigest() == file.checksum


class Snapshot:
    """The files of one commit of `repository` in the cache at `root`. Each has a checksum."""

    def __init__(self, root: Path, repository: str, commit: str, *, links: bool) -> None:
        name = f"models--{repository.replace('/', '--')}"
        self._repository = root / name
        self._locks = root / ".locks" / name
        self._blobs = self._repository / "blobs"
        self._commit = commit
        self._links = links
        self.folder = self._repository / "snapshots" / commit

    def prepare(self) -> None:
        """Make the folders."""
        for folder in (self._locks, self._blobs, self.folder):
            folder.mkdir(parents=True, exist_ok=True)

    def lock(self, file: File) -> Path:
        """The library's lock file for this file."""
        return self._locks / f"{file.checksum}.lock"

    def part(self, file: File) -> Path:
        """The path of the file until it is verified."""
        return self._blobs / f"{file.checksum}.incomplete"

    def whole(self, file: File) -> Path | None:
        """The path of the complete file, or None."""
        places = (self.folder / file.name, self._blobs / str(file.checksum))
        return next((path for path in places if _size(path) == file.size), None)

    def arrived(self, file: File) -> int:
        """The bytes of the file that are here."""
        return file.size if self.whole(file) else min(file.size, _size(self.part(file)) or 0)

    def keep(self, file: File) -> None:
        """Move the verified file to its final path and link its name to it."""
        blob, name = self._blobs / str(file.checksum), self.folder / file.name
        if self.whole(file) is None:
            self.part(file).replace(blob)
        self.part(file).unlink(missing_ok=True)
        if _size(name) == file.size:
            return
        name.parent.mkdir(parents=True, exist_ok=True)
        name.unlink(missing_ok=True)
        if self._links:
            with contextlib.suppress(OSError):
                name.symlink_to(os.path.relpath(blob, name.parent))
                return
        # Without symbolic links the file itself has the name.
        blob.replace(name)

    def drop(self, file: File) -> None:
        """Remove the file, complete or partial."""
        for path in (self.folder / file.name, self._blobs / str(file.checksum), self.part(file)):
            path.unlink(missing_ok=True)

    def publish(self) -> None:
        """Make this commit the default one."""
        ref = self._repository / "refs" / "main"
        ref.parent.mkdir(exist_ok=True)
        fresh = ref.with_name(f"main.{os.getpid()}.new")
        fresh.write_text(self._commit)
        fresh.replace(ref)


def _file_at(folder: Path, name: str) -> File:
    path = (folder / name).resolve()
    named = path.parent.name == "blobs" and CHECKSUM.fullmatch(path.name)
    return File(name=name, size=path.stat().st_size, checksum=path.name if named else None)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
