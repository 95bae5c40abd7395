"""Conditions over a call's arguments: how a path finds a value, and what the eleven operators mean.

A path is `args.` and names joined by dots; a dot steps into an object, never into a list. As names may hold
dots themselves, a path may be read in several ways, `{"a.b": 1}` and `{"a": {"b": 1}}` both have an
`args.a.b`. Every reading counts: arguments that offer two values for one path are judged by the worse one.

Values are compared as JSON has them: 1 equals 1.0, `true` is neither 1 nor "true", list order matters. What
is in doubt counts against the call. Where a condition is required, a value of the wrong type doesn't hold,
save for `neq` and `not_in`, and one that is missing or null never holds, save for `exists: false`. Where it
refuses, a value of the wrong type always holds, and one that is missing or null does for `neq` and `not_in`.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from alya_mcp.gate.policy.tests import PolicyCondition

Verify = Callable[[Any], bool]

OPERATORS: Final = (
    "eq",
    "neq",
    "in",
    "not_in",
    "lt",
    "lte",
    "gt",
    "gte",
    "regex",
    "contains",
    "exists",
)
ORDER: Final = frozenset({"lt", "lte", "gt", "gte"})
NEGATIVE: Final = frozenset({"neq", "not_in"})

_NO_OBJECT: Final = object()
"""Stands for a value that a path leads through and that has no names below it."""


class UnfitOperand(ValueError):
    """An operator can't take the value that stands beside it. The text says what it takes instead."""


def condition(
    path: str, op: str, value: Any, must_hold: bool, missing: bool | None = None
) -> PolicyCondition:
    """Compile a condition; `path` begins with `args.` and `op` is one of `OPERATORS`.

    With `must_hold` a call needs it, so where the arguments offer several values all must hold; else it
    refuses a call, and one is enough. `missing` says whether a refusal holds for a value that is missing or
    null; when left out, it does for `neq` and `not_in`.

    Raises:
        Unfit: `op` can't take `value`, or the condition could never hold.
    """
    names = tuple(path.split(".")[1:])
    if op == "exists":
        if not isinstance(value, bool):
            raise UnfitOperand("it takes true or false")
        holds = _exists(names, value)
    else:
        test = regex(value, must_hold) if op == "regex" else _test(op, value)
        if must_hold:
            holds = _required(names, test)
        else:
            missing = op in NEGATIVE if missing is None else missing
            holds = _refusing(names, _doubting(op, value, test), missing)
    return PolicyCondition(path, op, value, value, holds)


def values_at(arguments: Mapping[str, Any], names: Sequence[str], blocked: object = None) -> Iterator[Any]:
    """Every value that a path may mean, null ones left out; usually one, none where it is missing.

    `blocked`, if given, stands for each that the path would lead through something other than an object to.
    """
    last = len(names)
    for end in range(1, last + 1):
        value = arguments.get(names[0] if end == 1 else ".".join(names[:end]))
        if value is None:
            continue
        if end == last:
            yield value
        elif isinstance(value, Mapping):
            yield from values_at(cast("Mapping[str, Any]", value), names[end:], blocked)
        elif blocked is not None:
            yield blocked


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0, true isn't 1, list order matters."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping):
        one, other = cast("Mapping[str, Any]", left), cast("Mapping[str, Any]", right)
        return (
            isinstance(right, Mapping)
            and one.keys() == other.keys()
            and all(same(value, other[name]) for name, value in one.items())
        )
    if isinstance(left, list | tuple):
        items, others = cast("Sequence[Any]", left), cast("Sequence[Any]", right)
        return isinstance(right, list | tuple) and len(items) == len(others) and all(map(same, items, others))
    return bool(left == right)


def _required(names: tuple[str, ...], test: Verify) -> Verify:
    if len(names) == 1:
        (name,) = names

        def direct(arguments: Mapping[str, Any]) -> bool:
            value = arguments.get(name)
            return value is not None and test(value)

        return direct

    def deep(arguments: Mapping[str, Any]) -> bool:
        found = list(values_at(arguments, names))
        return bool(found) and all(map(test, found))

    return deep


def _refusing(names: tuple[str, ...], test: Verify, missing: bool) -> Verify:
    if len(names) == 1:
        (name,) = names

        def direct(arguments: Mapping[str, Any]) -> bool:
            value = arguments.get(name)
            return missing if value is None else test(value)

        return direct

    def deep(arguments: Mapping[str, Any]) -> bool:
        found = list(values_at(arguments, names, _NO_OBJECT))
        return any(value is _NO_OBJECT or test(value) for value in found) if found else missing

    return deep


def _doubting(op: str, value: Any, test: Verify) -> Verify:
    """`test`, and a value of another type than `value`, which no comparison can tell anything of."""
    if op in ORDER:
        return lambda found: not is_number(found) or _is_nan(found) or test(found)
    if op == "regex":
        return lambda found: not isinstance(found, str) or test(found)
    if op == "contains":
        return lambda found: _may_contain(found, value)
    if op in {"eq", "in"}:
        kinds = frozenset(map(_type, cast("list[Any]", value) if op == "in" else [value]))
        return lambda found: _type(found) not in kinds or test(found)
    return test


def _is_nan(number: float) -> bool:
    return isinstance(number, float) and math.isnan(number)  # a whole number may be too large for a float


def _type(value: object) -> str:
    """The type that JSON has for a value."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, Mapping) else "array"


def _exists(names: tuple[str, ...], wanted: bool) -> Verify:
    def holds(arguments: Mapping[str, Any]) -> bool:
        return any(True for _ in values_at(arguments, names)) is wanted

    return holds


def _test(op: str, value: Any) -> Verify:
    if op in {"in", "not_in"}:
        return _listed(op, value)
    if value is None:
        raise UnfitOperand('is null, which counts as absent; use "exists" with true or false')
    if op == "eq":
        return _equal(value)
    if op == "neq":
        equal = _equal(value)
        return lambda found: not equal(found)
    if op == "contains":
        return lambda found: _contains(found, value)
    return _ordered(op, value)


def _equal(value: Any) -> Verify:
    """`same` with `value`, which for text and numbers needs no look at what kind the other is."""
    if isinstance(value, str):
        return lambda found: bool(found == value)
    if is_number(value):
        return lambda found: bool(found == value) and not isinstance(found, bool)
    return lambda found: same(found, value)


def _listed(op: str, value: Any) -> Verify:
    if not isinstance(value, list):
        raise UnfitOperand(f'operator "{op}" requires a list value')
    choices = tuple(cast("list[Any]", value))
    if any(choice is None for choice in choices):
        raise UnfitOperand('holds null, which counts as absent; use "exists" with true or false')
    if op == "in" and not choices:
        raise UnfitOperand("is an empty list, so that the condition never holds")
    words = frozenset(choice for choice in choices if isinstance(choice, str))
    others = tuple(choice for choice in choices if not isinstance(choice, str))

    def among(found: Any) -> bool:
        if isinstance(found, str):
            return found in words
        return any(same(found, choice) for choice in others)

    return among if op == "in" else lambda found: not among(found)


def _ordered(op: str, value: Any) -> Verify:
    if not is_number(value):
        raise UnfitOperand(f'operator "{op}" requires a number value; only numbers have an order here')
    match op:
        case "lt":
            return lambda found: is_number(found) and found < value
        case "lte":
            return lambda found: is_number(found) and found <= value
        case "gt":
            return lambda found: is_number(found) and found > value
        case _:
            return lambda found: is_number(found) and found >= value


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list | tuple) and any(same(x, value) for x in cast("Sequence[Any]", found))


def _may_contain(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return not isinstance(value, str) or value in found
    if not isinstance(found, list | tuple):
        return True
    items = cast("Sequence[Any]", found)
    return any(_type(item) != _type(value) or same(item, value) for item in items)


def regex(pattern: Any, must_hold: bool) -> Verify:
    """Whether a text has a match; RE2's time grows with the text alone.

    Text that isn't valid Unicode counts against the call.

    Raises:
        Unfit: RE2 can't take the pattern.
    """
    if not isinstance(pattern, str):
        raise UnfitOperand('operator "regex" requires a string value')
    from importlib import import_module

    re2: Any = import_module("re2")
    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(pattern, options).search
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0]
        said = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else "it isn't valid Unicode"
        raise UnfitOperand(
            f"invalid regex: {said} (the syntax is RE2's: no look-around, no back references)"
        ) from None

    def test(found: Any) -> bool:
        if not isinstance(found, str):
            return False
        try:
            return search(found) is not None
        except UnicodeEncodeError:
            return not must_hold

    return test
