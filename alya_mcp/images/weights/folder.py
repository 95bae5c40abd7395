"""Checks a model's folder: a complete pipeline of a known family, with safetensors only."""

import contextlib
import fnmatch
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.errors import NotConfigured
from alya_mcp.images.families import FAMILIES
from alya_mcp.images.weights.parts import has_vocabulary, quantised_by, variant_of

PATTERNS: Final = ("model_index.json", "*/*.json", "*/*.txt", "*/*.model", "*/*.safetensors")
"""The files of a diffusers pipeline, and no code, pickle or single-file copy of the weights."""
INDEX: Final = "model_index.json"

_LIBRARIES: Final = ("diffusers", "transformers")
_SHARD: Final = re.compile(r"-\d+-of-\d+(\.\w+)?\.safetensors$")
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
    """Whether every part in the index has all shards of its weights; opens none of them."""
    return not list(_missing(folder))


def require_whole(folder: Path, what: str) -> None:
    """Check that `folder` has a complete pipeline whose weights are as long as their headers say.

    `what` names the folder in the message. Nothing but indexes and headers is read.

    Raises:
        NotConfigured: it doesn't; the text names the files.
    """
    require_pipeline(folder, what)
    require_plain(folder, what)
    wrong = [*_missing(folder), *_damaged(folder)]
    if wrong:
        more = f" and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
        raise NotConfigured(
            f"{what} can't be loaded: a file of it is missing or damaged: {'; '.join(wrong[:_MAX_NAMED])}"
            f"{more}. Copy it again, or download it again with: alya-mcp model pull"
        )


def require_plain(folder: Path, what: str) -> None:
    """Check in the available configurations that no part's weights were quantised when they were saved.

    Raises:
        NotConfigured: a part's weights were quantised.
    """
    for config in sorted(folder.glob("*/config.json")):
        if method := quantised_by(config.parent):
            raise NotConfigured(
                f"{what} can't be loaded: its part {config.parent.name} is quantised already, by {method}. "
                "alya-mcp takes weights in bf16, fp16 or fp32 only, and quantises them itself where "
                "ALYA_IMAGE_PRECISION or the memory asks for it. The user can take the model's original"
            )


def require_pipeline(folder: Path, what: str) -> None:
    """Check that the index in `folder` is that of a known family; `what` names it in the message.

    Raises:
        NotConfigured: it isn't.
    """
    try:
        read: object = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except OSError:
        raise no_pipeline(what) from None
    except (ValueError, RecursionError):
        raise NotConfigured(
            f"{what} has a model_index.json that isn't JSON; download the model again"
        ) from None
    index = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
    kind = str(index.get("_class_name"))
    family = FAMILIES.get(kind)
    if family is None:
        raise NotConfigured(f"{what} holds a {kind:.60}; alya-mcp draws with a {' or '.join(FAMILIES)} only")
    for name, (value, without) in family.requires.items():
        if index.get(name) != value:
            raise NotConfigured(f"{what} can't be drawn with: {without}")
    for name, library in _parts(index):
        if library not in _LIBRARIES:
            raise NotConfigured(
                f"{what} wants code for its part {name!r:.60} from {library!r:.60}; alya-mcp takes parts of "
                f"{' and '.join(_LIBRARIES)} only, and runs no code that comes with a model"
            )


def no_pipeline(what: str) -> NotConfigured:
    """The error for `what` if it has no index."""
    return NotConfigured(
        f"{what} is not a model that alya-mcp can draw with: it has no model_index.json. It takes a "
        f"{' or '.join(FAMILIES)} as diffusers saves it"
    )


def _parts(index: dict[str, Any]) -> list[tuple[str, object]]:
    """The parts of an index that aren't null, each with the library of its class."""
    return [(name, entry[0]) for name, entry in _entries(index)]


def _entries(index: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    entries = ((name, cast("list[Any]", entry)) for name, entry in index.items() if isinstance(entry, list))
    return [(name, entry) for name, entry in entries if entry and entry[0] is not None]


def _is_tokenizer(entry: list[Any]) -> bool:
    return len(entry) > 1 and "Tokenizer" in str(entry[1])


def _missing(folder: Path) -> Iterator[str]:
    """The files that the index requires and that are missing."""
    try:
        parts = _entries(json.loads((folder / INDEX).read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, RecursionError):
        yield f"{INDEX} can't be read"
        return
    if not parts:
        yield f"{INDEX} names no parts"
    for name, entry in parts:
        yield from _missing_of(folder / name)
        if _is_tokenizer(entry) and (folder / name).is_dir() and not has_vocabulary(folder / name):
            yield f"{name} has no vocabulary (tokenizer.json, vocab.json with merges.txt, or spiece.model)"


def _missing_of(part: Path) -> Iterator[str]:
    """The missing files of one part."""
    if not part.is_dir() or not any(part.iterdir()):
        yield f"{part.name} isn't there"
        return
    weights = list(part.glob("*.safetensors"))
    variant = variant_of(part)
    indexes = sorted(
        part.glob(f"*.safetensors.index.{variant}.json" if variant else "*.safetensors.index.json")
    )
    described = (part / "config.json").exists()
    for index in indexes:
        try:
            needed = sorted(set(_shards(index).values()))
        except ValueError:
            yield f"{part.name}/{index.name} can't be read"
            continue
        yield from (f"{part.name}/{shard} isn't there" for shard in needed if not (part / shard).exists())
    if described and not weights:
        yield f"{part.name} has no weights as safetensors, and no other form of them is read"
    if weights and not described:
        yield f"{part.name}/config.json isn't there"
    if weights and not indexes and all(_SHARD.search(file.name) for file in weights):
        yield f"{part.name} has shards of weights and no *.safetensors.index.json, which says what is in them"


def _shards(index: Path) -> dict[str, str]:
    """The shard of each tensor, by an index of shards.

    Raises:
        ValueError: it can't be read, or names something other than a safetensors file in its folder.
    """
    try:
        shards: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        if all(Path(name).name == name and name.endswith(".safetensors") for name in shards.values()):
            return shards
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(index.name)


def _damaged(folder: Path) -> Iterator[str]:
    """The invalid JSON files, and the weights that don't match their header or their index."""
    named: dict[Path, set[str]] = {}
    for file in sorted(folder.glob("*/*.json")):
        if ".safetensors.index." in file.name:
            with contextlib.suppress(ValueError):
                for tensor, shard in _shards(file).items():
                    named.setdefault(file.parent / shard, set()).add(tensor)
            continue
        try:
            json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError):
            yield f"{file.parent.name}/{file.name} can't be read as JSON"
    for file in sorted(folder.glob("*/*.safetensors")):
        try:
            fault = _fault(file, named.get(file, set()))
        except OSError as error:
            fault = f"can't be read ({error.strerror})"
        if fault:
            yield f"{file.parent.name}/{file.name} {fault}"


def _fault(file: Path, named: set[str]) -> str | None:
    """The error in a safetensors file: 8 bytes of length, a JSON header of that length, the tensors.

    `named` are the tensors that it should have, by its index.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        length: int = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if length > _MAX_HEADER:
            return "is not a safetensors file"
        if size < 8 + max(length, 2):
            return f"ends within its header, after {size:,} bytes"
        try:
            header: dict[str, dict[str, Any]] = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            spans = [_span(entry) for entry in header.values()]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return "has a header that can't be read"
    whole = 8 + length + max((end for _, end in spans), default=0)
    if size != whole:
        return f"has {size:,} of {whole:,} bytes"
    lacking = named - header.keys()
    return f"lacks {len(lacking):,} of the tensors that its index names" if lacking else None


def _span(entry: dict[str, Any]) -> tuple[int, int]:
    start, end = entry["data_offsets"]
    if type(start) is not int or type(end) is not int or not 0 <= start <= end:
        raise ValueError("offsets")
    return start, end


def tensors_of(part: Path) -> set[str]:
    """The names of the tensors in the safetensors files of one part; of a damaged file, none."""
    names: set[str] = set()
    for file in part.glob("*.safetensors"):
        with (
            contextlib.suppress(OSError, ValueError, AttributeError, struct.error),
            file.open("rb") as stream,
        ):
            length: int = struct.unpack("<Q", stream.read(8))[0]
            header: dict[str, Any] = json.loads(stream.read(min(length, _MAX_HEADER)))
            names |= header.keys() - {"__metadata__"}
    return names
