"""One part of a model's folder: the form of its weights, and a tokenizer's vocabulary."""

import json
import re
from pathlib import Path
from typing import Any, Final, cast

_NAMED: Final = re.compile(r"[^.]+(\.(?P<variant>\w+)(-\d+-of-\d+)?)?\.safetensors")
_VOCABULARIES: Final = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",), ("vocab.txt",))
"""The files of which one group makes a tokenizer's vocabulary."""


def variant_of(part: Path) -> str | None:
    """The variant, such as `fp16`, that a part has in place of plain weights; None for plain ones."""
    found = {
        match["variant"] for file in part.glob("*.safetensors") if (match := _NAMED.fullmatch(file.name))
    }
    return None if None in found else min((each for each in found if each), default=None)


def variant_in(folder: Path) -> str | None:
    """The variant that a pipeline has to be loaded with; None for plain weights."""
    return next((variant for part in sorted(folder.glob("*/")) if (variant := variant_of(part))), None)


def quantised_by(part: Path) -> str | None:
    """What a part's weights were quantised with when they were saved; None when they weren't."""
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
    """Whether a tokenizer's folder holds its words; without them transformers makes an empty one."""
    return any(all((part / name).is_file() for name in group) for group in _VOCABULARIES)
