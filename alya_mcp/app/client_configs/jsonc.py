"""JSON as editors write it, with comments and trailing commas, read into values that know where they stand.

The rest is strict: what no client would read is an error with its line and column.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_TEXT: Final = JSONDecoder()
_DEEPEST: Final = 100


class NotJson(ValueError):
    """The text is not JSON; says where and why."""


@dataclass(slots=True)
class JsoncMember:
    """One member of an object: its key, where the key begins, and its value."""

    key: str
    start: int
    node: "JsoncNode"


@dataclass(slots=True)
class JsoncNode:
    """A value from `start` to before `end`.

    Of an object, `members` are in the order of the text, a repeated key each time; `comma` is where a comma
    after the last one ends, None without one.
    """

    start: int
    end: int
    value: Any
    members: list[JsoncMember] | None = None
    comma: int | None = None

    def member(self, key: str) -> JsoncMember | None:
        """The member that counts for `key`: the last one, as JavaScript has it."""
        return next((each for each in reversed(self.members or []) if each.key == key), None)

    def repeats(self, key: str) -> bool:
        """Whether `key` stands here more than once."""
        return sum(each.key == key for each in self.members or []) > 1


@dataclass(slots=True)
class Text:
    """A text that was read: its `root`, and where it goes beyond JSON."""

    root: JsoncNode
    comments: list[int]
    trailing_commas: list[int]


def read(text: str) -> Text:
    """Read a whole text.

    Raises:
        NotJson: naming line and column.
    """
    reader = _Reader(text)
    at = reader.skip(0)
    root = reader.value(at, _DEEPEST)
    end = reader.skip(root.end)
    if end != len(text):
        raise reader.wrong(end, "something stands after the end of the document")
    return Text(root, reader.comments, reader.trailing_commas)


def place(text: str, at: int) -> str:
    """Line and column of an offset, both from 1, in words."""
    before = text[:at]
    return f"line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"


def comments(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The comments between two offsets where nothing but comments, blanks and commas stands."""
    for match in _COMMENT.finditer(text, start, end):
        yield match.span()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.comments: list[int] = []
        self.trailing_commas: list[int] = []

    def wrong(self, at: int, what: str) -> NotJson:
        return NotJson(f"{place(self._text, at)}: {what}")

    def skip(self, at: int) -> int:
        while True:
            match = _SPACE.match(self._text, at)
            at = match.end() if match else at
            if not self._text.startswith("/", at):
                return at
            comment = _COMMENT.match(self._text, at)
            if comment is None:
                raise self.wrong(at, "a comment is not closed, or a / stands alone")
            self.comments.append(at)
            at = comment.end()

    def value(self, at: int, depth: int) -> JsoncNode:
        if not depth:
            raise self.wrong(at, f"nested deeper than {_DEEPEST} levels")
        first = self._text[at : at + 1]
        if first == "{":
            return self._object(at, depth - 1)
        if first == "[":
            return self._list(at, depth - 1)
        if first == '"':
            text, end = self._string(at)
            return JsoncNode(at, end, text)
        for word, value in _WORDS.items():
            if self._text.startswith(word, at):
                return JsoncNode(at, at + len(word), value)
        number = _NUMBER.match(self._text, at)
        if number is None:
            raise self.wrong(at, "a value is missing" if first else "the text ends too early")
        plain = number.group()
        try:
            read = int(plain) if plain.lstrip("-").isdigit() else float(plain)
        except ValueError:  # over 4,300 digits
            read = float(plain)
        return JsoncNode(at, number.end(), read)

    def _string(self, at: int) -> tuple[str, int]:
        if not self._text.startswith('"', at):
            raise self.wrong(at, "a key in double quotes is missing")
        try:
            return _TEXT.raw_decode(self._text, at)
        except JSONDecodeError as error:
            raise self.wrong(error.pos, "a string is not closed, or holds what JSON doesn't allow") from None

    def _object(self, start: int, depth: int) -> JsoncNode:
        members: list[JsoncMember] = []
        at, comma = self.skip(start + 1), None
        while not self._text.startswith("}", at):
            if members and comma is None:
                raise self.wrong(at, "a comma or } is missing")
            key, end = self._string(at)
            colon = self.skip(end)
            if not self._text.startswith(":", colon):
                raise self.wrong(colon, "a colon is missing")
            node = self.value(self.skip(colon + 1), depth)
            members.append(JsoncMember(key, at, node))
            at, comma = self._comma(node.end)
        if comma is not None:
            self.trailing_commas.append(comma - 1)
        plain = {each.key: each.node.value for each in members}
        return JsoncNode(start, at + 1, plain, members, comma)

    def _list(self, start: int, depth: int) -> JsoncNode:
        items: list[Any] = []
        at, comma = self.skip(start + 1), None
        while not self._text.startswith("]", at):
            if items and comma is None:
                raise self.wrong(at, "a comma or ] is missing")
            node = self.value(at, depth)
            items.append(node.value)
            at, comma = self._comma(node.end)
        if comma is not None:
            self.trailing_commas.append(comma - 1)
        return JsoncNode(start, at + 1, items)

    def _comma(self, at: int) -> tuple[int, int | None]:
        """What stands after a value: the offset behind its comma, if any, and where that comma ends."""
        at = self.skip(at)
        if not self._text.startswith(",", at):
            return at, None
        return self.skip(at + 1), at + 1
