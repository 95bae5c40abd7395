"""Sizes of a model's weights, read from the headers of its files."""

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How many numbers each part of a FLUX pipeline holds; `encoder` is the T5, `others` CLIP and VAE."""

    transformer: int
    encoder: int
    others: int

    @property
    def all(self) -> int:
        """All numbers."""
        return self.transformer + self.encoder + self.others


FLUX_SCHNELL_WEIGHTS: Final = Weights(
    transformer=11_891_178_560, encoder=4_762_310_656, others=123_060_480 + 83_819_683
)
"""Counted from the configurations of black-forest-labs/FLUX.1-schnell."""


def weigh(folder: Path) -> Weights:
    """Count the weights in the safetensors files of a pipeline's folder; an unreadable file counts as 0."""
    parts = {part.name: sum(map(_numbers, part.glob("*.safetensors"))) for part in folder.glob("*/")}
    transformer, encoder = parts.pop("transformer", 0), parts.pop("text_encoder_2", 0)
    return Weights(transformer=transformer, encoder=encoder, others=sum(parts.values()))


def _numbers(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            size = struct.unpack("<Q", stream.read(8))[0]
            header: dict[str, Any] = json.loads(stream.read(min(size, 100_000_000)))
        return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return 0
