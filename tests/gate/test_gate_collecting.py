"""Calls that collect what an earlier call began: free and not asked about, but judged like any other."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from gate_support import HandClock, outcome_of, policy, records, refusal_of

from alya_mcp.gate import ApprovalNeeded, Audit, Call, Gate, InvalidArguments, MemoryState, Policy
from alya_mcp.gate.policy.source import PolicySource
from alya_mcp.gate.simulation.records import read_records
from alya_mcp.gate.simulation.rehearsal import Facts
from alya_mcp.gate.simulation.replay import replay

pytestmark = pytest.mark.anyio

ASKS: dict[str, Any] = {"action": "require_approval"}
RULE = "/tools/draw/action"


class Source:
    """A policy that a test edits."""

    error = None

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def current(self) -> Policy:
        return self.policy


class Bench:
    """A gate, and work that calls began: `job` names the policy under which each did."""

    def __init__(self, folder: Path, **rules: Any) -> None:
        self.source = Source(policy({"draw": rules}))
        self.clock = HandClock()
        self.state = MemoryState(self.clock)
        self.folder = folder
        source: PolicySource = self.source
        self.gate = Gate(source, self.state, Audit(folder, self.state, self.clock), self.clock)
        self.jobs = {"began": self.source.policy.digest}

    def call(self, job: str | None = None, **rest: Any) -> Call:
        arguments = {"prompt": "a circle"} if job is None else {"prompt": "a circle", "job": job}
        return Call(
            tool="draw", arguments=arguments, session="s", price=1.0, collects=self.collects, **rest
        )  # fmt: skip

    def collects(self, arguments: Mapping[str, Any], _policy: str) -> str | None:
        job = arguments.get("job")
        if job is None:
            return None
        if job not in self.jobs:
            raise InvalidArguments("no such job", "no such job")
        return self.jobs[job]


async def test_the_user_is_asked_for_the_work_and_not_for_collecting_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **ASKS)
    assert await outcome_of(bench.gate, bench.call()) == RULE
    for _ in range(2):
        assert await outcome_of(bench.gate, bench.call("began")) == "ok"
    assert bench.gate.decide(bench.call("began")).decision == "allow"
    assert await outcome_of(bench.gate, bench.call("unknown")) == "(invalid arguments)"
    *_, decided, settled, refused = records(tmp_path)
    assert decided["message"] == "collects what an earlier call began"
    assert "approval" not in decided
    assert (settled["outcome"], settled["usd"], refused["decision"]) == ("ok", 0, "deny")


async def test_a_price_and_a_sum_count_each_of_the_things_that_a_call_makes_and_all_of_them_or_none(
    tmp_path: Path,
) -> None:
    sum_of = {"counter": "pictures", "max": 10, "window": 60, "amount": "args.count"}
    bench = Bench(tmp_path, budget={"max_usd": 0.5, "window": "day"}, limits=[sum_of])

    def making(count: int, job: str | None = None) -> Call:
        call = bench.call(job)
        return replace(call, arguments={**call.arguments, "count": count}, price=0.1, priced_per="count")

    assert await outcome_of(bench.gate, making(3)) == "ok"
    spent = await refusal_of(bench.gate, making(3))
    assert (spent.rule, spent.retry_after) == ("/tools/draw/budget", 86_400)
    assert "0.2 USD left" in spent.message
    assert await outcome_of(bench.gate, making(9, "began")) == "ok"  # what it collects was counted before
    assert await outcome_of(bench.gate, making(2)) == "ok"
    bench.source.policy = policy({"draw": {"limits": [sum_of]}})
    pictures = await refusal_of(bench.gate, making(6))
    assert (pictures.rule, pictures.retry_after) == ("/tools/draw/limits/pictures", 60)
    assert "5 of args.count left" in pictures.message
    log = records(tmp_path)
    assert [each.get("units") for each in log if "decision" in each] == [3, 3, None, 2, 6]
    assert [each["usd"] for each in log if "outcome" in each] == [0.3, 0, 0.2]
    tools = {"draw": {"limits": [{**sum_of, "max": 4}]}}
    facts = Facts(price=0.1, priced_per="count")
    found = await replay(read_records(tmp_path), policy(tools), lambda _: facts)
    assert [(each.record["seq"], each.now.rule) for each in found.changes] == [
        (6, "/tools/draw/limits/pictures")
    ]
    assert not found.unjudged


async def test_collecting_is_free_and_passes_a_spent_budget(tmp_path: Path) -> None:
    bench = Bench(tmp_path, budget={"max_usd": 1, "window": "day"})
    assert await outcome_of(bench.gate, bench.call()) == "ok"
    assert await outcome_of(bench.gate, bench.call("began")) == "ok"
    assert await outcome_of(bench.gate, bench.call()) == "/tools/draw/budget"
    assert [usage.usd for usage in bench.gate.usage("local")] == [1.0]


@pytest.mark.parametrize(
    ("rules", "rule"),
    [
        ({"rate_limit": {"max": 1, "window": 60}}, "/tools/draw/rate_limit"),
        ({"max_repeats": {"max": 1, "window": 60}}, "/tools/draw/max_repeats"),
        ({**ASKS, "max_repeats": {"max": 1, "window": 60}}, "/tools/draw/max_repeats"),
        ({**ASKS, "limits": [{"counter": "n", "max": 1, "window": "day"}]}, "/tools/draw/limits/n"),
        (
            {"require": [{"path": "args.job", "op": "eq", "value": "x"}]},
            "/tools/draw/require/args.job-eq",
        ),
    ],
    ids=["rate_limit", "max_repeats", "asked about", "limits", "require"],
)
async def test_every_other_rule_holds(tmp_path: Path, rules: dict[str, Any], rule: str) -> None:
    bench = Bench(tmp_path, **rules)
    await outcome_of(bench.gate, bench.call("began"))
    assert await outcome_of(bench.gate, bench.call("began")) == rule


async def test_under_another_policy_the_user_is_asked(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.source.policy = policy({"draw": ASKS})
    assert await outcome_of(bench.gate, bench.call("began")) == RULE
    bench.source.policy = policy({"draw": {"action": "deny"}})
    assert await outcome_of(bench.gate, bench.call("began")) == RULE
    bench.source.policy = policy({"draw": {}}, hide=["draw"])
    assert await outcome_of(bench.gate, bench.call("began")) == "(hidden)"


async def test_a_no_for_the_session_that_was_given_since_holds(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **ASKS, approval={"who": "session"})
    assert await outcome_of(bench.gate, bench.call("began")) == "ok"
    with pytest.raises(ApprovalNeeded) as needed:
        await bench.gate.call(bench.call(), anyio.sleep)  # type: ignore[arg-type] - never run
    assert needed.value.id is not None
    bench.state.approvals.answer(needed.value.id, "no")
    assert await outcome_of(bench.gate, bench.call("began")) == RULE


async def test_in_shadow_nothing_is_noted_of_a_question_that_would_not_be_put(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **ASKS, mode="shadow")
    assert await outcome_of(bench.gate, bench.call()) == "ok"
    assert await outcome_of(bench.gate, bench.call("began")) == "ok"
    asked, _, collected, _ = records(tmp_path)
    assert asked["mode"] == "shadow"
    assert collected["mode"] == "enforce"


async def test_a_delivery_is_checked_without_what_was_collected(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **ASKS)
    collecting = bench.call("began")
    assert await outcome_of(bench.gate, collecting) == "ok"
    bench.jobs.clear()
    bench.gate.check_delivery(collecting)
    assert len(records(tmp_path)) == 2
