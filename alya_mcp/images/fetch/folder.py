"""What a model's folder must hold: a FLUX pipeline as diffusers saves it, whole, with safetensors only."""

import fnmatch
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.failures import NotConfigured

PATTERNS: Final = ("model_index.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.safetensors")
"""The files of a diffusers pipeline, and no code, pickle or single-file copy of the weights."""
INDEX: Final = "model_index.json"

_MAX_HEADER: Final = 100_000_000
_MAX_NAMED: Final = 3


def is_wanted(name: str) -> bool:
    """Whether a repository's file of this name belongs to the pipeline."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in PATTERNS)


def files_of(folder: Path) -> list[str]:
    """The names of the pipeline's files in `folder`, relative to it, sorted."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if is_wanted(name))


def is_complete(folder: Path) -> bool:
    """Whether every part that the index names has its weights, all shards of them; none of them is opened."""
    return not list(_missing(folder))


def require_flux(folder: Path, what: str) -> None:
    """See that `folder` holds a whole FLUX pipeline whose weights are as long as their headers say.

    `what` names the folder in the message. Nothing but indexes and headers is read.

    Raises:
        NotConfigured: when it doesn't; names the files.
    """
    require_pipeline(folder, what)
    wrong = [*_missing(folder), *_damaged(folder)]
    if wrong:
        more = f" and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
        raise NotConfigured(
            f"{what} can't be loaded: a file of it is missing or damaged: {'; '.join(wrong[:_MAX_NAMED])}"
            f"{more}. Copy it again, or download it again with: alya-mcp model pull"
        )


def require_pipeline(folder: Path, what: str) -> None:
    """See that the index in `folder` is that of a FLUX pipeline; `what` names it in the message.

    Raises:
        NotConfigured: when it isn't.
    """
    try:
        index: object = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except OSError:
        raise no_pipeline(what) from None
    except ValueError:
        raise NotConfigured(
            f"{what} has a model_index.json that isn't JSON; download the model again"
        ) from None
    kind = cast("dict[str, Any]", index).get("_class_name") if isinstance(index, dict) else None
    if kind != "FluxPipeline":
        raise NotConfigured(f"{what} holds a {kind!s:.60}; alya-mcp draws with a FluxPipeline only")


def no_pipeline(what: str) -> NotConfigured:
    """How `what` is refused when it has no index."""
    return NotConfigured(
        f"{what} is not a model that alya-mcp can draw with: it has no model_index.json. It takes a FLUX "
        "pipeline as diffusers saves it"
    )


def _missing(folder: Path) -> Iterator[str]:
    """What the index names and isn't there."""
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        parts = [name for name, entry in index.items() if isinstance(entry, list) and (entry[0] or "")]
    except (OSError, ValueError, AttributeError, IndexError):
        yield f"{INDEX} can't be read"
        return
    if not parts:
        yield f"{INDEX} names no parts"
    for name in parts:
        part = folder / name
        if not part.is_dir():
            yield f"{name} isn't there"
            continue
        for shards in sorted(part.glob("*.safetensors.index.json")):
            try:
                weights: dict[str, str] = json.loads(shards.read_text(encoding="utf-8"))["weight_map"]
                needed = sorted(set(weights.values()))
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                yield f"{name}/{shards.name} can't be read"
                continue
            yield from (f"{name}/{shard} isn't there" for shard in needed if not (part / shard).exists())
        if (part / "config.json").exists() and not any(part.glob("*.safetensors")):
            yield f"{name} has no weights as safetensors, and no other form of them is read"


def _damaged(folder: Path) -> Iterator[str]:
    """The weights that don't have the length that they themselves name."""
    for file in sorted(folder.glob("*/*.safetensors")):
        try:
            fault = _fault(file)
        except OSError as error:
            fault = f"can't be read ({error.strerror})"
        if fault:
            yield f"{file.parent.name}/{file.name} {fault}"


def _fault(file: Path) -> str | None:
    """What is wrong with a safetensors file: 8 bytes of length, a JSON header of that length, the tensors."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length: int = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if length > _MAX_HEADER:
            return "is no safetensors file"
        if size < 8 + max(length, 2):
            return f"ends within its header, after {size:,} bytes"
        try:
            header: dict[str, dict[str, Any]] = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            spans = [_span(entry) for entry in header.values()]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return "has a header that can't be read"
    whole = 8 + length + max((end for _, end in spans), default=0)
    return None if size == whole else f"has {size:,} of {whole:,} bytes"


def _span(entry: dict[str, Any]) -> tuple[int, int]:
    start, end = entry["data_offsets"]
    if type(start) is not int or type(end) is not int or not 0 <= start <= end:
        raise ValueError("offsets")
    return start, end
