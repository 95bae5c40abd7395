"""Python values as a document: no places, but the same limits on types, depth and numbers."""

import math
from collections.abc import Mapping
from typing import Any, cast

from alya_mcp.gate.documents.document import (
    DEEPEST,
    LONGEST_NUMBER,
    TOO_LONG,
    WRONG,
    Document,
    Problem,
    Unreadable,
    is_text,
    quoted,
    step,
)


def read_values(value: Any) -> Document:
    """The document, a copy of `value`, with what is wrong in it.

    Raises:
        Unreadable: when it nests deeper than 64 levels.
    """
    try:
        return Document(copied(value), ())
    except ValueError:
        problems: list[Problem] = []
        return Document(_checked(value, "", problems, DEEPEST), problems)


def copied(value: Any) -> Any:
    """A copy of a JSON value.

    Raises:
        ValueError: there is anything to say about it; `read_values` says what.
    """
    return _copy(value, DEEPEST)


def _copy(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        if value.isascii() or is_text(value):
            return value
    elif isinstance(value, dict):
        if depth:
            members = cast("dict[str, Any]", value)
            return {_copy_key(name): _copy(item, depth - 1) for name, item in members.items()}
    elif isinstance(value, list):
        if depth:
            return [_copy(item, depth - 1) for item in cast("list[Any]", value)]
    elif value is None or isinstance(value, bool):
        return value
    elif isinstance(value, int):
        if abs(value) < TOO_LONG:
            return value
    elif isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError


def _copy_key(name: Any) -> str:
    if isinstance(name, str) and (name.isascii() or is_text(name)):
        return name
    raise ValueError


def _checked(value: Any, pointer: str, problems: list[Problem], depth: int) -> Any:
    """The value as JSON has it, and everything that is wrong with it."""
    if not depth and isinstance(value, Mapping | list | tuple):
        raise Unreadable([*problems, Problem(pointer, f"nested deeper than {DEEPEST} levels")])
    if isinstance(value, Mapping):
        members: dict[str, Any] = {}
        for key, item in cast("Mapping[Any, Any]", value).items():
            if not isinstance(key, str):
                problems.append(Problem(pointer, f"the key {quoted(str(key))} isn't a string"))
                continue
            if not is_text(key):
                problems.append(Problem(pointer, f"the key {quoted(key)} holds half a surrogate pair"))
            members[key] = _checked(item, step(pointer, key), problems, depth - 1)
        return members
    if isinstance(value, list | tuple):
        listed = cast("list[Any]", value)
        return [_checked(x, step(pointer, i), problems, depth - 1) for i, x in enumerate(listed)]
    message = _misfit(value)
    if message is None:
        return value
    problems.append(Problem(pointer, message))
    return WRONG


def _misfit(value: object) -> str | None:
    """Why a single value isn't a JSON value."""
    if isinstance(value, str):
        return None if is_text(value) else "the string holds half a surrogate pair"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) < TOO_LONG else f"a number of over {LONGEST_NUMBER} digits"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} isn't a JSON number"
    return f"{type(value).__name__} isn't a JSON type"
