"""Explains arguments that don't fit a tool's schema: each parameter, what it got and what it takes."""

import json
from collections.abc import Sequence
from typing import cast

from pydantic import ValidationError

from alya_mcp.toolkit.schemas import Schema

_MOST_NAMED = 8


def explain(tool: str, schema: Schema, error: ValidationError, *, quotes: bool = True) -> str:
    """What is wrong with the arguments of `tool`; without `quotes` the text repeats none of their values."""
    takes = ", ".join(schema.get("properties", {})) or "no arguments"
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False):
        where = _short(".".join(str(step) for step in problem["loc"]) or "arguments").strip('"')
        part = _describe(_part(schema, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            lines[where] = f"{where} isn't a parameter of {tool}, which takes: {takes}"
        elif problem["type"] == "missing":
            lines[where] = f"{where} is required: {part}"
        else:
            got = f"is {_short(problem['input'])}" if quotes else "doesn't fit"
            lines.setdefault(where, f"{where} {got}; it takes {part}")
    more = len(lines) - _MOST_NAMED
    return "; ".join([*lines.values()][:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _part(schema: Schema, where: Sequence[str | int]) -> Schema:
    """The schema of the value at `where` in the arguments, or the innermost known one around it."""
    part = schema
    for step in where:
        choices = cast("list[Schema]", part.get("anyOf", [part]))
        part = next((choice for choice in choices if choice.get("type") != "null"), part)
        if "$ref" in part:
            part = cast("Schema", schema["$defs"][str(part["$ref"]).rpartition("/")[2]])
        inner = part.get("items") if isinstance(step, int) else part.get("properties", {}).get(step)
        if inner is None:
            break
        part = cast("Schema", inner)
    return part


def _describe(part: Schema) -> str:
    kinds: list[str] = []
    for choice in cast("list[Schema]", part.get("anyOf", [part])):
        kind = str(choice.get("type", "value"))
        if "enum" in choice:
            kind = "one of " + ", ".join(map(str, choice["enum"]))
        elif "minimum" in choice or "maximum" in choice:
            kind += f" from {choice.get('minimum', 'any')} to {choice.get('maximum', 'any')}"
        elif "maxLength" in choice:
            kind += f" of {choice.get('minLength', 0)} to {choice['maxLength']} characters"
        elif "maxItems" in choice:
            kind += f" of {choice.get('minItems', 0)} to {choice['maxItems']} items"
        kinds.append(kind)
    return " or ".join(kinds)


def _short(value: object, limit: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
