"""References to pixels, in the process that draws: refused by their size before they are decoded."""

import importlib
import io
import warnings
from typing import Any, Final

import numpy as np

from alya_mcp.errors import InvalidInput
from alya_mcp.images.reference import LEAST_SIDE, MOST_PIXELS, MOST_RATIO, TYPES, Reference

_FORMATS: Final = ("PNG", "JPEG", "WEBP")


def opened(reference: Reference) -> Any:
    """The picture of `reference`, Pillow's, in RGB with 8 bits a channel, the right way up.

    Of an animation it is the first frame. Of 16 bits a channel the upper 8 count. What is transparent becomes
    white.

    Raises:
        InvalidInput: when it is no picture, damaged, or of a size or shape that isn't taken.
    """
    pillow: Any = importlib.import_module("PIL.Image")
    operations: Any = importlib.import_module("PIL.ImageOps")
    try:
        with warnings.catch_warnings():
            # Our own limit is lower.
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
            picture = pillow.open(io.BytesIO(reference.data), formats=_FORMATS)
    except pillow.DecompressionBombError:
        raise _too_many(reference, "far more") from None
    except Exception as error:  # noqa: BLE001 - a damaged header fails in every format's own way
        raise _unreadable(reference, error) from None
    _check(reference, *picture.size)
    try:
        return _in_rgb(operations.exif_transpose(picture), pillow)
    except Exception as error:  # noqa: BLE001 - as do damaged pixels
        raise _unreadable(reference, error) from None


def _check(reference: Reference, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise _too_many(reference, f"{width}x{height}")
    if min(width, height) < LEAST_SIDE:
        raise InvalidInput(
            f"{_named(reference)} has {width}x{height} pixels; it takes at least {LEAST_SIDE} a side"
        )
    if max(width, height) > MOST_RATIO * min(width, height):
        raise InvalidInput(
            f"{_named(reference)} has {width}x{height} pixels; the longer side may have at most {MOST_RATIO} "
            "times those of the shorter. Give a part of it"
        )


def _in_rgb(picture: Any, pillow: Any) -> Any:
    if picture.mode.startswith("I"):  # Pillow's own way to 8 bits cuts the lighter 255/256 off
        picture = pillow.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        picture = pillow.alpha_composite(pillow.new("RGBA", seen.size, "white"), seen)
    return picture.convert("RGB")


def _too_many(reference: Reference, size: str) -> InvalidInput:
    return InvalidInput(
        f"{_named(reference)} has {size} pixels; it takes at most {MOST_PIXELS / 1e6:.0f} million. Give a "
        "smaller copy: models read about one megapixel of it"
    )


def _unreadable(reference: Reference, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{_named(reference)} can't be decoded ({type(error).__name__}): it is damaged, or no {TYPES} "
        "picture. Give another copy of it"
    )


def _named(reference: Reference) -> str:
    return f"The reference {reference.name!r:.200}"
