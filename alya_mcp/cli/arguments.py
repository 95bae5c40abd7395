"""A tool's arguments as the user types them: `key=value` words beside a JSON object."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any, cast

import click

Schema = Mapping[str, Any]

_BOOLEANS = {"true": True, "false": False}


def tool_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:  # noqa: ARG001
    """What completes the name of a tool in a shell."""
    from alya_mcp.tools import NAMES

    return [name for name in NAMES if name.startswith(begun)]


class UnknownTool(click.UsageError):
    """There is no tool of that name among `known`; the text names the nearest one."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = get_close_matches(name, list(known), n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "`alya-mcp tools` lists them all."
        super().__init__(f"Unknown tool: {name}. {hint}")


class Given:
    """What stands on the command line, before the tool's input schema is known.

    Raises:
        click.UsageError: for a word that isn't a pair, a repeated name, or text that isn't a JSON object.
    """

    def __init__(self, words: Sequence[str], document: str | None) -> None:
        self._document = {} if document is None else _object(document)
        self._texts: dict[str, str] = {}
        self._raw: dict[str, Any] = {}
        for word in words:
            name, equals, text = word.partition("=")
            raw = name.endswith(":")
            name = name.removesuffix(":")
            if not equals or not name:
                raise click.UsageError(f"{word!r} isn't an argument; write key=value, or key:=JSON.")
            if name in self._texts or name in self._raw or name in self._document:
                raise click.UsageError(f"The argument {name!r} is given twice; give it once.")
            if raw:
                self._raw[name] = _json(text, f"The value of {name!r}")
            else:
                self._texts[name] = text

    def read(self, schema: Schema) -> dict[str, Any]:
        """The arguments, each text read as what `schema` takes there; what can't be read so stays text."""
        takes = cast("dict[str, Schema]", schema.get("properties", {}))
        read = {name: _read(text, takes.get(name, {})) for name, text in self._texts.items()}
        return {**self._document, **self._raw, **read}


def _read(text: str, schema: Schema) -> Any:
    for kind in _kinds(schema):
        if kind == "string":
            return text
        if kind == "boolean" and text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        if kind == "null" and text == "null":
            return None
        try:
            value = _strict(text)
        except ValueError:
            continue
        if _is(kind, value):
            return value
    return text


def _kinds(schema: Schema) -> Iterator[str]:
    """The types that `schema` takes, text last: any text would fit it."""
    choices = cast("list[Schema]", schema.get("anyOf") or schema.get("oneOf") or [schema])
    kinds = [str(choice["type"]) for choice in choices if "type" in choice]
    yield from sorted(kinds, key=lambda kind: kind == "string")


def _is(kind: str, value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "integer": number and float(cast("float", value)).is_integer() if number else False,
        "number": number,
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
    }.get(kind, False)


def _object(text: str) -> dict[str, Any]:
    value = _json(text, "The value of --args")
    if not isinstance(value, dict):
        raise click.UsageError(f'--args takes a JSON object such as {{"steps": 4}}, not {text[:60]!r}.')
    return cast("dict[str, Any]", value)


def _json(text: str, what: str) -> Any:
    try:
        return _strict(text)
    except ValueError as error:
        raise click.UsageError(f"{what} is not JSON ({error}): {text[:60]!r}") from None


def _strict(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} isn't a number that JSON can carry")
    return number
