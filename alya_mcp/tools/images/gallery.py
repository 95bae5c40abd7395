"""The pictures drawn so far: those in the index of repeats, and those in this machine's folder."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.store import KEY
from alya_mcp.tools.images.repeat_index import RepeatIndex

_TYPES: Final = {"png": "image/png", "webp": "image/webp", "jpg": "image/jpeg", "jpeg": "image/jpeg"}
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEAD: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPicture:
    """A picture. `key` is its name in the store, `made` when it was drawn, in seconds since 1970.

    `width`, `height`, `seed`, `steps` and `model` are None if unknown. `local`: its file is on this machine,
    with `size` bytes. `preview`: the index has a preview of it.
    """

    key: str
    made: float
    size: int
    content_type: str
    width: int | None = None
    height: int | None = None
    seed: int | None = None
    steps: int | None = None
    model: str | None = None
    local: bool = False
    preview: bool = False

    @property
    def filename(self) -> str:
        """The file name under which a browser saves the picture."""
        name = "picture" if self.seed is None else str(self.seed)
        return f"alya-{name}.{self.key.rpartition('.')[2]}"


def drawn_pictures(home: Path, index: RepeatIndex) -> list[GalleryPicture]:
    """All known pictures, newest first.

    Raises:
        OSError: the folder of pictures can't be read.
    """
    images = StoreFolder(home).images
    found: dict[str, GalleryPicture] = {}
    for known in index.pictures():
        try:
            there = (images / known.key).stat() if re.fullmatch(KEY, known.key) else None
        except OSError:
            there = None
        found[known.key] = GalleryPicture(
            key=known.key, made=known.at or (there.st_mtime if there else 0.0), size=known.size,
            content_type=known.content_type, width=known.width, height=known.height, seed=known.seed,
            steps=known.steps, model=known.model, local=there is not None, preview=True,
        )  # fmt: skip
    for picture in _in_folder(images, set(found)):
        found[picture.key] = picture
    return sorted(found.values(), key=lambda each: (-each.made, each.key))


def local_file(home: Path, key: str) -> Path | None:
    """The local file of the picture with this key; None if there is none."""
    file = StoreFolder(home).images / key
    return file if re.fullmatch(KEY, key) and file.is_file() else None


class _Told(TypedDict, total=False):
    width: int
    height: int
    seed: int
    steps: int
    model: str


def _in_folder(images: Path, known: set[str]) -> Iterator[GalleryPicture]:
    if not images.is_dir():
        return
    for day in images.iterdir():
        for file in day.iterdir() if day.is_dir() else ():
            key = f"{day.name}/{file.name}"
            if key in known or not re.fullmatch(KEY, key):
                continue
            try:
                status, told = file.stat(), _told(file)
            except OSError:
                continue
            kind = _TYPES[file.suffix.removeprefix(".")]
            yield GalleryPicture(
                key=key, made=status.st_mtime, size=status.st_size, content_type=kind, local=True, **told
            )


def _told(file: Path) -> _Told:
    """The metadata in the first chunks of a PNG file; empty for another file."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    told: _Told = {}
    if not head.startswith(_SIGNATURE):
        return told
    at = len(_SIGNATURE)
    while at + 8 <= len(head):
        length, kind = struct.unpack(">I4s", head[at : at + 8])
        data = head[at + 8 : at + 8 + length]
        at += length + 12
        if kind == b"IHDR" and len(data) >= 8:
            told["width"], told["height"] = struct.unpack(">II", data[:8])
        elif kind == b"iTXt" and len(data) == length:
            keyword, _, rest = data.partition(b"\0")
            text = rest[2:].split(b"\0", 2)[-1].decode("utf-8", "replace")
            if keyword == b"Model":
                told["model"] = text[:200]
            elif keyword == b"Seed" and text.isascii() and text.isdigit():
                told["seed"] = int(text[:20])
            elif keyword == b"Steps" and text.isascii() and text.isdigit():
                told["steps"] = int(text[:20])
        elif kind == b"IDAT":
            break
    return told
