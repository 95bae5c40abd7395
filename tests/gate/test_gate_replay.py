"""`policy replay`: what another policy would have said to the calls in a log that a real gate wrote."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from gate_support import HandClock, log_files

from alya_mcp.gate import (
    Audit,
    AuditError,
    Call,
    Gate,
    InvalidArguments,
    MemoryState,
    Policy,
    Refused,
    ToolError,
)
from alya_mcp.gate.simulation.records import read_records
from alya_mcp.gate.simulation.rehearsal import Facts
from alya_mcp.gate.simulation.replay import Replayed, replay


class Past:
    """A gate with a log, under a policy of some time ago."""

    def __init__(self, folder: Path, **policy: Any) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.state = MemoryState(self.clock)
        self.audit = Audit(folder / "audit", self.state, self.clock)
        self.policy = Policy.parse({"version": "1", "default": "allow", **policy})
        self.gate = Gate(self.policy, self.state, self.audit, self.clock)

    async def call(
        self,
        tool: str = "draw",
        *,
        seconds: float = 0,
        fails: bool = False,
        unfit: bool = False,
        says: str | None = None,
        **rest: Any,
    ) -> str:
        """Make a call that takes that long, and tell its decision."""

        async def handler(_: Mapping[str, Any]) -> None:
            self.clock.forward(seconds)
            if fails:
                raise ToolError("failed")

        async def answer(_: object) -> Any:
            return says

        def validate(arguments: Any) -> Any:
            if unfit:
                raise InvalidArguments("no")
            return arguments

        call = Call(**{"tool": tool, "arguments": {}, "session": "s1", "validate": validate, **rest})
        try:
            await self.gate.call(call, handler, ask=None if says is None else answer)
        except Refused as refused:
            return refused.decision.decision
        except ToolError:
            return "allow"
        return "allow"

    def say_yes(self) -> None:
        """A person's yes to the one question that waits."""
        ((asked, _),) = self.state.approvals.all()
        self.state.approvals.answer(asked.id, "yes")

    async def replayed(self, facts: Facts | None = None, **policy: Any) -> Replayed:
        new = Policy.parse({"version": "1", "default": "allow", **policy})
        return await replay(read_records(self.folder / "audit"), new, lambda _: facts or Facts(price=0.0))


@pytest.fixture
def past(tmp_path: Path) -> Callable[..., Past]:
    return lambda **policy: Past(tmp_path, **policy)


def changed(found: Replayed) -> list[tuple[str, str, str]]:
    return [(each.record["decision"], each.now.decision, each.now.rule) for each in found.changes]


@pytest.mark.anyio
async def test_the_same_policy_changes_nothing_whatever_it_says(past: Callable[..., Past]) -> None:
    rules = {
        "tools": {
            "draw": {
                "require": [{"path": "args.size", "op": "lt", "value": 9}],
                "rate_limit": {"max": 2, "window": 60},
                "max_repeats": {"max": 3, "window": 60},
            },
            "buy": {"action": "require_approval"},
            "off": {"action": "deny"},
        }
    }
    old = past(**rules)
    small, large = {"size": 1}, {"size": 10}
    for arguments in (small, small, large, small, small):
        await old.call(arguments=arguments)
    old.clock.forward(61)
    assert await old.call(arguments=small) == "allow"
    for tool, says in (("buy", "accept"), ("buy", "decline"), ("buy", None), ("off", None)):
        await old.call(tool, says=says)
    await old.call("off", grant=None)
    await old.call(unfit=True)
    await old.call("draw2", known=False)
    found = await old.replayed(**rules)
    assert (changed(found), found.unjudged, found.skipped) == ([], {}, 0)
    assert found.calls == found.same == 15


@pytest.mark.anyio
async def test_a_tighter_limit_is_counted_at_the_times_of_the_log(past: Callable[..., Past]) -> None:
    old = past()
    for _ in range(4):
        await old.call()
        old.clock.forward(20)
    found = await old.replayed(tools={"draw": {"rate_limit": {"max": 2, "window": 60}}})
    assert changed(found) == [("allow", "deny", "/tools/draw/rate_limit")]
    assert found.changes[0].record["seq"] == 5
    assert (found.calls, found.same) == (4, 3)


@pytest.mark.anyio
async def test_a_wider_policy_lets_through_what_was_refused(past: Callable[..., Past]) -> None:
    old = past(default="deny")
    await old.call()
    await old.call(grant=None)
    found = await old.replayed()
    assert changed(found) == [("deny", "allow", "")]
    assert found.unchecked == 1


@pytest.mark.anyio
async def test_budgets_count_recorded_successes_only(past: Callable[..., Past]) -> None:
    old = past()
    for fails in (True, False, False):
        await old.call(fails=fails, price=1.0)
    budget = {"draw": {"budget": {"max_usd": 1, "window": "day"}}}
    found = await old.replayed(Facts(price=1.0), tools=budget)
    assert changed(found) == [("allow", "deny", "/tools/draw/budget")]
    assert found.changes[0].record["seq"] == 5
    unpriced = await old.replayed(Facts(), tools=budget)
    assert unpriced.unjudged == {("/tools/draw/budget",): 3}


@pytest.mark.anyio
async def test_calls_that_overlapped_meet_a_cap_on_calls_in_flight(past: Callable[..., Past]) -> None:
    old = past()

    async def outer(_: Mapping[str, Any]) -> None:
        await old.call("inner")

    await old.gate.call(Call(tool="outer", arguments={}, session="s1"), outer)
    await old.call("after")
    found = await old.replayed(all_tools={"max_concurrent": 1})
    assert [each.record["tool"] for each in found.changes] == ["inner"]
    assert changed(found) == [("allow", "deny", "/all_tools/max_concurrent")]


@pytest.mark.anyio
async def test_loop_caps_are_judged_by_digests_of_arguments(past: Callable[..., Past]) -> None:
    old = past()
    for size in (1, 2, 1, 1):
        await old.call(arguments={"size": size})
    found = await old.replayed(tools={"draw": {"max_repeats": {"max": 2, "window": 60}}})
    assert changed(found) == [("allow", "deny", "/tools/draw/max_repeats")]
    assert found.changes[0].record["seq"] == 7


@pytest.mark.anyio
async def test_rules_that_need_a_value_are_named_and_never_guessed(past: Callable[..., Past]) -> None:
    old = past()
    await old.call(arguments={"size": 1, "url": "https://example.org"})
    await old.call("other")
    entry = {
        "require": [{"path": "args.size", "op": "lt", "value": 9}],
        "limits": [{"counter": "pixels", "max": 100, "window": "day", "amount": "args.size"}],
    }
    found = await old.replayed(tools={"draw": entry})
    rules = ("/tools/draw/require/args.size-lt", "/tools/draw/limits/pixels")
    assert (changed(found), found.unjudged, found.same) == ([], {rules: 1}, 1)
    denied = await old.replayed(tools={"draw": {**entry, "action": "deny"}})
    assert changed(denied) == [("allow", "deny", "/tools/draw/action")]
    always = await old.replayed(tools={"draw": {**entry, "deny_if": [{"conditions": []}]}})
    assert changed(always) == [("allow", "deny", "/tools/draw/deny_if/0")]


@pytest.mark.anyio
async def test_redacted_arguments_cannot_be_told_apart_by_a_loop_cap(past: Callable[..., Past]) -> None:
    old = past(tools={"draw": {"redact": {"arguments": ["secret"]}}})
    for secret in "ab":
        await old.call(arguments={"secret": secret})
    found = await old.replayed(tools={"draw": {"max_repeats": {"max": 1, "window": 60}}})
    assert found.unjudged == {("/tools/draw/max_repeats",): 2}


@pytest.mark.anyio
async def test_what_a_person_said_is_said_again_and_nothing_else_is_put_into_their_mouth(
    past: Callable[..., Past],
) -> None:
    asks = {"draw": {"action": "require_approval"}}
    old = past(tools=asks)
    assert await old.call(says="accept") == "allow"
    assert await old.call(says="decline") == "deny"
    await old.call("other")
    both = {"draw": {"action": "require_approval", "reason": "new"}, "other": {"action": "require_approval"}}
    found = await old.replayed(tools=both)
    assert changed(found) == [("allow", "ask", "/tools/other/action")]
    free = await old.replayed()
    assert changed(free) == [("ask", "allow", ""), ("ask", "allow", ""), ("deny", "allow", "")]
    capped = {"draw": {"action": "require_approval", "max_repeats": {"max": 2, "window": 60}}}
    assert changed(await old.replayed(tools=capped)) == []


def asks(who: str) -> dict[str, Any]:
    cap = {"max": 9, "window": 60}
    return {"draw": {"action": "require_approval", "approval": {"who": who}, "max_repeats": cap}}


@pytest.mark.anyio
async def test_a_no_stays_a_no_where_another_rule_asks(past: Callable[..., Past]) -> None:
    old = past(tools={"draw": {"action": "require_approval"}})
    assert await old.call(says="decline") == "deny"
    assert await old.call(says="accept") == "deny"
    old.clock.forward(600)
    assert await old.call(says="accept") == "allow"
    by_category = {"Read": {"action": "require_approval"}}
    found = await old.replayed(Facts(price=0.0, category="Read"), categories=by_category)
    assert changed(found) == []


@pytest.mark.anyio
async def test_a_call_whose_question_was_kept_after_its_client_was_asked_is_one_call(
    past: Callable[..., Past],
) -> None:
    rules = {"tools": {"draw": {"action": "require_approval", "max_repeats": {"max": 1, "window": 60}}}}
    old = past(**rules)
    assert await old.call(says="cancel", request=1) == "ask"
    old.say_yes()
    assert await old.call(request=2) == "allow"
    assert changed(await old.replayed(**rules)) == []


@pytest.mark.anyio
async def test_a_yes_for_a_session_stays_with_the_session_that_asked(past: Callable[..., Past]) -> None:
    old = past(tools=asks("session"))
    assert await old.call(session="a") == "ask"
    assert await old.call(session="b", says="accept") == "allow"
    old.say_yes()
    assert await old.call(session="a") == "allow"
    assert changed(await old.replayed(tools=asks("session"))) == []


@pytest.mark.anyio
async def test_where_a_yes_is_for_a_session_another_session_would_be_asked(past: Callable[..., Past]) -> None:
    old = past(tools=asks("call"))
    assert await old.call(session="a") == "ask"
    old.say_yes()
    assert await old.call(session="b") == "allow"
    assert changed(await old.replayed(tools=asks("session"))) == [("allow", "ask", "/tools/draw/action")]


@pytest.mark.anyio
async def test_shadowed_rules_change_nothing_and_are_counted(past: Callable[..., Past]) -> None:
    old = past()
    for _ in range(3):
        await old.call()
    limit = {"max": 2, "window": 60, "mode": "shadow"}
    found = await old.replayed(tools={"draw": {"rate_limit": limit}})
    assert (changed(found), found.shadow) == ([], {"/tools/draw/rate_limit": 1})


@pytest.mark.anyio
async def test_one_file_and_damaged_lines_are_read_too(past: Callable[..., Past]) -> None:
    old = past()
    await old.call()
    (file,) = log_files(old.folder / "audit")
    new = Policy.parse({"version": "1", "default": "deny"})
    copy = old.folder / "copy.jsonl"
    copy.write_bytes(b'{"seq": 1}\nnothing\n[]\n' + file.read_bytes() + b'{"torn')
    found = await replay(read_records(copy), new, lambda _: Facts())
    assert changed(found) == [("allow", "deny", "(default deny)")]
    assert found.skipped == 1


@pytest.mark.parametrize("name", ["missing", "empty", "no-log"])
def test_what_holds_no_record_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "no-log").write_text("something else\n")
    with pytest.raises(AuditError, match=name):
        list(read_records(tmp_path / name))


def test_a_long_log_is_replayed_with_every_span_in_its_place(tmp_path: Path) -> None:
    """Of 300 calls, 1 s apart, a limit of 10 per 20 s lets the first 10 of every 20 pass."""
    old = Past(tmp_path)

    async def run() -> Replayed:
        for _ in range(300):
            await old.call()
            old.clock.forward(1)
        return await old.replayed(tools={"draw": {"rate_limit": {"max": 10, "window": 20}}})

    refused = {(each.record["seq"] - 1) // 2 for each in anyio.run(run).changes}
    assert refused == {second for second in range(300) if second % 20 >= 10}


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happened_the_policy_of_then_says_it_again(
    past: Callable[..., Past], seed: int
) -> None:
    rules = {
        "default": "deny",
        "hide": ["none"],
        "tools": {
            "draw": {
                "rate_limit": {"max": 4, "window": 30, "scope": "grant"},
                "max_repeats": {"max": 2, "window": 20},
                "deny_if": [{"conditions": [{"path": "args.size", "op": "gt", "value": 2}]}],
            },
            "buy": {"action": "require_approval", "budget": {"max_usd": 2, "window": 40}},
            "ask": {"action": "require_approval", "approval": {"who": "session", "expires": 50}},
        },
        "all_tools": {"limits": [{"counter": "all", "max": 9, "window": 60, "scope": "host"}]},
    }
    old, luck = past(**rules), random.Random(seed)
    for _ in range(80):
        await old.call(
            luck.choice(["draw", "draw", "buy", "ask", "other", "none"]),
            arguments={"size": luck.randrange(4)},
            session=luck.choice("ab"),
            grant=luck.choice(["kim", "lee", None]),
            price=1.0,
            fails=luck.random() < 0.3,
            unfit=luck.random() < 0.1,
            seconds=luck.randrange(3),
            says=luck.choice(["accept", "accept", "decline"]),
        )
        old.clock.forward(luck.randrange(8))
    found = await old.replayed(Facts(price=1.0), **rules)
    assert (changed(found), found.unjudged, found.skipped) == ([], {}, 0)
