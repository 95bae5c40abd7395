"""Fast PNG encoding: one filter, no search for repeated strings, bands deflated in parallel.

The average filter turns a photograph into noise around zero. Huffman codes compress that well; a search for
repeated strings, as in Pillow, takes most of the time and finds none that help. Runs are still searched for,
so flat surfaces stay small; only exactly repeated patterns become larger than with a search.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BAND_BYTES: Final = 192 * 1024
"""Approximate size of a band: large enough for good Huffman codes, small enough for a core's cache."""
_AVERAGE: Final = 3
_ADLER_MODULUS: Final = 65_521
_ZLIB_HEADER: Final = b"\x78\x01"
_EMPTY_LAST_BLOCK: Final = b"\x03\x00"

Pixels = NDArray[np.uint8]


def png(pixels: bytes, width: int, height: int, texts: Sequence[tuple[str, str]]) -> bytes:
    """A PNG file of 8-bit RGB `pixels` with an iTXt chunk for each keyword and text.

    Equal input gives equal bytes with the same zlib, however many cores there are.

    Raises:
        ValueError: `pixels` aren't width x height x 3 bytes.
    """
    lines = np.frombuffer(pixels, np.uint8).reshape(height, width * 3)
    bands = [*_bands(lines)]
    with ThreadPoolExecutor(min(len(bands), os.cpu_count() or 1)) as threads:
        deflated = [*threads.map(_deflate, bands)]
    checksum = 1
    for part in deflated:
        checksum = _adler_of_both(checksum, part.checksum, part.length)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            *(_chunk(b"iTXt", _international(keyword, text)) for keyword, text in texts),
            _chunk(b"IDAT", _ZLIB_HEADER),
            *(part.chunk for part in deflated),
            _chunk(b"IDAT", _EMPTY_LAST_BLOCK + struct.pack(">I", checksum)),
            _chunk(b"IEND", b""),
        )
    )


class _Deflated(NamedTuple):
    """A band's chunk, and the checksum and length of what was deflated."""

    chunk: bytes
    checksum: int
    length: int


def _bands(lines: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    """Every band of `lines`, and the line above it."""
    rows = max(1, _BAND_BYTES // lines.shape[1])
    above = np.zeros_like(lines[0])
    for first in range(0, len(lines), rows):
        band = lines[first : first + rows]
        yield band, above
        above = band[-1]


def _deflate(band: tuple[Pixels, Pixels]) -> _Deflated:
    """Take from each byte the mean of those to its left and above it, and deflate what is left."""
    lines, before = band
    above = np.concatenate((before[np.newaxis], lines[:-1]))
    left = np.zeros_like(lines)
    left[:, 3:] = lines[:, :-3]
    mean = (left & above) + ((left ^ above) >> 1)  # doesn't leave 8 bits
    filtered = np.empty((len(lines), lines.shape[1] + 1), np.uint8)
    filtered[:, 0] = _AVERAGE
    np.subtract(lines, mean, out=filtered[:, 1:])
    data = filtered.tobytes()
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL + 1, zlib.Z_RLE)
    chunk = _chunk(b"IDAT", deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH))
    return _Deflated(chunk, zlib.adler32(data), len(data))


def _adler_of_both(first: int, second: int, second_length: int) -> int:
    """The Adler-32 of two byte strings in a row, from those of each."""
    low, high = first & 0xFFFF, first >> 16
    low_second, high_second = second & 0xFFFF, second >> 16
    both = (low + low_second - 1) % _ADLER_MODULUS
    return (high + high_second + second_length * (low - 1)) % _ADLER_MODULUS << 16 | both


def _chunk(kind: bytes, data: bytes) -> bytes:
    return b"".join(
        (struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind))))
    )


def _international(keyword: str, text: str) -> bytes:
    return keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
