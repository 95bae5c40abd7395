"""Strict JSON that remembers where everything stands, so that every error can name its place."""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder, loads
from typing import Any, Final, Self, cast

LARGEST: Final = 1024 * 1024
DEEPEST: Final = 64

_SPACE = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r'"([^"\\\x00-\x1f\ud800-\udfff]*)"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\s,:\[\]{}\"]{1,24}")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
LONGEST_NUMBER: Final = 400
MOST_VALUES: Final = 50_000
_TOO_LONG: Final = 10**LONGEST_NUMBER
_TEXT = JSONDecoder()
WRONG: Final = object()
"""Stands where a value was that has been reported already."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    `line` and `column` count from 1, in characters; both are None where the document came as Python values.
    `pointer` is a JSON Pointer (RFC 6901), `message` says what is wrong and what would be right; in both
    U+FFFD stands for what can't be printed.
    """

    pointer: str
    message: str
    line: int | None = None
    column: int | None = None

    def __post_init__(self) -> None:
        for name, text in (("pointer", self.pointer), ("message", self.message)):
            if not text.isprintable():
                object.__setattr__(self, name, _printable(text))

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}, column {self.column}: "
        return f"{place}{self.pointer or '(top)'}: {self.message}"


@dataclass(slots=True)
class Node:
    """A value as it stands in a text, `at` characters in: objects hold `Member`s, lists hold nodes."""

    value: Any
    at: int

    @property
    def members(self) -> "dict[str, Member] | None":
        """The members of an object; None when this is none."""
        value: object = self.value
        return cast("dict[str, Member]", value) if isinstance(value, dict) else None

    @property
    def items(self) -> "list[Node] | None":
        """The items of a list; None when this is none."""
        value: object = self.value
        return cast("list[Node]", value) if isinstance(value, list) else None

    def plain(self) -> Any:
        """The value as Python has it."""
        if (members := self.members) is not None:
            return {name: member.node.plain() for name, member in members.items()}
        if (items := self.items) is not None:
            return [item.plain() for item in items]
        return self.value


@dataclass(slots=True)
class Member:
    """One member of an object: where its key begins, and its value."""

    at: int
    node: Node


class Unreadable(Exception):
    """The text is no JSON; reading ended at the last of `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class Places:
    """Turns an offset in a text into line and column."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]

    def of(self, at: int) -> tuple[int, int]:
        """Line and column, both from 1."""
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1


def read_text(data: bytes) -> str:
    """The document's text: UTF-8, at most 1 MiB, a leading byte order mark dropped.

    Raises:
        Unreadable: naming the first byte that is no UTF-8, or the size.
    """
    if len(data) > LARGEST:
        raise Unreadable([Problem("", f"the document is over {LARGEST:,} bytes, the most a policy takes")])
    body = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8")
        line, column = Places(before).of(len(before))
        byte = body[error.start]
        message = f"byte 0x{byte:02x} is not UTF-8; save the document as UTF-8"
        raise Unreadable([Problem("", message, line, column)]) from None


class Document:
    """A document's `value` as Python has it, what is wrong with its text, and where each part of it stands.

    `problems` are those that didn't end the reading; `WRONG` stands where such a value was. `tree` reads the
    text once more, and is asked only where a place has to be named.
    """

    def __init__(
        self, value: Any, problems: Iterable[Problem], tree: Callable[[], Node] | None, text: str = ""
    ) -> None:
        self.value = value
        self.problems = tuple(problems)
        self._tree = tree
        self._text = text
        self._found: tuple[Node, Places] | None = None

    @classmethod
    def json(cls, text: str) -> Self:
        """Strict JSON.

        Raises:
            Unreadable: where the text stops being JSON, nests deeper than 64 levels or holds over 50,000
                values.
        """

        def tree() -> Node:
            return _Reader(text).document()

        # The built-in reader is fast and names no place; what it or `_copy` finds fault with is read slowly.
        if text.count(",") + text.count("{") + text.count("[") < MOST_VALUES:
            try:
                value = loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
                return cls(_copy(value, DEEPEST), (), tree, text)
            except (ValueError, RecursionError):
                pass
        reader = _Reader(text)
        root = reader.document()
        return cls(root.plain(), reader.problems, lambda: root, text)

    @classmethod
    def python(cls, value: Any) -> Self:
        """The same for Python values: no places, but the same limits on types, depth and numbers.

        Raises:
            Unreadable: when it nests deeper than 64 levels.
        """
        try:
            return cls(_copy(value, DEEPEST), (), None)
        except ValueError:
            problems: list[Problem] = []
            return cls(_checked(value, "", problems, DEEPEST), problems, None)

    def place(self, pointer: str, key: bool = False) -> tuple[int, int] | tuple[None, None]:
        """Line and column, from 1, of the value at a JSON Pointer, or of its `key`; None without a text."""
        if self._found is None:
            if self._tree is None:
                return None, None
            self._found = self._tree(), Places(self._text)
        node, places = self._found
        at = node.at
        for name in pointer.split("/")[1:]:
            if (members := node.members) is not None:
                member = members[name.replace("~1", "/").replace("~0", "~")]
                node = member.node
                at = member.at if key else node.at
            elif (items := node.items) is not None:
                node = items[int(name)]
                at = node.at
        return places.of(at)


def step(pointer: str, key: str | int) -> str:
    """`pointer` one level further down."""
    if isinstance(key, str) and ("~" in key or "/" in key):
        key = key.replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{key}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be."""
    from difflib import get_close_matches

    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    close = get_close_matches(word[:200].casefold().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def quoted(text: str) -> str:
    """`text` for a message: in quotes, cut to 60 characters, nothing unprintable."""
    short = text if len(text) <= 60 else text[:59] + "…"
    return f'"{_printable(short)}"'


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def kind(value: object) -> str:
    """What a value is, in JSON's words, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    if isinstance(value, int | float):
        huge = isinstance(value, int) and abs(value) >= 10**30
        return "the number with over 30 digits" if huge else f"the number {value!r}"
    return "an object" if isinstance(value, dict) else "a list"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands here a second time")
    return members


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no JSON number")


def _copy(value: Any, depth: int) -> Any:
    """A copy of a JSON value; `ValueError` where there is anything to say about it."""
    if isinstance(value, str):
        if value.isascii() or is_text(value):
            return value
    elif isinstance(value, dict):
        if depth:
            members = cast("dict[str, Any]", value)
            return {_copy_key(name): _copy(item, depth - 1) for name, item in members.items()}
    elif isinstance(value, list):
        if depth:
            return [_copy(item, depth - 1) for item in cast("list[Any]", value)]
    elif value is None or isinstance(value, bool):
        return value
    elif isinstance(value, int):
        if abs(value) < _TOO_LONG:
            return value
    elif isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError


def _copy_key(name: Any) -> str:
    if isinstance(name, str) and (name.isascii() or is_text(name)):
        return name
    raise ValueError


def _checked(value: Any, pointer: str, problems: list[Problem], depth: int) -> Any:
    """The value as JSON has it, and everything that is wrong with it."""
    if not depth and isinstance(value, Mapping | list | tuple):
        raise Unreadable([*problems, Problem(pointer, f"nested deeper than {DEEPEST} levels")])
    if isinstance(value, Mapping):
        members: dict[str, Any] = {}
        for key, item in cast("Mapping[Any, Any]", value).items():
            if not isinstance(key, str):
                problems.append(Problem(pointer, f"the key {quoted(str(key))} is no string"))
                continue
            if not is_text(key):
                problems.append(Problem(pointer, f"the key {quoted(key)} holds half a surrogate pair"))
            members[key] = _checked(item, step(pointer, key), problems, depth - 1)
        return members
    if isinstance(value, list | tuple):
        listed = cast("list[Any]", value)
        return [_checked(x, step(pointer, i), problems, depth - 1) for i, x in enumerate(listed)]
    message = _misfit(value)
    if message is None:
        return value
    problems.append(Problem(pointer, message))
    return WRONG


def _misfit(value: object) -> str | None:
    """Why a single value is no JSON value."""
    if isinstance(value, str):
        return None if is_text(value) else "the string holds half a surrogate pair"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) < _TOO_LONG else f"a number of over {LONGEST_NUMBER} digits"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is no JSON number"
    return f"{type(value).__name__} is no JSON type"


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8: no half of a surrogate pair is in it."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._places: Places | None = None
        self._values = 0
        self.problems: list[Problem] = []

    def document(self) -> Node:
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
            self._places = Places(self._text)
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
            self.problems.append(self._problem(at, pointer, f"{word} is no JSON number"))
            return Node(WRONG, at), at + len(word)
        if word.startswith("'"):
            raise self._stop(at, pointer, "strings stand in double quotes")
        if word and not word.startswith(("/", "#")):
            raise self._stop(at, pointer, f"{quoted(word)} is no JSON value")
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
