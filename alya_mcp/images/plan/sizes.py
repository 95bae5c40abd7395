"""Sizes of a model's weights, read from the headers of its files."""

import json
import math
import struct
from pathlib import Path
from typing import Any

from alya_mcp.images.families import FLUX1, Family, Weights, family_of


def weigh(folder: Path) -> Weights:
    """Count the weights in the safetensors files of a pipeline's folder; an unreadable file counts as 0."""
    # Another kind of folder is refused when it is loaded.
    family = family_of(folder) or FLUX1
    parts = {part.name: _sizes(part) for part in folder.glob("*/")}
    transformer = parts.pop("transformer", {})
    encoder = parts.pop(family.encoder.part, {})
    encoder = {name: size for name, size in encoder.items() if family.encoder.uses(name)}
    return Weights(
        family=family,
        transformer=sum(transformer.values()),
        encoder=sum(encoder.values()),
        others=sum(size for sizes in parts.values() for size in sizes.values()),
        transformer_kept=_sum_kept(family, "transformer", transformer),
        encoder_kept=_sum_kept(family, family.encoder.part, encoder),
    )


def _sum_kept(family: Family, part: str, sizes: dict[str, int]) -> int:
    return sum(size for name, size in sizes.items() if not family.rounds(part, name))


def _sizes(part: Path) -> dict[str, int]:
    """How many numbers each tensor of a part holds."""
    sizes: dict[str, int] = {}
    for file in part.glob("*.safetensors"):
        try:
            with file.open("rb") as stream:
                length = struct.unpack("<Q", stream.read(8))[0]
                header: dict[str, Any] = json.loads(stream.read(min(length, 100_000_000)))
            header.pop("__metadata__", None)
            sizes |= {name: math.prod(entry["shape"]) for name, entry in header.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
            continue
    return sizes
