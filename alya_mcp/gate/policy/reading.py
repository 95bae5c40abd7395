"""Reads the values of a policy document: one helper per kind of value, all problems in one list."""

import math
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar, cast

from alya_mcp.gate.documents.document import (
    WRONG,
    Document,
    Problem,
    Unreadable,
    kind,
    nearest,
    quoted,
    step,
)
from alya_mcp.gate.policy.conditions import is_number
from alya_mcp.gate.policy.keys import KEYS, REQUIRED, UNSUPPORTED
from alya_mcp.gate.policy.rules import SECOND, UNIT, Scope

Word = TypeVar("Word", bound=str)
Fields = dict[str, Any]

LARGEST: Final = 9_000_000_000
"""The largest number that is counted or waited for: its billionths fit into a 64-bit integer."""
SHORTEST: Final = 0.001
"""The shortest window in seconds."""
WINDOWS: Final = {"minute": 60, "hour": 3600, "day": 86400}
SCOPES: Final[tuple[Scope, ...]] = ("session", "grant", "host")
_SHAPES: Final = {what: (frozenset(keys), REQUIRED.get(what, {}).keys()) for what, keys in KEYS.items()}
_MOST_PROBLEMS: Final = 1000
_MODES: Final[tuple[Literal["enforce", "shadow"], ...]] = ("enforce", "shadow")


class Reading:
    """One pass over a document, with the problems found so far. What is wrong reads as None or a default."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = list(document.problems)

    def problem(self, value: Any, pointer: str, message: str) -> None:
        """Report what is wrong with a value, unless it was reported when it was read."""
        if value is not WRONG:
            self.report(pointer, message)

    def report(self, pointer: str, message: str, key: bool = False) -> None:
        """Report what is wrong with the value at a pointer, or with its `key`.

        Raises:
            Unreadable: at the 1,001st problem.
        """
        if len(self.problems) >= _MOST_PROBLEMS:
            more = Problem("", f"over {_MOST_PROBLEMS:,} errors; the others are not listed")
            raise Unreadable([*self.problems, more])
        line, column = self.document.place(pointer, key)
        self.problems.append(Problem(pointer, message, line, column))

    def fields(self, value: Any, pointer: str, what: str) -> Fields | None:
        """The members of an object of `KEYS[what]`, None if it isn't one. Null members were reported."""
        if not isinstance(value, dict):
            self.problem(value, pointer, f"is {kind(value)}; it takes an object")
            return None
        members = cast("dict[str, Any]", value)
        known, required = _SHAPES[what]
        keys = members.keys()
        if not (keys <= known and required <= keys) or None in members.values():
            self._misshapen(members, pointer, what)
        return members

    def _misshapen(self, members: Fields, pointer: str, what: str) -> None:
        known = KEYS[what]
        for key, value in members.items():
            if key not in known:
                self.report(step(pointer, key), UNSUPPORTED.get(key) or unknown_key(key, known), key=True)
            elif value is None:
                message = "is null, which counts as absent; take it out or give it a value"
                self.report(step(pointer, key), message)
        for name, example in REQUIRED.get(what, {}).items():
            if name not in members:
                unknown = nearest(name, [key for key in members if key not in known])
                hint = f" ({quoted(unknown)} is not it)" if unknown else ""
                self.report(pointer, f'"{name}" is missing; add "{name}": {example}{hint}')

    def items(self, value: Any, pointer: str, takes: str) -> Sequence[tuple[Any, str]]:
        """The items of a list, each with its pointer; empty if it isn't a list of what `takes` says."""
        if not isinstance(value, list):
            self.problem(value, pointer, f"is {kind(value)}; it takes a list of {takes}")
            return ()
        return [(item, f"{pointer}/{index}") for index, item in enumerate(cast("list[Any]", value))]

    def names(self, value: Any, pointer: str, takes: str) -> dict[str, str]:
        """The strings of a list without empty and repeated ones, each with its pointer."""
        found: dict[str, str] = {}
        for item, below in self.items(value, pointer, takes):
            name = self.filled(item, below)
            if name in found:
                self.report(below, f"duplicate entry: {quoted(name)} stands here a second time")
            elif name:
                found[name] = below
        return found

    def text(self, value: Any, pointer: str) -> str:
        """A string, empty when it is none."""
        if isinstance(value, str):
            return value
        self.problem(value, pointer, f"is {kind(value)}; it takes a string")
        return ""

    def filled(self, value: Any, pointer: str) -> str:
        """A string that isn't empty; empty when there is none."""
        if value == "":
            self.report(pointer, "is empty; it takes a name")
        return self.text(value, pointer)

    def choice(self, value: Any, pointer: str, known: Sequence[Word], otherwise: Word) -> Word:
        """One of the words `known`; `otherwise` when it is none."""
        if isinstance(value, str) and value in known:
            return cast("Word", value)
        near = nearest(value, known) if isinstance(value, str) else None
        hint = f"; did you mean {quoted(near)}?" if near else ""
        self.problem(value, pointer, f"is {kind(value)}; it takes {' or '.join(map(quoted, known))}{hint}")
        return otherwise

    def mode(self, fields: Fields, pointer: str, shadow: bool) -> bool:
        """Whether the rule of `fields` is shadowed; `shadow` is what stands around it."""
        mode = fields.get("mode")
        if mode is None:
            return shadow
        return self.choice(mode, f"{pointer}/mode", _MODES, "enforce") == "shadow"

    def scope(self, fields: Fields, pointer: str, otherwise: Scope) -> Scope:
        """Whose calls are counted together."""
        scope = fields.get("scope")
        return otherwise if scope is None else self.choice(scope, f"{pointer}/scope", SCOPES, otherwise)

    def whole(self, value: Any, pointer: str) -> int | None:
        """A whole number from 1 to `LARGEST`."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.problem(value, pointer, f"is {kind(value)}; it takes a whole number from 1 on")
        elif value == 0:
            self.problem(value, pointer, 'is 0, which lets nothing through; say "action": "deny" instead')
        elif value > LARGEST:
            self.problem(value, pointer, f"is over {LARGEST:,}, the most that can be counted")
        else:
            return value
        return None

    def amount(self, value: Any, pointer: str, takes: str) -> int | None:
        """A number above 0 in billionths, rounded down; `takes` says of what."""
        if not is_number(value) or value < 0:
            self.problem(value, pointer, f"is {kind(value)}; it takes {takes}, a number above 0")
        elif value > LARGEST:
            self.problem(value, pointer, f"is over {LARGEST:,}, the most that can be counted")
        else:
            billionths = int(Decimal(repr(value)) * UNIT)
            if billionths:
                return billionths
            what = "is 0, which" if not value else f"is {kind(value)}; less than a billionth"
            self.problem(value, pointer, f'{what} lets nothing through; say "action": "deny" instead')
        return None

    def window(self, value: Any, pointer: str, words_only: bool = False) -> int | None:
        """A span in nanoseconds: a word, or seconds unless `words_only`."""
        if isinstance(value, str) and value in WINDOWS:
            return WINDOWS[value] * SECOND
        if words_only or not is_number(value):
            near = nearest(value, WINDOWS) if isinstance(value, str) else None
            hint = f"; did you mean {quoted(near)}?" if near else ""
            takes = '"minute", "hour" or "day"' if words_only else 'seconds, "minute", "hour" or "day"'
            self.problem(value, pointer, f"is {kind(value)}; it takes {takes}{hint}")
            return None
        seconds = self.seconds(value, pointer)
        if seconds is not None and seconds < SHORTEST:
            self.problem(value, pointer, f"is {kind(value)}; a window under {SHORTEST:g} s limits nothing")
            return None
        return None if seconds is None else math.ceil(Decimal(repr(seconds)) * SECOND)

    def seconds(self, value: Any, pointer: str) -> float | None:
        """A span in seconds."""
        if not is_number(value):
            self.problem(value, pointer, f"is {kind(value)}; it takes seconds")
        elif value <= 0:
            self.problem(value, pointer, f"is {kind(value)}; it takes more than 0 seconds")
        elif value > LARGEST:
            self.problem(value, pointer, f"is over {LARGEST:,} seconds, the longest that can be waited for")
        else:
            return value
        return None


def by_name(pointer: str, names: Sequence[str]) -> list[str]:
    """The ids of rules in one list: by name below `pointer`, or by place where two would be the same."""
    if len(set(names)) == len(names):
        return [step(pointer, name) for name in names]
    times = Counter(names)
    found = [step(pointer, name if times[name] == 1 else index) for index, name in enumerate(names)]
    if len(set(found)) < len(found):
        return [step(pointer, index) for index in range(len(names))]
    return found


def unknown_key(key: str, known: Sequence[str]) -> str:
    """What is said of a key that isn't among those known."""
    near = nearest(key, known)
    hint = f"did you mean {quoted(near)}?" if near else f"it takes {', '.join(known)}"
    return f"unknown key {quoted(key)}; {hint}"
