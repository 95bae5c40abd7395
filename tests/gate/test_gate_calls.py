"""The way of a call: DESIGN section 3, and the rows of policy.md section 3 that apply to a single process."""

import json
import math
import types
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from gate_support import SECOND, HandClock, a_call, echo, outcome_of, policy, records, refusal_of
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.gate import (
    Audit,
    Call,
    Gate,
    InvalidArguments,
    MemoryState,
    Policy,
    PolicyFile,
    Refused,
    StateError,
    SystemClock,
    TimedOut,
    ToolError,
)
from alya_mcp.gate.state import Charge, MemoryLedger, Spent

pytestmark = pytest.mark.anyio

TWO_A_MINUTE = {"draw": {"rate_limit": {"max": 2, "window": 60}}}


def refuse_all(_: Mapping[str, Any]) -> Mapping[str, Any]:
    raise InvalidArguments(
        'prompt is missing; it takes a string of at most 2,000 characters, not "MY SECRET"'
    )


async def test_the_third_of_two_calls_a_minute_is_refused_with_rule_and_wait() -> None:
    clock = HandClock()
    gate = Gate(policy(TWO_A_MINUTE), clock=clock)
    assert await outcome_of(gate, a_call()) == "ok"
    clock.forward(19)
    assert await outcome_of(gate, a_call()) == "ok"
    refusal = await refusal_of(gate, a_call())
    assert refusal.message == "draw: 2 calls per 60 s reached (/tools/draw/rate_limit); next in 41 s"
    assert refusal.as_meta() == {
        "decision": "deny",
        "rule": "/tools/draw/rate_limit",
        "message": refusal.message,
        "retryAfter": 41.0,
        "policy": gate.policy.digest,
    }


@pytest.mark.parametrize("left", [1, 400_000, 500_000, 999_999, 1_000_001, 41 * SECOND])
async def test_a_call_passes_after_the_wait_that_its_refusal_names(left: int) -> None:
    clock = HandClock()
    gate = Gate(policy({"draw": {"rate_limit": {"max": 1, "window": 60}}}), clock=clock)
    assert await outcome_of(gate, a_call()) == "ok"
    clock.now += 60 * SECOND - left
    wait = (await refusal_of(gate, a_call())).as_meta()["retryAfter"]
    assert 0 < wait < left / SECOND + 0.002
    clock.forward(wait)
    assert await outcome_of(gate, a_call()) == "ok"


async def test_a_call_counts_until_exactly_one_window_later() -> None:
    """DESIGN, settled question on the span."""
    clock = HandClock()
    gate = Gate(policy({"draw": {"rate_limit": {"max": 1, "window": 60}}}), clock=clock)
    assert await outcome_of(gate, a_call()) == "ok"
    clock.now += 60 * 10**9 - 1
    assert await outcome_of(gate, a_call()) == "/tools/draw/rate_limit"
    clock.now += 1
    assert await outcome_of(gate, a_call()) == "ok"


async def test_the_first_refusal_wins_in_the_order_of_the_design() -> None:
    rules = {"rate_limit": {"max": 1, "window": 60}}
    clock = HandClock()

    def gate(tools: dict[str, Any], **rest: Any) -> Gate:
        return Gate(policy(tools, **rest), clock=clock)

    worst = {"known": False, "grant": None, "validate": refuse_all}
    hiding = gate({}, hide=["draw"])
    assert (await refusal_of(hiding, a_call(**worst))).rule == "(unknown tool)"
    assert (await refusal_of(hiding, a_call(validate=refuse_all))).rule == "(hidden)"
    assert (await refusal_of(hiding, a_call(grant=None, validate=refuse_all))).rule == "(no policy)"
    assert (await refusal_of(gate({}), a_call(validate=refuse_all))).rule == "(default deny)"
    denied = gate({"draw": {"action": "deny", **rules}})
    assert (await refusal_of(denied, a_call(validate=refuse_all))).rule == "/tools/draw/action"
    limited = gate({"draw": rules, "read": {}}, all_tools=rules)
    assert await outcome_of(limited, a_call()) == "ok"
    assert (await refusal_of(limited, a_call(validate=refuse_all))).rule == "(invalid arguments)"
    assert (await refusal_of(limited, a_call())).rule == "/tools/draw/rate_limit"
    assert (await refusal_of(limited, a_call("read"))).rule == "/all_tools/rate_limit"


async def test_an_unknown_and_a_hidden_tool_are_refused_in_the_same_words() -> None:
    gate = Gate(policy({"draw": {}}, hide=["draw"]))
    hidden = await refusal_of(gate, a_call())
    unknown = await refusal_of(gate, a_call(known=False))
    assert hidden.message == unknown.message == "Unknown tool: draw"


async def test_an_unknown_caller_has_nothing_hidden_and_everything_denied() -> None:
    gate = Gate(policy(hide=["*"], default="allow"))
    assert gate.hidden("draw")
    assert not gate.hidden("draw", grant=None)
    assert (await refusal_of(gate, a_call(grant=None))).rule == "(no policy)"
    assert gate.limits("s1", grant=None) == ()


async def test_default_allow_lets_unlisted_tools_through_under_the_limit_of_all() -> None:
    gate = Gate(policy(default="allow", all_tools={"rate_limit": {"max": 2, "window": 9}}), clock=HandClock())
    assert [await outcome_of(gate, a_call(name)) for name in "abc"] == ["ok", "ok", "/all_tools/rate_limit"]
    assert "2 calls of all tools per 9 s" in (await refusal_of(gate, a_call("z"))).message


async def test_a_denial_shows_the_reason_that_the_policy_gives() -> None:
    gate = Gate(policy({"wipe": {"action": "deny", "reason": "ask Kim first"}}))
    assert (await refusal_of(gate, a_call("wipe"))).message == "wipe: ask Kim first (/tools/wipe/action)"


@pytest.mark.parametrize("arguments", [[], "text", 3, [["prompt", "x"]]])
async def test_arguments_that_are_no_object_never_reach_a_handler(arguments: Any, tmp_path: Path) -> None:
    """policy.md section 3, row 1."""
    for audit in (None, Audit(tmp_path / "audit")):
        gate = Gate(policy({"draw": {}}), audit=audit)
        assert (await refusal_of(gate, Call(tool="draw", arguments=arguments, session="s"))).rule == (
            "(invalid arguments)"
        )


async def test_arguments_that_are_not_json_are_refused_when_they_must_be_logged(tmp_path: Path) -> None:
    gate = Gate(policy({"draw": {}}), audit=Audit(tmp_path / "audit"))
    refusal = await refusal_of(gate, a_call(arguments={"n": float("nan")}))
    assert (refusal.rule, "NaN" in refusal.message.replace("nan", "NaN")) == ("(invalid arguments)", True)
    assert records(tmp_path / "audit")[0]["arguments"] is None


@pytest.mark.parametrize("entry", [{"max_repeats": {"max": 1, "window": 60}}, {"action": "require_approval"}])
async def test_arguments_that_are_not_json_are_refused_where_they_must_be_told_apart(
    entry: dict[str, Any],
) -> None:
    gate = Gate(policy({"draw": entry}))
    assert await outcome_of(gate, a_call(arguments={"n": math.nan})) == "(invalid arguments)"
    assert gate.decide(a_call(arguments={"n": math.nan})).rule == "(invalid arguments)"


async def test_a_number_too_large_for_a_float_is_over_a_limit_like_any_other() -> None:
    gate = Gate(policy({"draw": {"limits": [{"counter": "n", "amount": "args.n", "max": 10, "window": 60}]}}))
    assert await outcome_of(gate, a_call(arguments={"n": 10**400})) == "/tools/draw/limits/n"
    assert await outcome_of(gate, a_call(arguments={"n": -(10**400)})) == "/tools/draw/limits/n"
    assert await outcome_of(gate, a_call(arguments={"n": 10})) == "ok"


async def test_the_handler_gets_exactly_what_was_judged() -> None:
    """policy.md section 3, row 19."""
    judged = {"prompt": "x", "steps": 4}
    seen: list[Any] = []

    async def handler(arguments: Mapping[str, Any]) -> None:
        seen.append(arguments)

    gate = Gate(policy({"draw": {}}))
    await gate.call(a_call(arguments={"prompt": "x"}, validate=lambda _: judged), handler)
    assert seen[0] is judged


async def test_invalid_arguments_spend_no_quota_and_their_values_reach_no_log(tmp_path: Path) -> None:
    gate = Gate(policy({"draw": {"rate_limit": {"max": 1, "window": 60}}}), audit=Audit(tmp_path / "audit"))
    for _ in range(3):
        refusal = await refusal_of(gate, a_call(arguments={"x": "MY SECRET"}, validate=refuse_all))
        assert "MY SECRET" in refusal.message
    assert await outcome_of(gate, a_call()) == "ok"
    text = "".join(path.read_text() for path in (tmp_path / "audit").iterdir())
    assert "MY SECRET" not in text
    assert text.count('"keys":["x"]') == 3


@pytest.mark.parametrize("wrong", [RuntimeError("bug"), KeyError("x"), RecursionError(), MemoryError()])
async def test_anything_unexpected_in_the_gate_is_a_denial(wrong: Exception) -> None:
    def broken(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise wrong

    gate = Gate(policy({"draw": {}}))
    call = a_call(validate=broken)
    refusal = await refusal_of(gate, call)
    assert refusal.rule == gate.decide(call).rule == "(gate error)"
    assert "bug" not in refusal.message


async def test_a_denial_by_an_error_of_the_gate_is_on_record_without_arguments(tmp_path: Path) -> None:
    def broken(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise RuntimeError("bug")

    state = MemoryState()
    gate = Gate(policy({"draw": {}}), state, Audit(tmp_path / "audit", state))
    await refusal_of(gate, a_call(arguments={"pin": 1234}, validate=broken))
    gate.decide(a_call(validate=broken))
    (record,) = records(tmp_path / "audit")
    assert (record["decision"], record["rule"], record["tool"]) == ("deny", "(gate error)", "draw")
    assert (record["keys"], record["arguments"]) == ([], None)
    assert [row.denied for row in gate.usage("local")] == [1]


@pytest.mark.parametrize("redact", [{}, {"arguments": ["pin"]}])
async def test_what_an_error_of_the_gate_says_stays_out_of_the_log_where_the_policy_redacts(
    redact: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        raise RuntimeError(f"can't read {arguments['pin']}")

    gate = Gate(policy({"draw": {"redact": redact}}))
    assert await outcome_of(gate, a_call(arguments={"pin": 1234}, validate=broken)) == "(gate error)"
    assert ("1234" in caplog.text) is not bool(redact)
    assert "RuntimeError" in caplog.text
    assert "in broken" in caplog.text


class Locked(MemoryLedger):
    def reserve(self, charges: Sequence[Charge]) -> int | Spent:
        raise StateError("the state file is locked")

    def first_spent(self, charges: Sequence[Charge]) -> Spent | None:
        raise StateError("the state file is locked")


class LockedState(MemoryState):
    def __init__(self) -> None:
        super().__init__()
        self.ledger = Locked(SystemClock())


async def test_a_denial_by_a_ledger_that_fails_is_on_record(tmp_path: Path) -> None:
    state = LockedState()
    limit = {"max": 2, "window": 60, "scope": "host"}
    gate = Gate(policy({"draw": {"rate_limit": limit}}), state, Audit(tmp_path / "audit", state))
    assert await outcome_of(gate, a_call()) == "(gate error)"
    assert [record["rule"] for record in records(tmp_path / "audit")] == ["(gate error)"]
    assert "locked" in str(gate.trouble)


async def test_a_clock_that_fails_is_a_denial() -> None:
    class Broken(HandClock):
        def monotonic_ns(self) -> int:
            raise OSError("no clock")

    assert (await refusal_of(Gate(policy(TWO_A_MINUTE), clock=Broken()), a_call())).rule == "(gate error)"


async def test_a_price_in_the_policy_is_what_budgets_count_and_usage_tells() -> None:
    budget = {"budget": {"max_usd": 1, "window": "day"}}
    gate = Gate(policy({"draw": budget, "gift": budget}, prices={"draw": 0.5, "gift": 0}))
    told = [
        await outcome_of(gate, a_call(tool, price=0.8)) for tool in ("draw", "draw", "draw", "gift", "gift")
    ]
    assert told == ["ok", "ok", "/tools/draw/budget", "ok", "ok"]
    assert {row.tool: row.usd for row in gate.usage("local")} == {"draw": 1.0, "gift": 0.0}
    assert gate.explain(a_call("draw", price=0.8)).decision.rule == "/tools/draw/budget"


@pytest.mark.parametrize("price", [-5.0, math.nan, math.inf])
async def test_a_price_that_is_no_sum_of_money_denies_and_gives_no_budget_back(price: float) -> None:
    gate = Gate(policy({"draw": {"budget": {"max_usd": 1, "window": "day"}}, "free": {}}))
    assert await outcome_of(gate, a_call(price=1.0)) == "ok"
    for tool in ("draw", "free"):
        assert await outcome_of(gate, a_call(tool, price=price)) == "(gate error)"
    assert await outcome_of(gate, a_call(price=1.0)) == "/tools/draw/budget"


class BrokenState(MemoryState):
    def ready(self) -> None:
        raise StateError("the file /home/kim/state.sqlite is damaged")


async def test_a_state_that_can_keep_nothing_denies_and_tells_the_path_only_to_the_person() -> None:
    """policy.md section 3, row 4."""
    gate = Gate(policy(TWO_A_MINUTE), state=BrokenState())
    refusal = await refusal_of(gate, a_call())
    assert refusal.rule == "(gate error)"
    assert "kim" not in refusal.message
    assert "kim" in str(gate.trouble)


async def test_every_refusal_names_a_rule() -> None:
    """policy.md section 3, row 8."""
    gate = Gate(policy(TWO_A_MINUTE, hide=["h"]), clock=HandClock())
    calls = [a_call(), a_call(), a_call(), a_call("h"), a_call("x"), a_call(known=False), a_call(grant=None)]
    outcomes = [await outcome_of(gate, call) for call in calls]
    assert outcomes[:2] == ["ok", "ok"]
    assert all(rule.startswith(("/", "(")) for rule in outcomes[2:])


async def test_failing_calls_are_counted_too() -> None:
    """policy.md section 3, row 7: a storm of failures isn't free."""

    async def failing(_: Mapping[str, Any]) -> None:
        raise ToolError("no")

    gate = Gate(policy(TWO_A_MINUTE), clock=HandClock())
    for _ in range(2):
        with pytest.raises(ToolError):
            await gate.call(a_call(), failing)
    assert (await refusal_of(gate, a_call())).rule == "/tools/draw/rate_limit"


async def test_one_session_does_not_spend_what_another_has() -> None:
    """policy.md section 3, row 14."""
    gate = Gate(policy(TWO_A_MINUTE), clock=HandClock())
    assert [await outcome_of(gate, a_call(session="a")) for _ in range(3)][2] != "ok"
    assert await outcome_of(gate, a_call(session="b")) == "ok"


async def test_a_refused_call_takes_nothing_from_any_limit() -> None:
    clock = HandClock()
    rules = {"a": {"rate_limit": {"max": 1, "window": 60}}, "b": {}}
    gate = Gate(policy(rules, all_tools={"rate_limit": {"max": 2, "window": 60}}), clock=clock)
    assert await outcome_of(gate, a_call("a")) == "ok"
    for _ in range(5):
        assert await outcome_of(gate, a_call("a")) == "/tools/a/rate_limit"
    assert await outcome_of(gate, a_call("b")) == "ok"
    assert await outcome_of(gate, a_call("b")) == "/all_tools/rate_limit"


async def test_decide_and_explain_change_nothing(tmp_path: Path) -> None:
    state = MemoryState()
    gate = Gate(policy(TWO_A_MINUTE), state, Audit(tmp_path / "audit", state), HandClock())
    for _ in range(5):
        assert gate.decide(a_call()).decision == "allow"
        assert gate.explain(a_call()).decision.decision == "allow"
    assert not (tmp_path / "audit").exists()
    assert gate.usage("local") == ()
    assert gate.limits("s1")[0].left == 2


STEPS = st.fixed_dictionaries(
    {},
    optional={
        "known": st.booleans(),
        "grant": st.sampled_from([None, "local"]),
        "validate": st.sampled_from([None, refuse_all, dict]),
        "tool": st.sampled_from(["draw", "wipe", "read", "other"]),
    },
)


@given(st.lists(STEPS, max_size=8), st.sampled_from(["allow", "deny"]), st.booleans(), st.booleans())
def test_the_trace_and_the_call_agree_with_decide(
    calls: list[dict[str, Any]], default: str, hide: bool, limit_all: bool
) -> None:
    rest: dict[str, Any] = {"hide": ["read"]} if hide else {}
    if limit_all:
        rest["all_tools"] = {"rate_limit": {"max": 3, "window": 60}}
    rules = {**TWO_A_MINUTE, "wipe": {"action": "deny"}, "read": {}}
    gate = Gate(policy(rules, default, **rest), clock=HandClock())
    for fields in calls:
        call = a_call(**fields)
        decided = gate.decide(call)
        trace = gate.explain(call)
        refused = [step.rule for step in trace.steps if not step.held]
        assert (refused[0] if refused else "") == decided.rule == trace.decision.rule
        assert anyio.run(outcome_of, gate, call) == (decided.rule or "ok")


@pytest.mark.parametrize(
    ("call", "readable", "rule"),
    [
        (a_call(arguments=[]), True, "(invalid arguments)"),
        (a_call(known=False, grant=None), True, "(unknown tool)"),
        (a_call(), False, "(no policy)"),
    ],
)
def test_the_trace_ends_the_admission_of_a_call_where_decide_does(
    call: Call, readable: bool, rule: str
) -> None:
    """A call without an object, and a policy that can't be read, were refused by no step of the trace."""
    conditions = {"draw": {"require": [{"path": "args.n", "op": "lt", "value": 4}]}}
    gate = Gate(policy(conditions, "allow") if readable else Policy.unavailable())
    trace = gate.explain(call)
    refused = [step.rule for step in trace.steps if not step.held]
    assert refused[0] == gate.decide(call).rule == trace.decision.rule == rule


def broken_validation(_: Mapping[str, Any]) -> Mapping[str, Any]:
    raise RuntimeError("bug")


NOT_JSON = a_call(arguments={"n": math.nan, "pin": math.nan})


@pytest.mark.parametrize(
    ("entry", "logged", "call", "rule"),
    [
        ({"max_repeats": {"max": 9, "window": 60}}, False, NOT_JSON, "(invalid arguments)"),
        ({"action": "require_approval"}, False, NOT_JSON, "(invalid arguments)"),
        ({"rate_limit": {"max": 1, "window": 60}}, True, NOT_JSON, "(invalid arguments)"),
        ({"redact": {"arguments": ["n", "pin"]}}, True, NOT_JSON, ""),
        ({}, False, NOT_JSON, ""),
        ({}, False, a_call(price=-1.0), "(gate error)"),
        ({}, False, a_call(validate=broken_validation), "(gate error)"),
    ],
)
async def test_the_trace_has_the_step_that_decides_a_call(
    entry: dict[str, Any], logged: bool, call: Call, rule: str, tmp_path: Path
) -> None:
    """Arguments that are not JSON, and errors of the gate, were refused by no step of the trace."""
    state = MemoryState()
    audit = Audit(tmp_path / "audit", state) if logged else None
    gate = Gate(policy({"draw": entry}), state, audit, HandClock())
    if "rate_limit" in entry:  # a spent limit comes after the arguments
        assert await outcome_of(gate, a_call()) == "ok"
    trace = gate.explain(call)
    refused = [step.rule for step in trace.steps if not step.held]
    assert (refused[0] if refused else "") == trace.decision.rule == gate.decide(call).rule == rule
    assert await outcome_of(gate, call) == (rule or "ok")


async def test_the_trace_of_a_call_that_the_state_can_not_count_ends_in_an_error_of_the_gate() -> None:
    limit = {"max": 2, "window": 60, "scope": "host"}
    trace = Gate(policy({"draw": {"rate_limit": limit}}), LockedState()).explain(a_call())
    assert trace.decision.rule == trace.steps[-1].rule == "(gate error)"
    assert [step.held for step in trace.steps[-2:]] == [True, False]


async def test_an_explanation_finds_a_value_where_the_condition_does() -> None:
    """A name may hold dots itself; the trace called what the condition had found missing."""
    gate = Gate(policy({"draw": {"require": [{"path": "args.a.b", "op": "eq", "value": 1}]}}))
    for arguments in ({"a.b": 1}, {"a": {"b": 1}}):
        (step,) = [each for each in gate.explain(a_call(arguments=arguments)).steps if "require" in each.rule]
        assert (step.seen, step.held) == ("args.a.b is 1", True)


async def test_an_explanation_says_what_each_rule_saw() -> None:
    gate = Gate(policy(TWO_A_MINUTE), clock=HandClock())
    await outcome_of(gate, a_call())
    last = gate.explain(a_call()).steps[-1]
    assert (last.rule, last.seen, last.held) == ("/tools/draw/rate_limit", "1 call in the last 60 s", True)
    assert gate.explain(a_call("x")).steps[5].seen == 'no entry, and "default" is "deny"'


async def test_limits_show_what_a_session_has_left() -> None:
    clock = HandClock()
    gate = Gate(policy(TWO_A_MINUTE, all_tools={"rate_limit": {"max": 9, "window": 0.5}}), clock=clock)
    await outcome_of(gate, a_call())
    clock.forward(20)
    await outcome_of(gate, a_call())
    rows = [(r.tool, r.rule, r.max, r.window_s, r.left, r.resets_in) for r in gate.limits("s1")]
    assert rows == [
        ("draw", "/tools/draw/rate_limit", 2, 60, 0, 40.0),
        (None, "/all_tools/rate_limit", 9, 0.5, 8, 0.5),
    ]
    assert [row.left for row in gate.limits("other")] == [2, 9]


async def test_hundreds_of_calls_at_once_never_pass_more_than_the_limit() -> None:
    gate = Gate(policy({"draw": {"rate_limit": {"max": 7, "window": 3600}}}))
    ran = 0
    refused = 0

    async def handler(_: Mapping[str, Any]) -> None:
        nonlocal ran
        ran += 1
        await anyio.lowlevel.checkpoint()

    async def one() -> None:
        nonlocal refused
        try:
            await gate.call(a_call(), handler)
        except Refused:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(400):
            group.start_soon(one)
    assert (ran, refused) == (7, 393)


class Logged:
    """A gate with a log, and what its log and its state say of the last call."""

    def __init__(self, folder: Path) -> None:
        self.state = MemoryState()
        self.folder = folder / "audit"
        self.gate = Gate(policy({"draw": {}}), self.state, Audit(self.folder, self.state))

    def settled(self) -> tuple[str, float]:
        found = [record for record in records(self.folder) if "outcome" in record]
        assert len(found) == 1
        assert found[0]["decided"] == 1
        assert found[0]["ms"] >= 0
        return found[0]["outcome"], found[0]["usd"]

    def counted(self) -> tuple[int, int, int, float]:
        (row,) = self.gate.usage("local")
        return row.calls, row.ok, row.errors, row.usd


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(tmp_path)


async def test_a_success_is_settled_once_and_charged(logged: Logged) -> None:
    assert await logged.gate.call(a_call(price=0.5), echo) == {"echo": {}}
    assert logged.settled() == ("ok", 0.5)
    assert logged.counted() == (1, 1, 0, 0.5)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ToolError("no"), "error"), (TimedOut("late"), "timeout"), (ValueError("bug"), "crash")],
)
async def test_a_failure_is_settled_once_free_of_charge_and_passed_on(
    logged: Logged, error: Exception, outcome: str
) -> None:
    async def handler(_: Mapping[str, Any]) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await logged.gate.call(a_call(price=0.5), handler)
    assert caught.value is error
    assert logged.settled() == (outcome, 0.0)
    assert logged.counted() == (1, 0, 1, 0.0)


async def test_a_result_that_reports_an_error_is_settled_as_one(logged: Logged) -> None:
    await logged.gate.call(a_call(price=0.5), echo, failed=lambda result: "echo" in result)
    assert logged.settled() == ("error", 0.0)


async def test_a_result_that_can_not_be_cleaned_is_settled_as_an_error(logged: Logged) -> None:
    def clean(_: object) -> Any:
        raise ToolError("too large")

    with pytest.raises(ToolError, match="too large"):
        await logged.gate.call(a_call(), echo, clean=clean)
    assert logged.settled() == ("error", 0.0)


async def test_a_result_leaves_cleaned(logged: Logged) -> None:
    assert await logged.gate.call(a_call(), echo, clean=lambda result: {**result, "clean": True}) == {
        "echo": {},
        "clean": True,
    }


async def test_a_handler_is_stopped_at_its_deadline(logged: Logged) -> None:
    stopped = False

    async def handler(_: Mapping[str, Any]) -> None:
        nonlocal stopped
        try:
            await anyio.sleep_forever()
        finally:
            stopped = True

    with pytest.raises(TimedOut, match=r"0\.01 s"):
        await logged.gate.call(a_call(), handler, deadline=0.01)
    assert stopped
    assert logged.settled() == ("timeout", 0.0)


async def test_a_handler_within_its_deadline_returns(logged: Logged) -> None:
    assert await logged.gate.call(a_call(), echo, deadline=60) == {"echo": {}}
    assert logged.settled() == ("ok", 0.0)


async def test_a_cancelled_call_is_settled_once_and_stays_cancelled(logged: Logged) -> None:
    started = anyio.Event()

    async def handler(_: Mapping[str, Any]) -> None:
        started.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as group:
        group.start_soon(logged.gate.call, a_call(price=0.5), handler)
        await started.wait()
        group.cancel_scope.cancel()
    assert logged.settled() == ("cancelled", 0.0)
    assert logged.counted() == (1, 0, 1, 0.0)


@types.coroutine
def waiting() -> Generator[None]:
    """Wait for ever, on no event loop's terms."""
    while True:
        yield


@pytest.mark.parametrize("deadline", [None, 60.0])
def test_a_call_that_is_closed_after_its_event_loop_frees_what_it_held(deadline: float | None) -> None:
    async def handler(_: Mapping[str, Any]) -> None:
        await waiting()

    async def begin() -> None:
        left.send(None)

    gate = Gate(policy({"draw": {"max_concurrent": 1, "budget": {"max_usd": 1, "window": 60}}}))
    left = gate.call(a_call(price=1.0), handler, deadline=deadline)
    anyio.run(begin)
    assert gate.decide(a_call(price=1.0)).rule == "/tools/draw/max_concurrent"
    try:
        left.close()
    except RuntimeError:  # what a deadline's scope says to it
        pass
    assert gate.decide(a_call(price=1.0)).decision == "allow"


class Forgetful(MemoryState):
    """Keeps no outcome."""

    def note_settled(self, grant: str, session: str, tool: str, time_ns: int, ok: bool, usd: float) -> None:
        raise StateError("the disk is full")


@pytest.mark.parametrize("error", [ToolError("the secret answer"), TimedOut("late")])
async def test_a_failure_that_can_not_be_recorded_is_withheld(error: Exception) -> None:
    async def handler(_: Mapping[str, Any]) -> None:
        raise error

    gate = Gate(policy({"draw": {}}), Forgetful())
    with pytest.raises(Refused, match="withheld") as refused:
        await gate.call(a_call(), handler)
    assert refused.value.decision.rule == "(gate error)"


async def test_a_call_that_a_handler_cancels_with_its_own_deadline_is_not_a_time_out(logged: Logged) -> None:
    async def handler(_: Mapping[str, Any]) -> None:
        with anyio.fail_after(0.01):
            await anyio.sleep_forever()

    with pytest.raises(TimeoutError):
        await logged.gate.call(a_call(), handler)
    assert logged.settled()[0] == "crash"


async def test_a_call_sees_one_policy_from_start_to_end(tmp_path: Path) -> None:
    """policy.md section 3, row 10, while calls run and the file is replaced or written into."""
    path = tmp_path / "policy.json"
    open_policy = {"version": "1", "default": "deny", "tools": TWO_A_MINUTE}
    closed_policy = {**open_policy, "tools": {"draw": {"action": "deny"}}}
    path.write_text(json.dumps(open_policy))
    source = PolicyFile(path)
    state = MemoryState()
    gate = Gate(source, state, Audit(tmp_path / "audit", state), HandClock())
    first = gate.policy.digest

    async def handler(_: Mapping[str, Any]) -> str:
        draft = tmp_path / "draft.json"
        draft.write_text(json.dumps(closed_policy))
        draft.replace(path)
        source.refresh()
        return "done"

    assert await gate.call(a_call(), handler) == "done"
    assert gate.policy.digest != first
    refusal = await refusal_of(gate, a_call())
    assert refusal.rule == "/tools/draw/action"
    logged = records(tmp_path / "audit")
    assert [record.get("policy") for record in logged] == [first, None, gate.policy.digest]
    path.write_text(json.dumps(open_policy))
    source.refresh()
    assert await outcome_of(gate, a_call()) == "ok"
    assert await outcome_of(gate, a_call()) == "/tools/draw/rate_limit"


async def test_an_edit_is_seen_by_the_next_calls_without_a_refresh(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"version": "1", "default": "deny"}))
    gate = Gate(PolicyFile(path))
    assert await outcome_of(gate, a_call()) == "(default deny)"
    path.write_text(json.dumps({"version": "1", "default": "allow"}))
    with anyio.fail_after(10):
        while await outcome_of(gate, a_call()) != "ok":  # noqa: ASYNC110 - a file tells nobody that it changed
            await anyio.sleep(0.005)


async def test_an_invalid_edit_keeps_the_old_policy_and_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"version": "1", "default": "deny", "tools": {"draw": {}}}))
    source = PolicyFile(path)
    gate = Gate(source)
    path.write_text('{"version": "1", "defualt": "allow"}')
    source.refresh()
    assert await outcome_of(gate, a_call()) == "ok"
    assert '"default" is missing' in str(gate.policy_error)


@pytest.mark.parametrize(
    "edit", [{"max": 3, "window": 60}, {"max": 2, "window": 3600}, {"max": 1, "window": 60}]
)
async def test_counters_survive_an_edit_of_the_policy(tmp_path: Path, edit: dict[str, Any]) -> None:
    path = tmp_path / "policy.json"
    clock = HandClock()
    base = {"version": "1", "default": "deny"}
    path.write_text(json.dumps({**base, "tools": {"draw": {"rate_limit": {"max": 2, "window": 60}}}}))
    source = PolicyFile(path)
    gate = Gate(source, clock=clock)
    assert [await outcome_of(gate, a_call()) for _ in range(2)] == ["ok", "ok"]
    path.write_text(json.dumps({**base, "tools": {"draw": {"rate_limit": edit}}}))
    source.refresh()
    left = edit["max"] - 2
    assert [await outcome_of(gate, a_call()) for _ in range(2)].count("ok") == max(0, left)
    clock.forward(61)
    assert (await outcome_of(gate, a_call()) == "ok") == (edit["window"] == 60)


async def test_usage_is_counted_by_tool_and_unknown_and_hidden_names_share_a_row() -> None:
    gate = Gate(policy({"draw": {"rate_limit": {"max": 1, "window": 60}}}, hide=["z"]), clock=HandClock())
    names = (a_call("x" * 999, known=False), a_call("y", known=False), a_call("z"))
    for call in (a_call(price=0.1), a_call(), *names):
        await outcome_of(gate, call)
    rows = [(row.tool, row.calls, row.ok, row.denied, row.usd) for row in gate.usage("local")]
    assert rows == [("(unknown)", 0, 0, 3, 0.0), ("draw", 1, 1, 1, 0.1)]
