"""Stores for generated images and previews of videos: an S3 bucket when one is configured, else this machine.

Both kinds of store keep a picture under the same key and answer with a signed link that opens until it
expires. Nothing heavy is imported here: the store process (`link_server`) starts from this package too.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from alya_mcp.storage.status import StoreStatus

MIN_EXPIRY = 1
MAX_EXPIRY = 604_800
"""The longest life of a link in seconds: seven days, the limit of S3's signature version 4."""

KEY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9a-f]{64}\.(?:png|webp|jpe?g|mp4)"
"""A regular expression that fits every key of a picture or a video, and nothing else."""

_SUFFIXES = frozenset({"png", "webp", "jpg", "jpeg", "mp4"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An encoded picture or video on its way into a store.

    `key` comes from `image_key`; `filename` is what a browser offers when the picture is saved.
    """

    data: bytes
    key: str
    content_type: str
    filename: str

    def __post_init__(self) -> None:
        if not re.fullmatch(KEY, self.key):
            raise ValueError(f"key is {self.key!r}; it takes what image_key returns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A picture that is safely stored.

    `url` opens until `expires_at` (UTC) and not after. `shortened` is true when that is earlier than was
    asked for. `key` is the full key in the store; `file` is the picture's path, for the local store only.
    `signing` is how many milliseconds making the link took, as part of storing.
    """

    url: str
    expires_at: datetime
    key: str
    file: Path | None
    shortened: bool
    signing: float


class Store(Protocol):
    """A place for pictures."""

    name: str

    async def prepare(self) -> None:
        """Do what the first picture would wait for, as far as possible; `put` reports errors."""
        ...

    async def put(self, upload: Upload, *, expires_in: int) -> Stored:
        """Store the picture and sign a link to it that lives for `expires_in` seconds.

        The life is clamped to what the store can sign, at most `MAX_EXPIRY`.

        Raises:
            Failure: the picture couldn't be stored or linked; the text says why, and where it is kept.
        """
        ...

    async def link(self, key: str, *, size: int, filename: str, expires_in: int) -> Stored | None:
        """Sign a fresh link to a picture of `size` bytes that was stored as `key`, as `put` does.

        None when the picture isn't there any more, isn't that size, or may not be looked at.

        Raises:
            Failure: the store can't be asked, or the picture can't be linked.
        """
        ...

    async def read(self, key: str, *, largest: int) -> bytes | None:
        """The file that was stored as `key`; None when it isn't there any more, or has over `largest` bytes.

        Raises:
            Failure: the store can't be asked.
        """
        ...

    async def delete(self, key: str) -> None:
        """Delete the picture that was stored as `key`, if it is there. Links to it open no more.

        Raises:
            Failure: the store can't be asked, or doesn't let it go.
        """
        ...

    async def origin(self) -> str:
        """Scheme, host and port of the links that this store signs, such as `https://s3.example.org`.

        Raises:
            Failure: it can't be told.
        """
        ...

    async def status(self) -> StoreStatus:
        """Check the store; takes at most about 10 s."""
        ...

    async def aclose(self) -> None:
        """Close connections. Links stay open."""
        ...


def image_key(sha256: str, suffix: str, day: date) -> str:
    """The key of an encoded picture or video whose SHA-256 is `sha256` in hex: `2026-11-22/<sha256>.png`.

    Raises:
        ValueError: `suffix` isn't one of png, webp, jpg, jpeg, mp4 (with or without a dot).
    """
    extension = suffix.removeprefix(".")
    if extension not in _SUFFIXES:
        raise ValueError(f"suffix is {suffix!r}; it takes one of {', '.join(sorted(_SUFFIXES))}")
    return f"{day.isoformat()}/{sha256}.{extension}"


def safe_filename(filename: str) -> str:
    """`filename` with only letters, digits, dots, hyphens and underscores, at most 100 characters."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", filename)[-100:].lstrip(".-")
    return cleaned or "image"


def clamp_expiry(expires_in: int) -> int:
    """The nearest number of seconds that a link can live for."""
    return max(MIN_EXPIRY, min(MAX_EXPIRY, expires_in))
