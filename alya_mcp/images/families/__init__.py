"""The model families that alya-mcp draws with, a module each, and the models that it knows by name."""

import json
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.images.families.family import Encoder, Family, Licence, Model, Weights
from alya_mcp.images.families.flux1 import FLUX1, SCHNELL
from alya_mcp.images.families.flux2_klein import FLUX2_KLEIN, KLEIN_4B, KLEIN_9B
from alya_mcp.images.families.z_image import TURBO, Z_IMAGE

FAMILIES: Final[dict[str, Family]] = {family.pipeline: family for family in (FLUX1, FLUX2_KLEIN, Z_IMAGE)}
"""By the pipeline's class."""
MODELS: Final[tuple[Model, ...]] = (SCHNELL, KLEIN_4B, KLEIN_9B, TURBO)
"""The first one is what `auto` looks for."""

__all__ = [
    "FAMILIES",
    "FLUX1",
    "FLUX2_KLEIN",
    "KLEIN_4B",
    "KLEIN_9B",
    "MODELS",
    "SCHNELL",
    "TURBO",
    "Z_IMAGE",
    "Encoder",
    "Family",
    "Licence",
    "Model",
    "Weights",
    "family_of",
    "known",
]


def known(word: str) -> Model | None:
    """The known model with `word` as its setting, name or repository, ignoring case."""
    wanted = word.lower()
    names = {name.lower(): each for each in MODELS for name in (each.setting, each.name, each.repository)}
    return names.get(wanted)


def family_of(folder: Path) -> Family | None:
    """The family of the pipeline in `folder`, by its index; None if it isn't one of these."""
    try:
        read: object = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    index = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    return FAMILIES.get(str(index.get("_class_name")))
