"""Sizes of a model's weights, read from the headers of its files."""

import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alya_mcp.images.families import FLUX1, Weights, family_of


def weigh(folder: Path) -> Weights:
    """Count the weights in the safetensors files of a pipeline's folder; an unreadable file counts as 0."""
    # A folder of another kind is refused when it is loaded.
    family = family_of(folder) or FLUX1
    used = {each.part: each.uses for each in family.encoders}
    parts = {
        part.name: sum(_numbers(file, used.get(part.name, _all)) for file in part.glob("*.safetensors"))
        for part in folder.glob("*/")
    }
    transformer, encoder = parts.pop("transformer", 0), parts.pop(family.encoder.part, 0)
    return Weights(family=family, transformer=transformer, encoder=encoder, others=sum(parts.values()))


def _all(tensor: str) -> bool:
    del tensor
    return True


def _numbers(file: Path, counts: Callable[[str], bool]) -> int:
    try:
        with file.open("rb") as stream:
            size = struct.unpack("<Q", stream.read(8))[0]
            header: dict[str, Any] = json.loads(stream.read(min(size, 100_000_000)))
        return sum(
            math.prod(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__" and counts(name)
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return 0
