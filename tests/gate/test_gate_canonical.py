"""Equal arguments have one text, different ones never do (RFC 8785)."""

import json
import math
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.gate.canonical import NotCanonical, canonical, es6_number

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equality as JSON has it, where Python's differs on booleans."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    numbers = type(a) in (int, float) and type(b) in (int, float)
    return a == b and (numbers or type(a) is type(b))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (4.50, "4.5"),
        (2e-3, "0.002"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (1e-27, "1e-27"),
        (5e-324, "5e-324"),
        (333333333.33333329, "333333333.3333333"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1e30, "1e+30"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (float(2**68), "295147905179352830000"),
        (123456789012345680000.0, "123456789012345680000"),
    ],
)
def test_a_number_is_written_as_ecmascript_writes_it(value: float, text: str) -> None:
    assert es6_number(value) == text


def test_keys_are_ordered_by_utf16_units() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    ordered = list(json.loads(canonical(dict.fromkeys(keys, 0))))
    assert ordered == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


def test_equal_arguments_have_one_text() -> None:
    assert canonical({"a": 1, "b": [True, None]}) == canonical({"b": [True, None], "a": 1.0})
    assert canonical(2**60) == canonical(float(2**60))


@pytest.mark.parametrize(
    ("a", "b"),
    [(1, True), (0, False), (0, None), (1, "1"), ([1, 2], [2, 1]), ("a", "A"), ("\xe9", "e\u0301"), ([], {})],
)
def test_different_arguments_have_different_texts(a: Any, b: Any) -> None:
    assert canonical(a) != canonical(b)


def test_integers_that_no_double_holds_stay_apart() -> None:
    numbers = [2**53, 2**53 + 1, 2**60, 2**60 + 1, 1152921504606847000, 10**400, 10**400 + 1, 10**5000]
    assert len({canonical(number) for number in numbers}) == len(numbers)


@given(JSON, JSON)
def test_two_values_share_a_text_exactly_when_they_are_equal(a: Any, b: Any) -> None:
    assert (canonical(a) == canonical(b)) == same(a, b)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_read_back_from_its_text(value: float) -> None:
    assert json.loads(canonical(value), parse_int=float) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {1: 2}, {1, 2}, b"x", [object()]])
def test_what_is_no_json_has_no_text(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical({"a": value})


def test_nesting_is_bounded() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(NotCanonical, match=r"\b64\b"):
        canonical(deep)


def test_a_lone_surrogate_has_a_text_of_its_own() -> None:
    assert canonical("\ud800") != canonical("\udfff") != canonical("?")


def test_a_subclass_counts_as_the_json_type_that_it_is() -> None:
    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "another"

    class Size(IntEnum):
        LARGE = 3

    class Ratio(float):
        pass

    assert canonical({"a": Text("x"), "b": Size.LARGE, "c": Ratio(0.5)}) == canonical(
        {"a": "x", "b": 3, "c": 0.5}
    )
