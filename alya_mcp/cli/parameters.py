"""A tool's parameters in words, from its input schema."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from alya_mcp.gate.numbers import short

Schema = Mapping[str, Any]

HEADINGS = ("parameter", "type", "takes", "default", "description")


def parameters(schema: Schema) -> Iterator[tuple[str, ...]]:
    """A row per parameter: name, type, bounds, default and description, those that a call needs first."""
    known = cast("Mapping[str, Schema]", schema.get("properties", {}))
    required = cast("list[str]", schema.get("required", []))
    for name in sorted(known, key=lambda name: name not in required):
        each = known[name]
        default = "required" if name in required else _default(each)
        takes = _value_of(each)
        yield name, _type(takes), _bounds(takes), default, str(each.get("description", ""))


def _value_of(schema: Schema) -> Schema:
    """What an optional parameter holds when it is given: its schema without the choice of null."""
    choices = cast("list[Schema]", schema.get("anyOf", []))
    return next((each for each in choices if each.get("type") != "null"), schema)


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None:
        return "none"
    return short(value) if isinstance(value, float) else str(value)


def _type(schema: Schema) -> str:
    kind = str(schema.get("type", "any"))
    return f"{kind} of {_type(schema['items'])}" if kind == "array" and "items" in schema else kind


def _bounds(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(map(str, cast("list[object]", schema["enum"])))
    spans = [
        _span(schema, "minimum", "maximum", ""),
        _span(schema, "minLength", "maxLength", " characters"),
        _span(schema, "minItems", "maxItems", " items"),
    ]
    if isinstance(schema.get("items"), Mapping):
        spans.append(_bounds(schema["items"]))
    return ", ".join(filter(None, spans))


def _span(schema: Schema, least: str, most: str, unit: str) -> str:
    low, high = cast("float | None", schema.get(least)), cast("float | None", schema.get(most))
    if low is None:
        return "" if high is None else f"at most {short(high)}{unit}"
    if high is None:
        return f"from {short(low)}{unit}"
    return f"{short(low)}{unit}" if low == high else f"{short(low)} to {short(high)}{unit}"
