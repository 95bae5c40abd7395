"""One part of a model's folder: the form of its weights, and a tokenizer's vocabulary."""

import json
import re
from pathlib import Path
from typing import Any, Final, cast

_NAMED: Final = re.compile(r"[^.]+(\.(?P<variant>\w+)(-\d+-of-\d+)?)?\.safetensors")
_VOCABULARIES: Final = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",), ("vocab.txt",))
"""Groups of files; a tokenizer's vocabulary needs one group."""


def variant_of(part: Path) -> str | None:
    """The variant of a part's weights, such as `fp16`; None for weights without a variant."""
    found = {
        match["variant"] for file in part.glob("*.safetensors") if (match := _NAMED.fullmatch(file.name))
    }
    return None if None in found else min((each for each in found if each), default=None)


def variant_in(folder: Path) -> str | None:
    """The variant to load a pipeline with; None for weights without a variant."""
    return next((variant for part in sorted(folder.glob("*/")) if (variant := variant_of(part))), None)


def quantised_by(part: Path) -> str | None:
    """The method that a part's saved weights were quantised with, or None."""
    try:
        config: object = json.loads((part / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    found = cast("dict[str, Any]", config).get("quantization_config") if isinstance(config, dict) else None
    if not found:
        return None
    method = cast("dict[str, Any]", found).get("quant_method") if isinstance(found, dict) else None
    return str(method or "an unnamed method")[:40]


def has_vocabulary(part: Path) -> bool:
    """Whether a tokenizer's folder has its vocabulary; without it transformers creates an empty one."""
    return any(all((part / name).is_file() for name in group) for group in _VOCABULARIES)
