"""The layout of a text: line ends and indentation, and inserting or removing pieces."""

import re
from collections.abc import Iterable

_INDENT = re.compile(r"[ \t]*")


def newline(text: str) -> str:
    """The line end that `text` uses first."""
    at = text.find("\n")
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def line_start(text: str, at: int) -> int:
    """Where the line of an offset begins."""
    return text.rfind("\n", 0, at) + 1


def line_end(text: str, at: int) -> int:
    """Where the line of an offset ends, its line end excluded."""
    found = text.find("\n", at)
    if found < 0:
        return len(text)
    return found - 1 if found > at and text[found - 1] == "\r" else found


def next_line(text: str, at: int) -> int:
    """Where the line after that of an offset begins; the end of the text after the last one."""
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def indent_of(text: str, at: int) -> str:
    """The blanks with which the line of an offset begins."""
    match = _INDENT.match(text, line_start(text, at))
    return match.group() if match else ""


def inserted(text: str, at: int, piece: str) -> str:
    """`text` with `piece` at an offset."""
    return text[:at] + piece + text[at:]


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` without some spans that don't overlap."""
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return text
