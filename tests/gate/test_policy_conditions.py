"""What conditions mean: policy.md 2.2 with strict types, rows 13, 16 and 17 of its section 3."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.gate.policy import tests as compiled_tests
from alya_mcp.gate.policy.conditions import OPERATORS, UnfitOperand, condition, same, values_at
from alya_mcp.gate.policy.screen import Screen
from alya_mcp.gate.policy.tests import PolicyCondition

HOLDS = [
    ("eq", 1, 1.0),
    ("eq", "a", "a"),
    ("eq", [1, {"b": None}], [1.0, {"b": None}]),
    ("eq", False, False),
    ("neq", 1, True),
    ("neq", "x", 1),
    ("in", [1, "a"], "a"),
    ("in", [1, "a"], 1.0),
    ("not_in", [1], True),
    ("not_in", [], "a"),
    ("not_in", ["a"], []),
    ("lt", 2, 1.9),
    ("lte", 2, 2.0),
    ("gt", -1, 0),
    ("gte", 2**70, 2**70),
    ("regex", "b+", "abbc"),
    ("regex", "^é$", "é"),
    ("regex", "", ""),
    ("contains", "b", "abc"),
    ("contains", 1, [1.0, "b"]),
    ("contains", [1], [[1], 2]),
    ("exists", True, 0),
    ("exists", True, ""),
    ("exists", False, None),
]
FAILS = [
    ("eq", True, 1),
    ("eq", True, "true"),
    ("eq", 1, "1"),
    ("eq", 0, False),
    ("eq", [1, 2], [2, 1]),
    ("eq", {"a": 1}, {"a": True}),
    ("eq", {"a": 1}, {"a": 1, "b": None}),
    ("eq", "a", "A"),
    ("eq", "\u00e9", "e\u0301"),
    ("neq", 1, 1.0),
    ("in", [1], True),
    ("in", ["1"], 1),
    ("not_in", [1, "a"], "a"),
    ("lt", 2, 2),
    ("lt", 2, "1"),
    ("gt", 0, True),
    ("lte", 2, math.nan),
    ("gte", 1, [2]),
    ("regex", "^b", "ab"),
    ("regex", "1", 1),
    ("contains", "b", 5),
    ("contains", 1, "1"),
    ("contains", True, [1]),
    ("exists", False, 0),
    ("exists", True, None),
]


@pytest.mark.parametrize(
    ("op", "value", "argument", "held"), [(*x, True) for x in HOLDS] + [(*x, False) for x in FAILS]
)
def test_an_operator_compares_by_type(op: str, value: Any, argument: Any, held: bool) -> None:
    for must_hold in (True, False) if held else (True,):
        assert condition("args.a", op, value, must_hold).holds({"a": argument}) is held
        assert condition("args.x.a", op, value, must_hold).holds({"x": {"a": argument}}) is held


@pytest.mark.parametrize(
    ("op", "value", "alike", "unlike"),
    [
        ("eq", "blocked", ["other"], [["blocked"], {"name": "blocked"}, 1, True]),
        ("eq", 1, [2, 0.5], ["1", True, [1]]),
        ("neq", "a", ["a"], [["a"], 1]),
        ("in", [1, "a"], [2, "b"], [True, ["a"], {"a": 1}]),
        ("not_in", ["DE"], ["DE"], [["DE"], 1]),
        ("gt", 100, [5, 100], ["5000", [5000], {"value": 5000}, True, math.nan]),
        ("lte", 100, [101, 10**400], ["5", [5]]),
        ("regex", "secret", ["fine"], [["a secret"], {"body": "a secret"}, 5]),
        ("contains", "x", ["abc", ["a", "b"]], [5, {"x": 1}, ["a", 1], [["x"]]]),
        ("contains", 1, [[2, 3]], ["abc", 1, ["1"]]),
    ],
)
def test_a_refusal_holds_for_every_value_of_another_type(
    op: str, value: Any, alike: list[Any], unlike: list[Any]
) -> None:
    for path, around in (("args.a", lambda a: {"a": a}), ("args.x.a", lambda a: {"x": {"a": a}})):
        refusal = condition(path, op, value, must_hold=False)
        assert [refusal.holds(around(each)) for each in alike] == [False] * len(alike)
        assert [refusal.holds(around(each)) for each in unlike] == [True] * len(unlike)
    deep = condition("args.x.a", op, value, must_hold=False)
    assert [deep.holds({"x": each}) for each in ("text", [{"a": alike[0]}], 1)] == [True] * 3
    for absent in ({}, {"x": None}, {"x": {}}, {"x": {"a": None}}):
        assert deep.holds(absent) is (op in {"neq", "not_in"})
        for missing in (True, False):
            assert condition("args.x.a", op, value, False, missing).holds(absent) is missing


@pytest.mark.parametrize("op", OPERATORS)
@pytest.mark.parametrize(
    "arguments", [{}, {"a": None}, {"a": [{"b": 1}]}, {"a": "b"}, {"A": {"b": 1}}, {"b": 1}]
)
def test_what_is_missing_or_null_satisfies_nothing_but_its_absence(
    op: str, arguments: dict[str, Any]
) -> None:
    value = {"in": [1], "not_in": [1], "regex": "x", "exists": True}.get(op, 1)
    assert not condition("args.a.b", op, value, must_hold=True).holds(arguments)
    assert condition("args.a.b", "exists", value=False, must_hold=True).holds(arguments)


def test_a_name_with_dots_is_found_and_two_readings_are_judged_by_the_worse() -> None:
    """policy.md section 3, row 16."""
    need, refuse = (condition("args.a.b", "eq", 1, must_hold=must) for must in (True, False))
    for arguments in ({"a.b": 1}, {"a": {"b": 1}}):
        assert need.holds(arguments)
        assert refuse.holds(arguments)
    for arguments in ({"a.b": 1, "a": {"b": 2}}, {"a.b": 2, "a": {"b": 1}}):
        assert not need.holds(arguments)
        assert refuse.holds(arguments)
    assert list(values_at({"a": {"b.c": 1, "b": {"c": 2}}, "a.b": {"c": 3}, "a.b.c": 4}, "abc")) == [
        2,
        1,
        3,
        4,
    ]


def test_a_pattern_takes_linear_time_and_what_re2_can_not_do_is_refused() -> None:
    """policy.md section 3, row 17: with Python's `re` this text takes longer than anyone waits."""
    slow = condition("args.a", "regex", "^(a+)+$", must_hold=True)
    assert not slow.holds({"a": "a" * 100_000 + "b"})
    for pattern in ("(?=a)", r"(a)\1", "(", "a{1001}", "\ud800"):
        with pytest.raises(UnfitOperand, match="invalid regex"):
            condition("args.a", "regex", pattern, must_hold=True)


def test_a_text_that_is_no_unicode_is_judged_in_the_calls_disfavour() -> None:
    assert not condition("args.a", "regex", "x", must_hold=True).holds({"a": "x\ud800"})
    assert condition("args.a", "regex", "x", must_hold=False).holds({"a": "\ud800"})


def test_nothing_is_written_about_a_wrong_pattern(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnfitOperand):
        condition("args.a", "regex", "(?=a)", must_hold=True)
    assert capfd.readouterr() == ("", "")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "1", "true"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, JSON, st.sampled_from(OPERATORS), st.booleans())
def test_any_arguments_are_judged_without_an_error(
    value: Any, arguments: Any, op: str, must_hold: bool
) -> None:
    try:
        judged = condition("args.a.b", op, value, must_hold)
    except UnfitOperand:
        return
    assert judged.holds(arguments if isinstance(arguments, dict) else {"a.b": arguments}) in {True, False}


_PATTERNS = ["a", "^b$", "(?i)A", "(?P<n>1)", "", r"\Qa", r"\E|a", "x|a"]
_CONDITIONS = st.tuples(
    st.sampled_from(["args.a", "args.b", "args.a.b"]),
    st.one_of(
        st.tuples(st.sampled_from(["eq", "neq", "contains"]), JSON),
        st.tuples(st.sampled_from(["in", "not_in"]), st.lists(JSON, max_size=3)),
        st.tuples(st.sampled_from(["lt", "lte", "gt", "gte"]), st.integers(-2, 2) | st.just(0.5)),
        st.tuples(st.just("regex"), st.sampled_from(_PATTERNS)),
        st.tuples(st.just("exists"), st.booleans()),
    ),
    st.none() | st.booleans(),
)
_TESTS = st.tuples(st.booleans(), st.lists(_CONDITIONS, max_size=2))


@given(st.lists(_TESTS, min_size=9, max_size=14), st.lists(JSON, min_size=1, max_size=5))
def test_many_tests_refuse_together_what_each_refuses(
    asked: list[tuple[bool, list[Any]]], values: list[Any]
) -> None:
    tests: list[compiled_tests.Test] = []
    for index, (must_hold, described) in enumerate(asked):
        found: list[PolicyCondition] = []
        for path, (op, value), missing in described:
            with suppress(UnfitOperand):
                found.append(condition(path, op, value, must_hold, missing))
        tests.append(compiled_tests.Test(str(index), tuple(found), must_hold, "", shadow=False))
    screen = Screen(tests)
    for value in [*values, "b", 1, 0.5, "\ud800", math.nan]:
        for arguments in ({"a": value}, {"a": value, "b": value}, {}):
            suspects = screen.suspects(arguments)
            assert [each for each in suspects if each.refuses(arguments)] == [
                each for each in tests if each.refuses(arguments)
            ]


def test_an_argument_that_passes_many_tests_is_asked_none_of_them_one_by_one() -> None:
    compiled = [
        condition("args.a", op, value, must_hold=must_hold)
        for op, value, must_hold in [
            *(("eq", "never", False), ("in", ["no", 5], False), ("contains", "nor this", False)),
            *(("regex", "^never$", False), ("regex", "(?i)NO", False), ("not_in", ["x"], True)),
            *(("exists", True, True), ("contains", "fi", True), ("regex", r"\Qno", False)),
        ]
    ]
    tests = [
        compiled_tests.Test(str(index), (each,), each.value in (["x"], True, "fi"), "", shadow=False)
        for index, each in enumerate(compiled)
    ]
    assert [test.rule for test in Screen(tests).suspects({"a": "fine"})] == ["8"]
    assert len(Screen(tests).suspects({"a": "never"})) == len(tests)


@given(JSON, JSON)
def test_equality_is_that_of_the_canonical_text(left: Any, right: Any) -> None:
    from alya_mcp.gate.canonical import canonical

    assert same(left, right) == (canonical(left) == canonical(right))
    assert same(left, left)
