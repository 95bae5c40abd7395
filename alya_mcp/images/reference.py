"""References, the pictures that a drawing is made from, as files. Imports nothing heavy."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from alya_mcp.errors import InvalidInput

MOST: Final = 4
LARGEST: Final = 15 << 20
"""Bytes of a file; four of them go through the worker's connection in one frame."""
MOST_PIXELS: Final = 50_000_000
"""What a large camera takes: decoded it is 150 MB."""
LEAST_SIDE: Final = 64
MOST_RATIO: Final = 8
TYPES: Final = "PNG, JPEG or WebP"

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A picture's file; `name` is the caller's name for it: a key, or an address without its query.

    Raises:
        InvalidInput: the file is too large, or isn't a picture.
    """

    name: str
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.data) > LARGEST:
            raise too_large(self.name, len(self.data))
        if not _is_picture(self.data):
            raise InvalidInput(
                f"The reference {self.name!r:.200} is no picture that is read here; it takes {TYPES}"
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return sha256(self.data).hexdigest()

    @property
    def parent(self) -> str:
        """Its name in the metadata of a picture made from it: the key, or a digest instead of an address."""
        return f"sha256:{self.digest}" if self._is_address else self.name

    @property
    def origin(self) -> str:
        """Its name in the audit log: the key, or the address without query and the digest."""
        return f"{self.name:.200} sha256:{self.digest}" if self._is_address else self.name

    @property
    def _is_address(self) -> bool:
        return self.name.startswith("https://")


def too_large(name: str, size: int) -> InvalidInput:
    """The error for a file of `size` bytes, which is too large."""
    return InvalidInput(
        f"The reference {name!r:.200} has {size / 1e6:.1f} MB; it takes at most {LARGEST / 1e6:.1f} MB. "
        "Give a smaller copy: models read about one megapixel of it"
    )


def _is_picture(data: bytes) -> bool:
    """Whether `data` begins like a file of one of `TYPES`."""
    return data.startswith((_PNG, _JPEG)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
