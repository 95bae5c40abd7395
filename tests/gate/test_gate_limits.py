"""Sliding limits against a slow, obvious model: a list of every call that passed."""

from collections.abc import Coroutine
from fractions import Fraction
from typing import Any

import pytest
from gate_support import SECOND, HandClock, a_call, outcome_of, policy
from hypothesis import example, given
from hypothesis import strategies as st

from alya_mcp.gate import Gate
from alya_mcp.gate.limits import Counters
from alya_mcp.gate.rules import UNIT, Limit

RULES = st.tuples(st.integers(1, 4), st.sampled_from([0.25, 1, 2, 60]))
CALLS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.sampled_from("st")), max_size=30)


def a_limit(rule: str, tool: str | None, calls: int, window_ns: int) -> Limit:
    return Limit(rule, "rate_limit", tool, calls * UNIT, window_ns, "session", "call", "", False)


class Model:
    """Remembers every call that passed, and counts them anew each time."""

    def __init__(self, rules: dict[str, tuple[int, float]], every: tuple[int, float] | None) -> None:
        self.rules = rules
        self.every = every
        self.passed: list[tuple[Fraction, str, str]] = []

    def ask(self, now: Fraction, tool: str, session: str) -> str:
        asked = [
            (f"/tools/{tool}/rate_limit", self.rules.get(tool), {tool}),
            ("/all_tools/rate_limit", self.every, set("ab")),
        ]
        for rule, limit, tools in asked:
            if limit is not None:
                most, window = limit
                since = now - Fraction(window)
                counted = [
                    at
                    for at, name, by in self.passed
                    if by == session and name in tools and since < at <= now
                ]
                if len(counted) >= most:
                    return rule
        self.passed.append((now, tool, session))
        return "ok"


@given(st.dictionaries(st.sampled_from("ab"), RULES), st.none() | RULES, CALLS)
@example({"a": (1, 1)}, None, [(0, "a", "s"), (4, "a", "s"), (0, "a", "s")])
def test_limits_decide_as_the_obvious_model(
    rules: dict[str, tuple[int, float]], every: tuple[int, float] | None, calls: list[tuple[int, str, str]]
) -> None:
    def limit(rule: tuple[int, float]) -> dict[str, object]:
        return {"rate_limit": {"max": rule[0], "window": rule[1]}}

    tools = {name: limit(rules[name]) if name in rules else {} for name in "ab"}
    clock = HandClock()
    gate = Gate(policy(tools, **({} if every is None else {"all_tools": limit(every)})), clock=clock)
    model = Model(rules, every)
    for quarters, tool, session in calls:
        clock.forward(quarters / 4)
        expected = model.ask(Fraction(clock.now, SECOND), tool, session)
        call = a_call(tool, session=session)
        decision = gate.decide(call)
        assert (decision.rule or "ok") == expected
        assert finished(outcome_of(gate, call)) == expected


def finished(coroutine: Coroutine[Any, Any, str]) -> str:
    """What a coroutine returns that waits for nothing."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return ended.value.value


@given(st.integers(1, 5), st.lists(st.integers(0, 40), min_size=1, max_size=200))
def test_in_no_span_of_a_window_do_more_calls_pass(most: int, steps: list[int]) -> None:
    """policy.md section 3, row 11: not 2 times the limit across a boundary."""
    counters = Counters()
    limit = a_limit("/r", "t", most, 100)
    now = 0
    passed: list[int] = []
    for step in steps:
        now += step
        if counters.first_spent("s", (limit,), now) is None:
            counters.take("s", (limit,), now)
            passed.append(now)
    for at in passed:
        assert sum(at <= other < at + 100 for other in passed) <= most


@given(st.integers(1, 5), st.lists(st.integers(1, 40), min_size=1, max_size=50))
def test_the_wait_that_a_refusal_names_is_exact(most: int, steps: list[int]) -> None:
    counters = Counters()
    limit = a_limit("/r", "t", most, 100)
    now = 0
    for step in steps:
        now += step
        if spent := counters.first_spent("s", (limit,), now):
            assert counters.first_spent("s", (limit,), now + spent[1] - 1) is not None
            assert counters.first_spent("s", (limit,), now + spent[1]) is None
        else:
            counters.take("s", (limit,), now)


def test_a_call_given_back_leaves_the_window_it_was_taken_from() -> None:
    """policy.md section 3, row 6."""
    counters = Counters()
    limits = (a_limit("/a", "t", 1, 100), a_limit("/b", None, 2, 1000))
    counters.take("s", limits, 5)
    counters.take("s", limits, 500)
    counters.give_back("s", limits, 5)
    assert counters.standing("s", limits[1], 501) == (1, 999)
    assert counters.first_spent("s", limits, 501) == (limits[0], 99)


def test_a_busy_counter_keeps_what_it_needs_and_no_more() -> None:
    counters = Counters()
    limit = a_limit("/r", "t", 5000, 100)
    for now in range(20_000):
        counters.take("s", (limit,), now)
    kept = counters._sessions["s"]["/r"]  # pyright: ignore[reportPrivateUsage]
    assert len(kept) == 1024
    assert counters.standing("s", limit, 19_999)[0] == 4900


def test_sessions_that_ended_are_forgotten_and_those_that_count_are_kept() -> None:
    counters = Counters()
    limit = a_limit("/r", "t", 1, 60 * SECOND)
    day = 86_400 * SECOND
    counters.take("first", (limit,), 0)
    for number in range(3000):
        counters.take(f"s{number}", (limit,), 2 * day)
    sessions = counters._sessions  # pyright: ignore[reportPrivateUsage]
    assert "first" not in sessions
    assert len(sessions) == 3000
    assert counters.first_spent("s0", (limit,), 2 * day + 1) is not None
