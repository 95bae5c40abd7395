"""Reads the values of a policy document: one helper per kind of value, all problems in one list."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar, cast

from ..document import WRONG, Node, Places, Problem, nearest, quoted, step
from ..rules import SECOND, UNIT, Scope
from .keys import KEYS, UNSUPPORTED

Word = TypeVar("Word", bound=str)
Fields = dict[str, Node]

LARGEST: Final = 9_000_000_000
"""The largest number that is counted or waited for: its billionths fit into a 64-bit integer."""
WINDOWS: Final = {"minute": 60, "hour": 3600, "day": 86400}
SCOPES: Final[tuple[Scope, ...]] = ("session", "grant", "host")
_MODES: Final[tuple[Literal["enforce", "shadow"], ...]] = ("enforce", "shadow")


class Reading:
    """One pass over a document, with the problems found so far. What is wrong reads as None or a default."""

    def __init__(self, places: Places | None) -> None:
        self._places = places
        self.problems: list[Problem] = []

    def place(self, at: int) -> tuple[int, int] | tuple[None, None]:
        """Line and column of an offset, from 1; None where the document came as Python values."""
        return self._places.of(at) if self._places else (None, None)

    def problem(self, node: Node, pointer: str, message: str) -> None:
        """Report what is wrong with a value, unless it was reported when it was read."""
        if node.value is not WRONG:
            self.report(node.at, pointer, message)

    def report(self, at: int, pointer: str, message: str) -> None:
        """Report what is wrong at an offset of the text."""
        line, column = self.place(at)
        self.problems.append(Problem(pointer, message, line, column))

    def fields(self, node: Node, pointer: str, kind: str, required: Iterable[str] = ()) -> Fields | None:
        """The known members of an object of `KEYS[kind]`; None when it is no object.

        `required` holds members that must be there, each as the line to add: `"max": 10`.
        """
        members = node.members
        if members is None:
            self.problem(node, pointer, f"is {node.kind()}; it takes an object")
            return None
        known = KEYS[kind]
        for key, member in members.items():
            if key not in known:
                self.report(member.at, step(pointer, key), _unknown(key, known))
        for line in required:
            name = line.split('"', 2)[1]
            if name not in members:
                unknown = nearest(name, [key for key in members if key not in known])
                hint = f" ({quoted(unknown)} is not it)" if unknown else ""
                self.problem(node, pointer, f'"{name}" is missing; add {line}{hint}')
        return {key: member.node for key, member in members.items() if key in known}

    def items(self, node: Node, pointer: str, takes: str) -> Sequence[tuple[Node, str]]:
        """The items of a list, each with its pointer; empty when it is no list of what `takes` says."""
        items = node.items
        if items is None:
            self.problem(node, pointer, f"is {node.kind()}; it takes a list of {takes}")
            return ()
        return [(item, step(pointer, index)) for index, item in enumerate(items)]

    def names(self, node: Node, pointer: str, takes: str) -> list[tuple[str, Node, str]]:
        """The strings of a list without empty and repeated ones, each with its node and pointer."""
        found: dict[str, tuple[str, Node, str]] = {}
        for item, below in self.items(node, pointer, takes):
            name = self.filled(item, below)
            if name in found:
                self.problem(item, below, f"duplicate entry: {quoted(name)} stands here a second time")
            elif name:
                found[name] = (name, item, below)
        return list(found.values())

    def text(self, node: Node, pointer: str) -> str:
        """A string, empty when it is none."""
        if isinstance(node.value, str):
            return node.value
        self.problem(node, pointer, f"is {node.kind()}; it takes a string")
        return ""

    def filled(self, node: Node, pointer: str) -> str:
        """A string that isn't empty; empty when there is none."""
        if node.value == "":
            self.problem(node, pointer, "is empty; it takes a name")
        return self.text(node, pointer)

    def choice(self, node: Node, pointer: str, known: Sequence[Word], otherwise: Word) -> Word:
        """One of the words `known`; `otherwise` when it is none."""
        value = node.value
        if isinstance(value, str) and value in known:
            return cast("Word", value)
        near = nearest(value, known) if isinstance(value, str) else None
        hint = f"; did you mean {quoted(near)}?" if near else ""
        self.problem(node, pointer, f"is {node.kind()}; it takes {' or '.join(map(quoted, known))}{hint}")
        return otherwise

    def mode(self, fields: Fields, pointer: str, shadow: bool) -> bool:
        """Whether the rule of `fields` is shadowed; `shadow` is what stands around it."""
        node = fields.get("mode")
        if node is None:
            return shadow
        return self.choice(node, f"{pointer}/mode", _MODES, "enforce") == "shadow"

    def scope(self, fields: Fields, pointer: str, otherwise: Scope) -> Scope:
        """Whose calls are counted together."""
        node = fields.get("scope")
        return otherwise if node is None else self.choice(node, f"{pointer}/scope", SCOPES, otherwise)

    def whole(self, node: Node, pointer: str) -> int | None:
        """A whole number from 1 to `LARGEST`."""
        value = node.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.problem(node, pointer, f"is {node.kind()}; it takes a whole number from 1 on")
        elif value == 0:
            self.problem(node, pointer, 'is 0, which lets nothing through; say "action": "deny" instead')
        elif value > LARGEST:
            self.problem(node, pointer, f"is over {LARGEST:,}, the most that can be counted")
        else:
            return value
        return None

    def amount(self, node: Node, pointer: str, takes: str) -> int | None:
        """A number above 0 in billionths, rounded down; `takes` says of what."""
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            self.problem(node, pointer, f"is {node.kind()}; it takes {takes}, a number above 0")
        elif value > LARGEST:
            self.problem(node, pointer, f"is over {LARGEST:,}, the most that can be counted")
        else:
            billionths = int(Decimal(repr(value)) * UNIT)
            if billionths:
                return billionths
            what = "is 0, which" if not value else f"is {node.kind()}; less than a billionth"
            self.problem(node, pointer, f'{what} lets nothing through; say "action": "deny" instead')
        return None

    def window(self, node: Node, pointer: str, words_only: bool = False) -> int | None:
        """A span in nanoseconds: a word, or seconds unless `words_only`."""
        value = node.value
        if isinstance(value, str) and value in WINDOWS:
            return WINDOWS[value] * SECOND
        if words_only or not _is_number(value):
            near = nearest(value, WINDOWS) if isinstance(value, str) else None
            hint = f"; did you mean {quoted(near)}?" if near else ""
            takes = '"minute", "hour" or "day"' if words_only else 'seconds, "minute", "hour" or "day"'
            self.problem(node, pointer, f"is {node.kind()}; it takes {takes}{hint}")
            return None
        seconds = self.seconds(node, pointer)
        return None if seconds is None else math.ceil(Decimal(repr(seconds)) * SECOND)

    def seconds(self, node: Node, pointer: str) -> float | None:
        """A span in seconds."""
        value = node.value
        if not _is_number(value):
            self.problem(node, pointer, f"is {node.kind()}; it takes seconds")
        elif value <= 0:
            self.problem(node, pointer, f"is {node.kind()}; it takes more than 0 seconds")
        elif value > LARGEST:
            self.problem(node, pointer, f"is over {LARGEST:,} seconds, the longest that can be waited for")
        else:
            return value
        return None


def by_name(pointer: str, names: Sequence[str]) -> list[str]:
    """The ids of rules in one list: by name below `pointer`, or by place where two would be the same."""
    times = Counter(names)
    found = [step(pointer, name if times[name] == 1 else index) for index, name in enumerate(names)]
    if len(set(found)) < len(found):
        return [step(pointer, index) for index in range(len(names))]
    return found


def _unknown(key: str, known: Sequence[str]) -> str:
    if key in UNSUPPORTED:
        return UNSUPPORTED[key]
    near = nearest(key, known)
    hint = f"did you mean {quoted(near)}?" if near else f"it takes {', '.join(known)}"
    return f"unknown key {quoted(key)}; {hint}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
