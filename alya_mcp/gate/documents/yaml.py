"""YAML 1.2 documents as the same tree that JSON gives: no tags, string keys, few aliases, no guessing.

Plain words are read by the core schema: `null`, `true` and `false`, numbers. Everything else is a string:
`yes`, `on`, dates, and also a number that begins with a 0, which YAML 1.1 takes for an octal one.
"""

import math
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, NamedTuple

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
    kind,
    quoted,
    step,
)

_MOST_ALIASED: Final = 10_000
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_STARTS: Final = frozenset("+-.0123456789")
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OTHER_BREAK: Final = re.compile("[\x85\u2028\u2029]")


class _Built(NamedTuple):
    """A node, how many values it holds, itself included, and on how many levels."""

    node: Node
    size: int
    height: int


def read_yaml(text: str) -> Document:
    """The document, with what is wrong in it without ending the reading (repeated keys, tags, NaN).

    Raises:
        Unreadable: where the text stops being YAML, nests deeper than 64 levels, holds over 50,000 values or
            a second document, or where aliases stand for over 10,000 values.
    """
    reader = _Reader(text)
    root = reader.document()
    return Document(root.plain(), reader.problems, lambda: root, text)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._places: TextPositions | None = None
        self._anchors: dict[str, _Built] = {}
        self._aliased = 0
        self._values = 0
        self.problems: list[Problem] = []
        self._yaml: Any = import_module("yaml")
        self._events: Iterator[Any] = iter(())

    def document(self) -> Node:
        yaml = self._yaml
        if (found := _OTHER_BREAK.search(self._text)) is not None:
            escape = f"\\u{ord(found[0]):04x}"
            message = (
                f"{escape} ends a line in YAML 1.1 and not in 1.2; write it as {escape} in double quotes"
            )
            raise self._stop(found.start(), "", message)
        loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
        try:
            self._events = yaml.parse(self._text, Loader=loader)
            root: Node | None = None
            for event in self._events:
                if not isinstance(event, yaml.DocumentStartEvent):
                    continue
                at = event.start_mark.index
                if root is not None:
                    raise self._stop(at, "", "a second document begins; a policy is one")
                if event.version not in {None, (1, 2)}:
                    self._problem(at, "", "the document says it is another YAML than 1.2")
                root = self._value(next(self._events), "", DEEPEST).node
        except yaml.YAMLError as error:
            raise self._no_yaml(error) from None
        if root is None:
            raise self._stop(0, "", "the document is empty")
        return root

    def _value(self, event: Any, pointer: str, depth: int) -> _Built:
        yaml = self._yaml
        at: int = event.start_mark.index
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._stop(at, pointer, f"the document holds over {MOST_VALUES:,} values")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, at, pointer, depth)
        if event.tag is not None:
            self._problem(at, pointer, f"the tag {quoted(event.tag)}; a policy takes none")
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, at, pointer) if event.implicit[0] else event.value
            if isinstance(value, str) and not is_text(value):
                self._problem(at, pointer, "the string holds half a surrogate pair")
            built = _Built(Node(value, at), 1, 0)
        elif not depth:
            raise self._stop(at, pointer, f"nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.MappingStartEvent):
            built = self._mapping(at, pointer, depth - 1)
        else:
            built = self._sequence(at, pointer, depth - 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = built
        return built

    def _alias(self, event: Any, at: int, pointer: str, depth: int) -> _Built:
        built = self._anchors.get(event.anchor)
        if built is None:
            message = f"the alias {quoted(event.anchor)} stands for nothing that ended before it"
            raise self._stop(at, pointer, message)
        self._aliased += built.size
        if self._aliased > _MOST_ALIASED:
            raise self._stop(at, pointer, f"aliases stand for over {_MOST_ALIASED:,} values")
        if built.height > depth:
            raise self._stop(at, pointer, f"nested deeper than {DEEPEST} levels")
        return built

    def _mapping(self, at: int, pointer: str, depth: int) -> _Built:
        members: dict[str, Member] = {}
        size, height = 1, 0
        while not isinstance(event := next(self._events), self._yaml.MappingEndEvent):
            begin: int = event.start_mark.index
            key = self._value(event, pointer, depth).node
            name = key.value
            below = step(pointer, name) if isinstance(name, str) else pointer
            value = self._value(next(self._events), below, depth)
            size, height = size + value.size + 1, max(height, value.height)
            if not isinstance(name, str):
                message = f"the key is {kind(name)}; keys are strings, so put it in quotes"
                self._problem(begin, pointer, message)
            elif name in members:
                self._problem(begin, below, "the key stands here a second time")
            else:
                members[name] = Member(begin, value.node)
        return _Built(Node(members, at), size, height + 1)

    def _sequence(self, at: int, pointer: str, depth: int) -> _Built:
        items: list[Node] = []
        size, height = 1, 0
        while not isinstance(event := next(self._events), self._yaml.SequenceEndEvent):
            item = self._value(event, step(pointer, len(items)), depth)
            size, height = size + item.size, max(height, item.height)
            items.append(item.node)
        return _Built(Node(items, at), size, height + 1)

    def _scalar(self, event: Any, at: int, pointer: str) -> object:
        """What a plain scalar means."""
        text: str = event.value
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _STARTS:
            return text
        if _INT.fullmatch(text):
            if len(text) > LONGEST_NUMBER:
                self._problem(at, pointer, f"a number of over {LONGEST_NUMBER} digits")
                return WRONG
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text[2:], base) if base != 10 else int(text)
        if _NO_NUMBER.fullmatch(text):
            self._problem(at, pointer, f"{text} isn't a JSON number")
            return WRONG
        if not _FLOAT.fullmatch(text):
            return text
        value = float(text)
        if not math.isfinite(value):
            self._problem(at, pointer, f"the number {text[:30]} is too large")
            return WRONG
        return value

    def _no_yaml(self, error: Any) -> Unreadable:
        """What the YAML parser said, with its place."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is not None:
            said = ", ".join(filter(None, (error.context, error.problem)))
            return self._stop(mark.index, "", f"no YAML: {said}")
        found = _FORBIDDEN.search(self._text)
        at = found.start() if found else 0
        return self._stop(at, "", "a character that YAML doesn't allow; write an escape in double quotes")

    def _problem(self, at: int, pointer: str, message: str) -> Problem:
        if self._places is None:
            self._places = TextPositions(self._text)
        line, column = self._places.of(at)
        problem = Problem(pointer, message, line, column)
        self.problems.append(problem)
        return problem

    def _stop(self, at: int, pointer: str, message: str) -> Unreadable:
        self._problem(at, pointer, message)
        return Unreadable(self.problems)
