"""Canonical JSON (RFC 8785): 1 equals 1.0, true isn't 1, key order doesn't matter, list order does.

Beyond the RFC, which only knows doubles, an integer that no double holds is written as hexadecimal digits and
an `n`, so that two such integers never share a text.
"""

import math
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any, cast

_EXACT = 2**53
_DEPTH = 64


class NotCanonical(ValueError):
    """The value isn't JSON, holds NaN or an infinity, or nests deeper than 64 levels."""


def canonical(value: Any) -> bytes:
    """The canonical UTF-8 text of a JSON value; a lone surrogate keeps its own three bytes.

    Raises:
        NotCanonical: when there is none.
    """
    return _text(value, _DEPTH).encode("utf-8", "surrogatepass")


def _text(value: Any, depth: int) -> str:
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is str:
        return encode_basestring(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is int:
        return str(value) if -_EXACT <= value <= _EXACT else _big(value)
    if kind is float:
        return es6_number(value)
    if not depth:
        raise NotCanonical(f"nested deeper than {_DEPTH} levels")
    if kind is dict or isinstance(value, Mapping):
        return _object(cast("Mapping[Any, Any]", value), depth - 1)
    if isinstance(value, list | tuple):
        return f"[{','.join([_text(item, depth - 1) for item in cast('list[Any]', value)])}]"
    if isinstance(value, str):
        return _text(str.__str__(value), depth)
    if isinstance(value, int):
        return _text(int.__int__(value), depth)
    if isinstance(value, float):
        return _text(float.__float__(value), depth)
    raise NotCanonical(f"{kind.__name__} isn't a JSON type")


def _object(value: Mapping[Any, Any], depth: int) -> str:
    try:
        ordered = sorted(value) if "".join(value).isascii() else sorted(value, key=_utf16)
    except TypeError:
        raise NotCanonical("an object has a key that isn't a string") from None
    members: list[str] = []
    for key in ordered:
        item = value[key]
        text = encode_basestring(item) if type(item) is str else _text(item, depth)
        members.append(f"{encode_basestring(key)}:{text}")
    return f"{{{','.join(members)}}}"


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _big(value: int) -> str:
    try:
        near = float(value)
    except OverflowError:
        return f"{value:x}n"
    return es6_number(near) if near == value else f"{value:x}n"


def es6_number(value: float) -> str:
    """The number as ECMAScript's Number::toString writes it.

    Raises:
        NotCanonical: for NaN and the infinities.
    """
    if not math.isfinite(value):
        raise NotCanonical(f"{value} isn't a JSON number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return f"{sign}{digits}{'0' * (point - count)}"
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = f"e{point - 1:+d}"
    return f"{sign}{digits[0]}.{digits[1:]}{power}" if count > 1 else f"{sign}{digits}{power}"
