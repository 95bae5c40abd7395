"""Lint of a policy: names that nothing has, patterns that let everything in, and other likely mistakes."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from alya_mcp.gate.documents.document import Document, Problem, nearest, quoted
from alya_mcp.gate.policy.conditions import NEGATIVE
from alya_mcp.gate.policy.entry import PolicyEntry
from alya_mcp.gate.policy.top import Read

_WORD_CLASS: Final = re.compile(r"\\\\|\\([bBwW])")


def lint(read: Read, document: Document, tools: Collection[str]) -> Iterator[Problem]:
    """Warnings: names that aren't among `tools`, unanchored required patterns, ASCII-only classes."""
    yield from unknown_tools(read, document, tools)
    yield from _unanchored(read, document)
    yield from _ascii_classes(read, document)


def dodged(read: Read, document: Document, schemas: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Refusals that a call avoids by leaving an optional argument out."""
    for entry in _entries(read):
        needed = {
            asked.test.path
            for asked in entry.asked
            if asked.must_hold and not (asked.test.op == "exists" and not asked.test.value)
        }
        for asked in entry.asked:
            op, path = asked.test.op, asked.test.path
            if asked.must_hold or asked.says_missing or op in NEGATIVE or op == "exists" or path in needed:
                continue
            if _is_always_there(schemas.get(entry.tool or ""), path.split(".")[1:]):
                continue
            remedy = f'{{"path": {quoted(path)}, "op": "exists", "value": true}}'
            message = (
                f'refuses no call that leaves out {quoted(path)}; add "missing": "deny" to it, or '
                f'{remedy} to "require"; "missing": "pass" says that it is meant'
            )
            yield Problem(asked.pointer, message, *document.place(asked.pointer))


def _entries(read: Read) -> tuple[PolicyEntry, ...]:
    return (*read.tools.values(), *read.categories.values(), read.every_tool)


def _is_always_there(schema: Mapping[str, Any] | None, names: Sequence[str]) -> bool:
    """Whether every call that fits the schema has a value other than null at the path."""
    for name in names:
        properties: Mapping[str, Any] = {} if schema is None else schema.get("properties", {})
        if schema is None or name not in properties:
            return False
        wanted: Mapping[str, Any] = properties[name]
        if name not in schema.get("required", ()) and wanted.get("default") is None:
            return False
        if wanted.get("type") not in {"string", "number", "integer", "boolean", "array", "object"}:
            return False
        schema = wanted
    return True


def _ascii_classes(read: Read, document: Document) -> Iterator[Problem]:
    """RE2's word boundaries and characters are ASCII's: it sees no boundary before a letter such as ş."""
    for entry in _entries(read):
        for asked in entry.asked:
            pattern = asked.test.value
            if asked.test.op != "regex" or pattern.isascii():
                continue
            if found := next(filter(None, (each[1] for each in _WORD_CLASS.finditer(pattern))), None):
                pointer = f"{asked.pointer}/value"
                message = (
                    f"\\{found} knows the letters of ASCII alone, so beside others it doesn't match as it "
                    r"seems to; write (^|[^\pL]) for a boundary, [\pL\pN_] for a word's characters"
                )
                yield Problem(pointer, message, *document.place(pointer))


def unknown_tools(read: Read, document: Document, tools: Collection[str]) -> Iterator[Problem]:
    """The names in `hide`, `tools` and `prices` that are not among `tools`, each with the nearest that is."""
    for name in (*read.hide, *read.listed):
        if name.name in tools or (name.name == "*" and name in read.hide):
            continue
        near = nearest(name.name, tools)
        hint = f"; did you mean {quoted(near)}?" if near else ""
        line, column = document.place(name.pointer, key=not name.pointer.startswith("/hide/"))
        yield Problem(name.pointer, f"no tool is named {quoted(name.name)}{hint}", line, column)


def _unanchored(read: Read, document: Document) -> Iterator[Problem]:
    """An allow list that any part of a text can meet: `example.com` is also in `evil.test/?example.com`."""
    for entry in _entries(read):
        for asked in entry.asked:
            test = asked.test
            if asked.must_hold and test.op == "regex" and not test.value.startswith(("^", r"\A")):
                pointer = f"{asked.pointer}/value"
                message = "is met by any part of the text; begin it with ^ where it is to fit from the start"
                yield Problem(pointer, message, *document.place(pointer))
