"""Pictures that a drawing follows, as their files. Imports nothing heavy."""

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
    """A picture's file; `name` is what the caller knows it by: a key, or an address without its query.

    Raises:
        InvalidInput: when built of more than a reference may have, or of what is no picture.
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
        """How a picture made with it names it: by key, or by digest, as an address may be private."""
        return f"sha256:{self.digest}" if self._is_address else self.name

    @property
    def origin(self) -> str:
        """How the audit log names it: by key, or by address without query and digest."""
        return f"{self.name:.200} sha256:{self.digest}" if self._is_address else self.name

    @property
    def _is_address(self) -> bool:
        return self.name.startswith("https://")


def too_large(name: str, size: int) -> InvalidInput:
    """Says that a file of `size` bytes is more than a reference may have."""
    return InvalidInput(
        f"The reference {name!r:.200} has {size / 1e6:.1f} MB; it takes at most {LARGEST / 1e6:.1f} MB. "
        "Give a smaller copy: models read about one megapixel of it"
    )


def _is_picture(data: bytes) -> bool:
    """Whether `data` begins as a file of `TYPES` does, whatever it is called."""
    return data.startswith((_PNG, _JPEG)) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
