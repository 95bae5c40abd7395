"""Pixels to image files, with nothing in them but what tells where the picture came from."""

import hashlib
import importlib
import io
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal
from xml.sax.saxutils import quoteattr

from alya_mcp.images.engine import Picture

Format = Literal["png", "webp", "jpeg"]

PROVENANCE: Final = ("model", "seed", "steps", "software", "prompt-digest", "parents")
"""All that an image file may say of its making; prompts, addresses and people have no place in it."""

_TYPES: Final[dict[Format, tuple[str, str]]] = {
    "png": ("image/png", "png"),
    "webp": ("image/webp", "webp"),
    "jpeg": ("image/jpeg", "jpg"),
}
_NAMESPACE: Final = "urn:alya-mcp:image:1"
_PREVIEW_BYTES: Final = 256_000
_PREVIEW_SIDE: Final = 1024
_PREVIEW_QUALITIES: Final = (90, 82, 74, 66, 58, 50, 42, 34, 26)
_SMALLER_SIDES: Final = (768, 512, 384, 256, 128)
_SMALLER_QUALITIES: Final = (70, 50, 34)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An image file: its bytes, media type, file name suffix without a dot, and SHA-256 in hexadecimal."""

    data: bytes
    content_type: str
    suffix: str
    sha256: str


def load() -> None:
    """Import what the first file would wait for.

    Raises:
        ModuleNotFoundError: a package isn't installed.
    """
    for name in ("PIL.Image", "alya_mcp.images.png"):
        importlib.import_module(name)


def encode(picture: Picture, format: Format, provenance: Mapping[str, str]) -> Encoded:  # noqa: A002
    """The file of `picture`; equal input gives equal bytes with the same versions of Pillow and zlib.

    PNG is lossless. WebP has quality 90 at method 0, whose files are up to a tenth larger than those of the
    default method, as close to the picture, and take a third of the time. JPEG has 92 without colour
    subsampling. `provenance` goes into PNG as iTXt, else as XMP.

    Raises:
        ValueError: when `provenance` holds anything but `PROVENANCE`.
    """
    foreign = sorted(set(provenance) - set(PROVENANCE))
    if foreign:
        raise ValueError(
            f"provenance holds {', '.join(foreign)}; an image file says only {', '.join(PROVENANCE)}"
        )
    match format:
        case "png":
            from alya_mcp.images.png import png

            texts = [(name.capitalize(), provenance[name]) for name in PROVENANCE if name in provenance]
            data = png(picture.pixels, picture.width, picture.height, texts)
        case "webp":
            data = _saved(_image(picture), "WEBP", quality=90, method=0, xmp=_xmp(provenance))
        case "jpeg":
            data = _saved(_image(picture), "JPEG", quality=92, subsampling="4:4:4", xmp=_xmp(provenance))
    content_type, suffix = _TYPES[format]
    return Encoded(
        data=data, content_type=content_type, suffix=suffix, sha256=hashlib.sha256(data).hexdigest()
    )


def encode_with_preview(
    picture: Picture,
    format: Format,  # noqa: A002
    provenance: Mapping[str, str],
) -> tuple[Encoded, bytes]:
    """What `encode` and `preview` return, made side by side."""
    with ThreadPoolExecutor(1) as beside:
        small = beside.submit(preview, picture)
        return encode(picture, format, provenance), small.result()


def preview(picture: Picture, limit: int = _PREVIEW_BYTES) -> bytes:
    """A JPEG of at most 1024 pixels a side and `limit` bytes, as good as that allows, without metadata.

    JPEG because every client and model that takes images takes it. 1024x1024 pixels of pure noise fit into
    the usual limit; for a lower one the picture is made smaller too.

    Raises:
        ValueError: when no preview is that small.
    """
    return _fitting(_image(picture), _PREVIEW_SIDE, limit)


def shrunk(preview: bytes, among: int) -> bytes:
    """`preview` as small as it has to be for `among` of them to have no more pixels and bytes than one.

    Raises:
        ValueError: when it can't be made that small.
    """
    image = importlib.import_module("PIL.Image").open(io.BytesIO(preview))
    return _fitting(image, int(_PREVIEW_SIDE / among**0.5), _PREVIEW_BYTES // among)


def thumbnail(levels: Any, side: int, limit: int) -> bytes:
    """A JPEG of at most `side` pixels a side and `limit` bytes of an array (height, width, 3) of bytes.

    Raises:
        ValueError: when it can't be made that small.
    """
    return _fitting(importlib.import_module("PIL.Image").fromarray(levels), side, limit)


def _fitting(image: Any, largest: int, limit: int) -> bytes:
    """The best JPEG of `image` with at most `largest` pixels a side that fits into `limit` bytes.

    Raises:
        ValueError: when none is that small.
    """
    for side, qualities in (
        (largest, _PREVIEW_QUALITIES),
        *((each, _SMALLER_QUALITIES) for each in _SMALLER_SIDES if each < largest),
    ):
        small = image.copy()
        small.thumbnail((side, side), reducing_gap=1.0)
        data = _best_jpeg(small, qualities, limit)
        if data is not None:
            return data
    raise ValueError(f"no preview of this picture fits into {limit} bytes")


def _best_jpeg(image: Any, qualities: Sequence[int], limit: int) -> bytes | None:
    """The JPEG of the highest of `qualities` (highest first) that fits into `limit` bytes."""

    @cache
    def made(at: int) -> bytes:
        return _saved(image, "JPEG", quality=qualities[at], optimize=True)

    if len(made(0)) <= limit:  # most pictures
        return made(0)
    at = bisect_left(range(len(qualities)), True, lo=1, key=lambda each: len(made(each)) <= limit)
    return made(at) if at < len(qualities) else None


def _image(picture: Picture) -> Any:
    return importlib.import_module("PIL.Image").frombytes(
        "RGB", (picture.width, picture.height), picture.pixels
    )


def _saved(image: Any, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _xmp(provenance: Mapping[str, str]) -> bytes:
    attributes = " ".join(
        f"alya:{name}={quoteattr(provenance[name])}" for name in PROVENANCE if name in provenance
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:alya="{_NAMESPACE}" {attributes}/></rdf:RDF></x:xmpmeta>'
    ).encode()
