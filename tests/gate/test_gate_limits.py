"""Sliding limits against a slow, obvious model: a list of every call that passed."""

from collections.abc import Coroutine
from fractions import Fraction
from typing import Any

import pytest
from gate_support import SECOND, HandClock, a_call, outcome_of, policy
from hypothesis import example, given
from hypothesis import strategies as st

from alya_mcp.gate import Gate

RULES = st.tuples(st.integers(1, 4), st.sampled_from([0.25, 1, 2, 60]))
CALLS = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab"), st.sampled_from("st")), max_size=30)


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
