"""Arguments as loosely typed hosts send them, read as the types of their JSON Schema.

Some hosts send null for every parameter that the model left out, or numbers, booleans, arrays and objects as
text. Only what loses nothing is converted; everything else is left for validation to refuse.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

Schema = Mapping[str, Any]

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,300})(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False}
_BRACKETS = {"array": "[", "object": "{"}


def read(value: object, schema: Schema) -> object:
    """`value` converted to the type that `schema` wants, if that is lossless; otherwise `value` itself."""
    return _read(value, schema, schema)


def _read(value: object, part: Schema, root: Schema) -> object:
    choices = list(_choices(part, root))
    wanted = {choice.get("type") for choice in choices}
    if isinstance(value, str):
        return value if "string" in wanted else _read_text(value, wanted, part, root)
    if isinstance(value, float) and value.is_integer() and "integer" in wanted and "number" not in wanted:
        return int(value)
    for choice in choices:
        if isinstance(value, dict) and choice.get("type") == "object":
            return _members(cast("dict[str, object]", value), choice, root)
        if isinstance(value, list) and choice.get("type") == "array":
            return [_read(each, choice.get("items", {}), root) for each in cast("list[object]", value)]
    return cast("object", value)


def _read_text(text: str, wanted: set[Any], part: Schema, root: Schema) -> object:
    meant = _from_text(text, wanted)
    return meant if isinstance(meant, str) else _read(meant, part, root)


def _members(given: Mapping[str, object], part: Schema, root: Schema) -> dict[str, object]:
    """The members of an object; null for an optional one means that it is absent.

    So does empty text where it isn't valid: some hosts make the model fill in every parameter.
    """
    properties = cast("Mapping[str, Schema]", part.get("properties", {}))
    required = cast("list[str]", part.get("required", []))
    return {
        name: _read(value, properties.get(name, {}), root)
        for name, value in given.items()
        if name in required or name not in properties or not _is_absent(value, properties[name])
    }


def _is_absent(value: object, part: Schema) -> bool:
    return value is None or (value == "" and part.get("type") == "string" and bool(part.get("minLength")))


def _choices(part: Schema, root: Schema) -> Iterator[Schema]:
    """The alternatives of `part`, with references resolved."""
    if "$ref" in part:
        name = str(part["$ref"]).rpartition("/")[2]
        yield from _choices(cast("Schema", root["$defs"][name]), root)
    elif "anyOf" in part:
        for each in cast("list[Schema]", part["anyOf"]):
            yield from _choices(each, root)
    else:
        yield part


def _from_text(text: str, wanted: set[Any]) -> object:
    """The value of a wanted type that `text` holds as JSON; otherwise `text` itself."""
    if "boolean" in wanted and text in _BOOLEANS:
        return _BOOLEANS[text]
    if wanted & {"integer", "number"} and _NUMBER.fullmatch(text):
        number = json.loads(text)
        return number if math.isfinite(number) else text
    if any(kind in wanted and text.startswith(bracket) for kind, bracket in _BRACKETS.items()):
        try:
            return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return text
    return text


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name twice")
    return members


def _refuse(constant: str) -> object:
    raise ValueError(constant)
