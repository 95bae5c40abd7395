"""Prefilters a tool's tests: finds those that may refuse a call without running each of them.

Tests of the same argument are put together: the words that it must not be are one set, numbers have one lower
and one upper bound, patterns are one pattern. An argument that fits passes all of them at once; of one that
doesn't fit, and of what can't be put together, each test is asked.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from alya_mcp.gate.policy.conditions import UnfitOperand, Verify, is_number, regex
from alya_mcp.gate.policy.tests import PolicyCondition, Test

_FEW: Final = 8
"""So many tests are asked as fast one by one."""


class Screen:
    """The tests of one tool, in order."""

    __slots__ = ("_columns", "_others", "_tests")

    def __init__(self, tests: Sequence[Test]) -> None:
        self._tests = tests
        columns: dict[str, _Column] = {}
        others: list[int] = []
        for index, test in enumerate(tests):
            if len(tests) <= _FEW or not _place(columns, index, test):
                others.append(index)
        for column in columns.values():
            others += column.finish()
        self._columns = tuple(columns.values())
        self._others = tuple(sorted(others))

    def suspects(self, arguments: Mapping[str, Any]) -> Sequence[Test]:
        """The tests that may refuse a call with these arguments, in order; all others don't."""
        tests = self._tests
        if len(self._others) == len(tests):
            return tests
        asked = self._others
        for column in self._columns:
            if not column.passes(arguments.get(column.name)):
                asked += column.tests
        return [tests[index] for index in sorted(asked)]


def _place(columns: dict[str, "_Column"], index: int, test: Test) -> bool:
    """Put a test into the column of an argument that alone can clear it; False when there is none."""
    if test.must_hold and len(test.conditions) > 1:
        return False
    for condition in test.conditions:  # of several that must all hold for a refusal, one is enough
        _, name, *deeper = condition.path.split(".")
        if deeper:
            continue
        column = columns.get(name) or _Column(name)
        if column.take(condition, test.must_hold):
            columns[name] = column
            column.tests += (index,)
            column.absent_passes &= condition.holds({}) is test.must_hold
            return True
    return False


class _Column:
    """What an argument has to be to pass all tests that were taken, whose places are in `tests`."""

    __slots__ = (
        *("_above", "_at_least", "_at_most", "_below", "_fragments", "_not", "_numbers", "_only", "_parts"),
        *("_pattern", "_patterns", "_texts", "absent_passes", "name", "tests"),
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.tests: tuple[int, ...] = ()
        self.absent_passes = True
        self._texts = True
        self._numbers = True
        self._not: set[Any] = set()
        self._only: set[Any] | None = None
        self._fragments: tuple[str, ...] = ()
        self._parts: tuple[str, ...] = ()
        self._patterns: dict[int, str] = {}
        self._pattern: Verify | None = None
        self._at_least = self._above = -math.inf
        self._at_most = self._below = math.inf

    def take(self, condition: PolicyCondition, must_hold: bool) -> bool:
        """Take a condition that must or must not hold; False when it isn't of a kind that goes together."""
        op, value = condition.op, condition.value
        if op in {"eq", "neq"}:
            return self._take_choice([value], op == "eq", must_hold)
        if op in {"in", "not_in"}:
            return self._take_choice(cast("list[Any]", value), op == "in", must_hold)
        if op == "exists":
            return value is must_hold
        if op == "contains" and isinstance(value, str):
            if must_hold:
                self._parts += (value,)
            else:
                self._fragments += (value,)
        elif op == "regex" and not must_hold and "\\Q" not in value:  # which might end in another pattern
            self._patterns[len(self.tests)] = value
        elif op in _OPPOSITE:
            self._take_bound(op if must_hold else _OPPOSITE[op], value)
            self._texts = False
            return True
        else:
            return False
        self._numbers = False
        return True

    def _take_choice(self, choices: Sequence[Any], listed: bool, must_hold: bool) -> bool:
        if not all(isinstance(each, str) or is_number(each) for each in choices):
            return False
        if listed:  # in doubt, which is where the types differ, against the call
            self._texts &= any(isinstance(each, str) for each in choices)
            self._numbers &= any(map(is_number, choices))
        if listed is must_hold:
            self._only = set(choices) if self._only is None else self._only & set(choices)
        else:
            self._not.update(choices)
        return True

    def _take_bound(self, op: str, value: float) -> None:
        if op == "gte":
            self._at_least = max(self._at_least, value)
        elif op == "gt":
            self._above = max(self._above, value)
        elif op == "lte":
            self._at_most = min(self._at_most, value)
        else:
            self._below = min(self._below, value)

    def finish(self) -> Sequence[int]:
        """Put the patterns together; the tests that this fails for are given back."""
        if not self._patterns:
            return ()
        try:
            together = "|".join(f"(?:{each})" for each in self._patterns.values())
            self._pattern = regex(together, must_hold=False)
        except UnfitOperand:  # together they are too large, or name the same group
            left = tuple(index for place, index in enumerate(self.tests) if place in self._patterns)
            self.tests = tuple(index for index in self.tests if index not in left)
            return left
        return ()

    def passes(self, value: Any) -> bool:
        """Whether no test that was taken refuses a call for this value; None where it is missing."""
        kind = value.__class__
        if value is None:
            return self.absent_passes
        if kind is str:
            if not self._texts:
                return False
            for each in self._fragments:
                if each in value:
                    return False
            for each in self._parts:
                if each not in value:
                    return False
            if self._pattern is not None and self._pattern(value):
                return False
        elif kind is int or kind is float:
            if not (
                self._numbers
                and self._at_least <= value <= self._at_most
                and self._above < value < self._below
            ):
                return False
        else:
            return False
        return value not in self._not and (self._only is None or value in self._only)


_OPPOSITE: Final = {"lt": "gte", "lte": "gt", "gt": "lte", "gte": "lt"}
