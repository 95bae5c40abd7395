"""Intercept's files mean here what they mean there, where they are not stricter (policy.md section 2)."""

from typing import Any

import pytest
from gate_support import HandClock, a_call, outcome_of, policy, refusal_of
from policy_documents import EXAMPLES, asked, ruled

from alya_mcp.gate import Gate, Policy
from alya_mcp.gate.policy.rules import SECOND, UNIT, Limit

DAY = 86_400 * SECOND


def counted(op: str, value: float, **state: Any) -> Limit:
    """The limit that a rule with one bounded counter compiles to."""
    rule = {
        "name": "r",
        "conditions": [asked("state.t.c", op, value)],
        "state": {"counter": "c", "window": "day", **state},
    }
    (limit,) = Policy.parse(ruled(rule)).rules("t").limits
    return limit


@pytest.mark.parametrize(
    ("op", "value", "state", "most"),
    [
        ("lte", 5, {}, 5 * UNIT),
        ("lt", 5, {}, 4 * UNIT),
        ("lt", 5.5, {}, 5 * UNIT),
        ("lte", 5.5, {}, 5 * UNIT),
        ("lte", 10, {"increment": 3}, 3 * UNIT),
        ("lt", 9, {"increment": 3}, 2 * UNIT),
        ("lte", 1, {"increment": 0.3}, 3 * UNIT),
        ("lte", 10.5, {"increment_from": "args.n"}, 10_500_000_000),
        ("lt", 10, {"increment_from": "args.n"}, 10 * UNIT - 1),
    ],
)
def test_a_bounded_counter_is_a_sliding_limit(
    op: str, value: float, state: dict[str, Any], most: int
) -> None:
    amount = ("n",) if "increment_from" in state else "call"
    assert counted(op, value, **state) == Limit(
        "/tools/t/rules/r", "limits", "t", most, DAY, "grant", amount, "", False, "c"
    )


def test_of_several_bounds_on_a_counter_the_strictest_counts() -> None:
    rule = {
        "name": "r",
        "conditions": [asked("state.t.c", "lte", 9), asked("state.t.c", "lt", 4), asked("args.a", "gt", 0)],
        "state": {"counter": "c", "window": "hour"},
        "on_deny": "no",
    }
    rules = Policy.parse(ruled(rule)).rules("t")
    assert [(limit.max, limit.message) for limit in rules.limits] == [(3 * UNIT, "no")]
    assert [(test.must_hold, len(test.conditions), test.message) for test in rules.tests] == [(True, 1, "no")]


@pytest.mark.parametrize("tool", ["a.b", "a/b", "state.x"])
def test_a_tool_with_a_dot_in_its_name_can_be_limited(tool: str) -> None:
    """policy.md section 3, row 16."""
    rule = {
        "name": "r/1",
        "conditions": [asked(f"state.{tool}.n.m", "lte", 2)],
        "state": {"counter": "n.m", "window": "minute"},
    }
    (limit,) = Policy.parse(ruled(rule, tool=tool)).rules(tool).limits
    assert limit.rule == f"/tools/{tool.replace('/', '~1')}/rules/r~11"


def test_rules_for_all_have_one_counter_and_list_nothing() -> None:
    loaded = policy(
        {
            "a": {"rules": []},
            "*": {
                "rules": [
                    {"name": "sum", "rate_limit": "2/minute"},
                    {
                        "name": "global",
                        "conditions": [asked("state._global.c", "lte", 3)],
                        "state": {"counter": "c", "window": "day"},
                    },
                    {"name": "reason", "conditions": [asked("args.reason", "exists", value=True)]},
                ]
            },
        }
    )
    rules = loaded.rules("a")
    assert [(each.counter, each.tool) for each in rules.limits] == [
        ("/all_tools/rate_limit", None),
        ("/all_tools/limits/c", None),
    ]
    assert [test.rule for test in rules.tests] == ["/tools/*/rules/reason"]
    assert "*" not in loaded.compiled
    denial = loaded.rules("unlisted").denial
    assert denial is not None
    assert denial.rule == "(default deny)"
    assert loaded.warnings(["a"]) == ()


def test_tests_of_a_tool_come_before_those_of_all_in_the_files_order() -> None:
    need = [asked("args.a", "eq", 1)]
    loaded = policy(
        {
            "*": {"rules": [{"name": "x", "action": "deny"}]},
            "t": {
                "rules": [{"name": "p", "conditions": need}, {"name": "q", "action": "deny", "on_deny": "m"}]
            },
        }
    )
    found = [(test.rule, test.must_hold, test.message) for test in loaded.rules("t").tests]
    assert found == [
        ("/tools/t/rules/p", True, ""),
        ("/tools/t/rules/q", False, "m"),
        ("/tools/*/rules/x", False, ""),
    ]


def test_spending_per_call_holds_each_call_by_itself_and_per_day_their_sum() -> None:
    each, daily = policy({"t": {"spend": {"per_call": 0.5, "daily": 50}}}).rules("t").limits
    assert (each.rule, each.max, each.window_ns, each.amount) == (
        "/tools/t/spend/per_call",
        UNIT // 2,
        0,
        "price",
    )
    assert (daily.rule, daily.max, daily.window_ns, daily.kind) == (
        "/tools/t/spend/daily",
        50 * UNIT,
        DAY,
        "budget",
    )


@pytest.mark.anyio
async def test_the_example_of_the_page_decides_as_intercept_would_or_stricter() -> None:
    (text,) = [text for kind, text in EXAMPLES if kind == "yaml"]
    clock = HandClock()
    gate = Gate(Policy.loads(text, "policy.yaml"), clock=clock)
    charge = "create_charge"
    good = {"amount": 400.5, "currency": "eur"}
    assert await outcome_of(gate, a_call(charge, good)) == "ok"
    for wrong in (
        {**good, "amount": 501},
        {**good, "amount": "400"},
        {"amount": 1},
        {**good, "currency": "EUR"},
    ):
        assert await outcome_of(gate, a_call(charge, wrong)) == "/tools/create_charge/rules/max-amount"
    assert (await refusal_of(gate, a_call(charge, {"amount": 501}))).message.count(
        "At most 500 a charge."
    ) == 1
    assert (
        await outcome_of(gate, a_call(charge, {**good, "amount": -1}))
        == "/tools/create_charge/rules/daily-sum"
    )
    for _ in range(19):
        assert await outcome_of(gate, a_call(charge, good)) == "ok"
    assert await outcome_of(gate, a_call(charge, good)) == "/tools/create_charge/rules/hourly"
    clock.forward(3600)
    for _ in range(4):
        assert await outcome_of(gate, a_call(charge, good)) == "ok"
    assert await outcome_of(gate, a_call(charge, good)) == "/tools/create_charge/rules/daily-sum"
    assert (await refusal_of(gate, a_call("create_refund"))).decision == "ask"
    assert await outcome_of(gate, a_call("close_books")) == "/tools/close_books/rules/never"
    assert await outcome_of(gate, a_call("list_charges")) == "ok"
    assert await outcome_of(gate, a_call("unheard_of")) == "(default deny)"
    assert await outcome_of(gate, a_call("delete_account")) == "(hidden)"
    image = "generate_image"
    assert await outcome_of(gate, a_call(image, price=0.6)) == "/tools/generate_image/spend/per_call"
    for _ in range(9):
        assert await outcome_of(gate, a_call(image, price=0.5)) == "ok"
    assert await outcome_of(gate, a_call(image, price=0.5)) == "/tools/generate_image/rules/few"
