"""Puts a server into a TOML text as a table at its end, and takes it out."""

import json
import re
import tomllib
from datetime import date, time
from typing import Any, cast

from alya_mcp.install.layout import line_start, next_line, without

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""|' + r"'''.*?'''" + r'|"(?:\\.|[^"\\\n])*"|' + r"'[^'\n]*'|#[^\n]*"
    r"|(?P<header>^[ \t]*\[[^\r\n]*)",
    re.MULTILINE | re.DOTALL,
)
"""Strings and comments, which may hold anything, and the lines that begin a table."""


def insert(text: str, key: str, name: str, entry: dict[str, Any]) -> str:
    """`text` and the table of the server `name`."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [f"[{key}.{name}]"]
    lines += [f"{member} = {_value(value)}" for member, value in entry.items()]
    gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
    return text + (gap + "\n".join(lines) + "\n").replace("\n", end)


def replace(text: str, key: str, name: str, entry: dict[str, Any]) -> str:
    """`text` with another table for the server `name`, at its end."""
    return insert(remove(text, key, name, emptied=False), key, name, entry)


def remove(text: str, key: str, name: str, *, emptied: bool) -> str:  # noqa: ARG001 - as for other formats
    """`text` without the tables of the server `name`.

    Raises:
        ValueError: it doesn't stand in tables of its own.
    """
    headers = [match for match in _TOKEN.finditer(text) if match["header"]]
    spans: list[tuple[int, int]] = []
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        if not _names(header["header"], key, name):
            continue
        if following:
            spans.append((header.start(), _own_end(text, header.end(), following.start())))
        else:  # the last table, with the blank line that came with it
            kept = text[: header.start()].rstrip("\r\n")
            spans.append((next_line(text, len(kept)) if kept else 0, len(text)))
    if not spans:
        raise ValueError(f"{name!r} doesn't stand in a table [{key}.{name}]; take it out by hand")
    return without(text, _merged(spans))


def _own_end(text: str, start: int, end: int) -> int:
    """Where a table's own lines end: comments before the next header belong to that."""
    while (line := line_start(text, end - 1)) > start and not text[line:end].split("#", maxsplit=1)[
        0
    ].strip():
        end = line
    return end


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans, those joined that overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _names(header: str, key: str, name: str) -> bool:
    """Whether the header of a table names the server or something in it."""
    try:
        held: Any = tomllib.loads(header).get(key)
    except tomllib.TOMLDecodeError:
        return False  # a line of an array
    return isinstance(held, dict) and name in held


def _value(value: object) -> str:
    """A value as TOML has it; its strings are JSON's but for one character."""
    if isinstance(value, dict):
        held = cast("dict[str, object]", value)
        members = [f"{json.dumps(name)} = {_value(each)}" for name, each in held.items()]
        return f"{{ {', '.join(members)} }}" if members else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, cast('list[object]', value)))}]"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, date | time):  # of a table that is written again
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
