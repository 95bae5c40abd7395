"""Strictly typed frozen dataclasses from JSON. Hand-written, as the drawing processes have no pydantic."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin

from alya_mcp.images.wire.frames import WireError

T = TypeVar("T")
_Read = Callable[[object, str], Any]

_MOST: Final = 1e15
"""The largest number of seconds or bytes; excludes infinity and NaN."""


def read_fields(kind: type[T], raw: Mapping[str, Any], *, path: str = "", newer: bool) -> T:
    """The `kind` whose fields `raw` holds; `newer` allows further ones, of a later version.

    Raises:
        WireError: a field is missing, invalid or unknown; the text names it.
        Exception: whatever building a `kind` raises.
    """
    readers = _readers(kind, newer)
    if not newer and raw.keys() - readers.keys():
        raise WireError(f"{path or 'the message '}holds a field that isn't known")
    values: dict[str, Any] = {}
    for name, (read, required) in readers.items():
        if name in raw:
            values[name] = read(raw[name], path + name)
        elif required:
            raise WireError(f"{path}{name} is missing")
    return kind(**values)


@cache
def _readers(kind: type[Any], newer: bool) -> dict[str, tuple[_Read, bool]]:
    return {each.name: (_reader(each.type, newer), _is_required(each)) for each in fields(kind)}


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _reader(kind: Any, newer: bool) -> _Read:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_dataclass(kind):
        return _dataclass(cast("type[Any]", kind), newer)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        (some,) = (each for each in inner if each is not NoneType)
        return _optional(_reader(some, newer))
    if origin is Literal:
        return _literal(frozenset(inner))
    if origin is tuple:
        return _tuple(_reader(inner[0], newer))
    if origin is Mapping:
        return _mapping(_reader(inner[1], newer))
    raise TypeError(f"no field of a message is a {kind}")


def _text(value: object, path: str) -> str:
    return _checked(value, path, isinstance(value, str))


def _whole(value: object, path: str) -> int:
    return _checked(value, path, type(value) is int)


def _bytes(value: object, path: str) -> bytes:
    return _checked(value, path, isinstance(value, bytes))


def _flag(value: object, path: str) -> bool:
    return _checked(value, path, isinstance(value, bool))


def _number(value: object, path: str) -> float:
    fits = type(value) in {int, float} and -_MOST <= cast("float", value) <= _MOST
    return _checked(value, path, fits)


def _checked(value: Any, path: str, fits: bool) -> Any:
    if not fits:
        raise WireError(f"{path} is of the wrong type or out of bounds")
    return value


_PLAIN: dict[Any, _Read] = {str: _text, bytes: _bytes, int: _whole, bool: _flag, float: _number}


def _dataclass(kind: type[Any], newer: bool) -> _Read:
    def read(value: object, path: str) -> Any:
        raw = cast("Mapping[str, Any]", _checked(value, path, isinstance(value, dict)))
        return read_fields(kind, raw, path=f"{path}.", newer=newer)

    return read


def _optional(some: _Read) -> _Read:
    return lambda value, path: None if value is None else some(value, path)


def _literal(values: frozenset[Any]) -> _Read:
    return lambda value, path: _checked(value, path, isinstance(value, str) and value in values)


def _tuple(item: _Read) -> _Read:
    def read(value: object, path: str) -> tuple[Any, ...]:
        items = cast("list[object]", _checked(value, path, isinstance(value, list)))
        return tuple(item(each, path) for each in items)

    return read


def _mapping(item: _Read) -> _Read:
    def read(value: object, path: str) -> dict[str, Any]:
        items = cast("dict[str, object]", _checked(value, path, isinstance(value, dict)))
        return {name: item(each, path) for name, each in items.items()}

    return read
