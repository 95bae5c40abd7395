"""What was counted stays counted, however the policy around it is edited."""

from pathlib import Path
from typing import Any

import pytest
from gate_support import SECOND, HandClock, a_call, outcome_of, policy

from alya_mcp.gate import Gate, MemoryState, Policy, PolicyError, SqliteState
from alya_mcp.gate.policy.rules import UNIT
from alya_mcp.gate.state import Charge

pytestmark = pytest.mark.anyio

DAY = {"counter": "calls", "max": 3, "window": "day"}
HOUR = {"counter": "calls", "max": 50, "window": "hour"}
MINUTE = {"counter": "calls", "max": 50, "window": "minute"}
STEPS = {"counter": "calls", "max": 3, "window": "day", "amount": "args.n"}
SUM = {"counter": "calls", "max": 900, "window": "day", "amount": "args.m"}


class Edited:
    """A policy that is edited between calls."""

    error: PolicyError | None = None

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def current(self) -> Policy:
        return self.policy


def limits(*found: dict[str, Any]) -> dict[str, Any]:
    return {"tools": {"draw": {"limits": list(found)}}}


def rules(*found: dict[str, Any]) -> dict[str, Any]:
    return {"tools": {"draw": {"rules": list(found)}}}


A_DAY = {"name": "day", "rate_limit": "3/day"}
AN_HOUR = {"name": "hour", "rate_limit": "50/hour"}


@pytest.mark.parametrize("scope", ["session", "grant"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (limits(DAY), limits(DAY, HOUR)),
        (limits(DAY, HOUR), limits(MINUTE, DAY, HOUR)),
        (limits(DAY, HOUR), limits(DAY)),
        (limits(DAY, HOUR), limits(HOUR, DAY)),
        (limits(STEPS), limits(SUM, STEPS)),
        (limits(STEPS, DAY | {"max": 90}), limits(STEPS)),
        (limits(DAY), {"tools": {}, "categories": {"Read": {"limits": [DAY]}}}),
        ({"tools": {}, "categories": {"Read": {"limits": [DAY, HOUR]}}}, limits(DAY)),
        (limits(DAY), limits(HOUR | {"mode": "shadow"}, DAY)),
        (limits(DAY | {"mode": "shadow"}), limits(DAY)),
    ],
)
async def test_a_spent_limit_stays_spent_when_its_siblings_come_and_go(
    before: dict[str, Any], after: dict[str, Any], scope: str, tmp_path: Path
) -> None:
    def scoped(document: dict[str, Any]) -> Policy:
        entries = [*document["tools"].values(), *document.get("categories", {}).values()]
        entries = [{"limits": [each | {"scope": scope} for each in entry["limits"]]} for entry in entries]
        key = "tools" if document["tools"] else "categories"
        name = "draw" if key == "tools" else "Read"
        return policy(**{"tools": {}, "default": "deny", key: {name: entries[0]}, "all_tools": {}})

    source = Edited(scoped(before))
    clock = HandClock()
    gate = Gate(source, SqliteState(tmp_path / "state.sqlite", clock), clock=clock)
    call = a_call(arguments={"n": 1, "m": 1}, category="Read")
    assert [await outcome_of(gate, call) for _ in range(3)] == ["ok"] * 3
    source.policy = scoped(after)
    assert await outcome_of(gate, call) != "ok"
    clock.forward(86_400)
    assert [await outcome_of(gate, call) for _ in range(3)] == ["ok"] * 3
    assert await outcome_of(gate, call) != "ok"
    gate.close()


async def test_a_rule_of_intercept_stays_spent_when_another_is_put_before_it() -> None:
    source = Edited(policy(**rules(A_DAY)))
    gate = Gate(source, MemoryState(), clock=HandClock())
    assert [await outcome_of(gate, a_call()) for _ in range(3)] == ["ok"] * 3
    source.policy = policy(**rules(AN_HOUR | {"name": "day"}, A_DAY))
    assert await outcome_of(gate, a_call()) == "/tools/draw/rules/1"


async def test_limits_of_one_counter_hold_each_its_own_window() -> None:
    clock = HandClock()
    short = {"counter": "calls", "max": 1, "window": "minute"}
    gate = Gate(policy(**limits(DAY, short)), clock=clock)
    told: list[str] = []
    for _ in range(4):
        told += [await outcome_of(gate, a_call()) for _ in range(2)]
        clock.forward(60)
    first, second = (f"/tools/draw/limits/{index}" for index in (0, 1))
    assert told == ["ok", second, "ok", second, "ok", first, first, first]
    left = {row.rule: row.left for row in gate.limits("s1", tools=[("draw", None)])}
    assert left == {first: 0, second: 1}


async def test_a_shadowed_limit_beside_an_enforced_one_counts_a_call_once() -> None:
    shadow = {"counter": "calls", "max": 2, "window": "hour", "mode": "shadow"}
    gate = Gate(policy(**limits(DAY, shadow)), clock=HandClock())
    shadowed = [[each.rule for each in gate.decide(a_call()).shadow]]
    for _ in range(3):
        assert await outcome_of(gate, a_call()) == "ok"
        shadowed.append([each.rule for each in gate.decide(a_call()).shadow])
    assert await outcome_of(gate, a_call()) == "/tools/draw/limits/0"
    assert shadowed == [[], [], ["/tools/draw/limits/1"], ["/tools/draw/limits/1"]]


@pytest.mark.parametrize(
    ("kept", "now"),
    [
        ("/categories/Read/limits/calls draw", {"tools": {}, "categories": {"Read": {"limits": [DAY]}}}),
        ("/tools/draw/limits/calls", limits(DAY)),
        ("/tools/draw/limits/calls", limits(STEPS)),
        ("/tools/draw/limits/1", limits(HOUR, DAY)),
        ("/tools/draw/rules/day", rules(A_DAY)),
    ],
)
async def test_what_version_0_1_counted_still_counts(kept: str, now: dict[str, Any], tmp_path: Path) -> None:
    clock = HandClock()
    state = SqliteState(tmp_path / "state.sqlite", clock)
    for _ in range(2):
        state.ledger.reserve([Charge(kept, "local", UNIT, 9 * UNIT, 86_400 * SECOND)])
        clock.forward(1)
    gate = Gate(policy(**now), state, clock=clock)
    call = a_call(arguments={"n": 1}, category="Read")
    assert [row.left for row in gate.limits("s1", tools=[("draw", "Read")]) if row.max == 3] == [1]
    assert [await outcome_of(gate, call) == "ok" for _ in range(2)] == [True, False]
    clock.forward(86_398)
    assert [await outcome_of(gate, call) == "ok" for _ in range(2)] == [True, False]
    gate.close()
