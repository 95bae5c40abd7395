"""Strict JSON: no repeated keys, no comments, no NaN, nothing after the end.

The built-in reader is fast and names no place. What it finds fault with is read again by one that does.
"""

import math
import re
from collections.abc import Callable
from json import JSONDecodeError, JSONDecoder, loads
from typing import Any, Final

from alya_mcp.gate.documents.document import (
    DEEPEST,
    LONGEST_NUMBER,
    MOST_VALUES,
    WRONG,
    Document,
    Member,
    Node,
    Problem,
    TextPositions,
    Unreadable,
    is_text,
    quoted,
    step,
)
from alya_mcp.gate.documents.values import copied

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'"([^"\\\x00-\x1f\ud800-\udfff]*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\s,:\[\]{}\"]{1,24}")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_TEXT = JSONDecoder()


def read_json(text: str) -> Document:
    """The document, with what is wrong in it without ending the reading (repeated keys, NaN, huge numbers).

    Raises:
        Unreadable: where the text stops being JSON, nests deeper than 64 levels or holds over 50,000 values.
    """
    if text.count(",") + text.count("{") + text.count("[") < MOST_VALUES:
        try:
            value = loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
            return Document(copied(value), (), lambda: PlacedReader(text).document(), text)
        except (ValueError, RecursionError):
            pass
    reader = PlacedReader(text)
    root = reader.document()
    return Document(root.plain(), reader.problems, lambda: root, text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands here a second time")
    return members


def _no_number(word: str) -> object:
    raise ValueError(f"{word} isn't a JSON number")


class PlacedReader:
    """Reads a text into nodes; `problems` are those that didn't end the reading."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._places: TextPositions | None = None
        self._values = 0
        self.problems: list[Problem] = []

    def document(self) -> Node:
        """The whole text as one value; `Unreadable` where it stops being JSON."""
        node, end = self._value(self._skip(0), "", DEEPEST)
        end = self._skip(end)
        if end != len(self._text):
            raise self._stop(end, "", f"{self._found(end)} after the end of the document")
        return node

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _problem(self, at: int, pointer: str, message: str) -> Problem:
        if self._places is None:
            self._places = TextPositions(self._text)
        line, column = self._places.of(at)
        return Problem(pointer, message, line, column)

    def _stop(self, at: int, pointer: str, message: str) -> Unreadable:
        return Unreadable([*self.problems, self._problem(at, pointer, message)])

    def _found(self, at: int) -> str:
        if at >= len(self._text):
            return "the end of the text"
        if self._text.startswith(("//", "/*", "#"), at):
            return "a comment, which JSON doesn't have,"
        return quoted(self._text[at])

    def _value(self, at: int, pointer: str, depth: int) -> tuple[Node, int]:
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._stop(at, pointer, f"the document holds over {MOST_VALUES:,} values")
        first = self._text[at : at + 1]
        if first == '"':
            value, end = self._string(at, pointer)
            return Node(value, at), end
        if first and first in "{[":
            if not depth:
                raise self._stop(at, pointer, f"nested deeper than {DEEPEST} levels")
            return (self._object if first == "{" else self._list)(at, pointer, depth - 1)
        if match := _NUMBER.match(self._text, at):
            return Node(self._number(match, pointer), at), match.end()
        return self._word(at, pointer)

    def _number(self, match: "re.Match[str]", pointer: str) -> object:
        text = match.group()
        if match.group(1) is None and match.group(2) is None:
            if len(text.lstrip("-")) <= LONGEST_NUMBER:
                return int(text)
            message = f"a number of over {LONGEST_NUMBER} digits"
            self.problems.append(self._problem(match.start(), pointer, message))
            return WRONG
        value = float(text)
        if not math.isfinite(value):
            self.problems.append(
                self._problem(match.start(), pointer, f"the number {text[:30]} is too large")
            )
            return WRONG
        return value

    def _word(self, at: int, pointer: str) -> tuple[Node, int]:
        match = _WORD.match(self._text, at)
        word = match.group() if match else ""
        if word in _WORDS:
            return Node(_WORDS[word], at), at + len(word)
        if word.lstrip("+-").lower() in {"nan", "infinity", "inf"}:
            self.problems.append(self._problem(at, pointer, f"{word} isn't a JSON number"))
            return Node(WRONG, at), at + len(word)
        if word.startswith("'"):
            raise self._stop(at, pointer, "strings stand in double quotes")
        if word and not word.startswith(("/", "#")):
            raise self._stop(at, pointer, f"{quoted(word)} isn't a JSON value")
        raise self._stop(at, pointer, f"a value is missing; found {self._found(at)}")

    def _string(self, at: int, pointer: str) -> tuple[str, int]:
        if plain := _PLAIN.match(self._text, at):
            return plain.group(1), plain.end()
        try:
            value, end = _TEXT.raw_decode(self._text, at)
        except JSONDecodeError as error:
            words = {
                "Unterminated string starting at": "the string is not closed",
                "Invalid control character at": "a control character in a string; write it as \\uXXXX",
            }
            message = words.get(error.msg, "a wrong escape in a string")
            raise self._stop(error.pos, pointer, message) from None
        if not is_text(value):
            self.problems.append(self._problem(at, pointer, "the string holds half a surrogate pair"))
        return value, end

    def _object(self, at: int, pointer: str, depth: int) -> tuple[Node, int]:
        members: dict[str, Member] = {}

        def member(begin: int) -> int:
            if self._text[begin : begin + 1] != '"':
                message = f"a key in double quotes is missing; found {self._found(begin)}"
                raise self._stop(begin, pointer, message)
            key, end = self._string(begin, pointer)
            end = self._skip(end)
            below = step(pointer, key)
            if self._text[end : end + 1] != ":":
                raise self._stop(end, below, f"a colon is missing after the key; found {self._found(end)}")
            node, end = self._value(self._skip(end + 1), below, depth)
            if key in members:
                self.problems.append(self._problem(begin, below, "the key stands here a second time"))
            else:
                members[key] = Member(begin, node)
            return end

        return Node(members, at), self._sequence(at, pointer, "}", member)

    def _list(self, at: int, pointer: str, depth: int) -> tuple[Node, int]:
        items: list[Node] = []

        def item(begin: int) -> int:
            node, end = self._value(begin, step(pointer, len(items)), depth)
            items.append(node)
            return end

        return Node(items, at), self._sequence(at, pointer, "]", item)

    def _sequence(self, at: int, pointer: str, closing: str, one: Callable[[int], int]) -> int:
        at = self._skip(at + 1)
        if self._text[at : at + 1] == closing:
            return at + 1
        while True:
            at = self._skip(one(at))
            found = self._text[at : at + 1]
            if found == closing:
                return at + 1
            if found != ",":
                raise self._stop(at, pointer, f'a comma or "{closing}" is missing; found {self._found(at)}')
            comma = at
            at = self._skip(at + 1)
            if self._text[at : at + 1] == closing:
                raise self._stop(comma, pointer, f'a comma before "{closing}"')
