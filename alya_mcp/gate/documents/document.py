"""A parsed document whose values know their position, so that errors can name it."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from alya_mcp.gate.invisible import visible

LARGEST: Final = 1024 * 1024
DEEPEST: Final = 64
LONGEST_NUMBER: Final = 400
MOST_VALUES: Final = 50_000
TOO_LONG: Final = 10**LONGEST_NUMBER
WRONG: Final = object()
"""Stands where a value was that has been reported already."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    `line` and `column` count from 1, in characters; both are None where the document came as Python values.
    `pointer` is a JSON Pointer (RFC 6901), `message` says what is wrong and what would be right; in both
    an escape stands for what isn't seen.
    """

    pointer: str
    message: str
    line: int | None = None
    column: int | None = None

    def __post_init__(self) -> None:
        for name, text in (("pointer", self.pointer), ("message", self.message)):
            object.__setattr__(self, name, visible(text))

    def __str__(self) -> str:
        if self.line is None:
            return f"{self.pointer}: {self.message}" if self.pointer else self.message
        return f"line {self.line}, column {self.column}: {self.pointer or '(top)'}: {self.message}"


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
    """The text isn't JSON; reading ended at the last of `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class TextPositions:
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
        Unreadable: naming the first byte that isn't UTF-8, or the size.
    """
    if len(data) > LARGEST:
        raise Unreadable([Problem("", f"the document is over {LARGEST:,} bytes, the most a policy takes")])
    body = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        before = body[: error.start].decode("utf-8")
        line, column = TextPositions(before).of(len(before))
        byte = body[error.start]
        message = f"byte 0x{byte:02x} is not UTF-8; save the document as UTF-8"
        raise Unreadable([Problem("", message, line, column)]) from None


class Document:
    """A document's `value` as Python has it, what is wrong with its text, and where each part of it stands.

    `problems` are those that didn't end the reading; `WRONG` stands where such a value was. `tree` reads the
    text once more, and is asked only where a place has to be named.
    """

    def __init__(
        self,
        value: Any,
        problems: Iterable[Problem],
        tree: Callable[[], Node] | None = None,
        text: str = "",
    ) -> None:
        self.value = value
        self.problems = tuple(problems)
        self._tree = tree
        self._text = text
        self._found: tuple[Node, TextPositions] | None = None

    def place(self, pointer: str, key: bool = False) -> tuple[int, int] | tuple[None, None]:
        """Line and column, from 1, of the value at a JSON Pointer, or of its `key`; None without a text."""
        if self._found is None:
            if self._tree is None:
                return None, None
            self._found = self._tree(), TextPositions(self._text)
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
    return f'"{visible(short)}"'


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


def is_text(value: str) -> bool:
    """Whether a string can be written as UTF-8: no half of a surrogate pair is in it."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
