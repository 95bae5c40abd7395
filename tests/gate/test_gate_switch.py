"""The kill switch: every call is denied from the next one on, by every gate of the state."""

from pathlib import Path

import anyio
import pytest
from gate_support import a_call, echo, outcome_of, policy, records, refusal_of

from alya_mcp.gate import ApprovalNeeded, Audit, FileSwitch, Gate, MemoryState, Policy
from alya_mcp.gate.call import Said

pytestmark = pytest.mark.anyio

ASKS = policy({"draw": {"action": "require_approval", "max_repeats": {"max": 1, "window": 60}}})


async def test_calls_are_denied_while_the_file_is_there_and_each_denial_is_logged(tmp_path: Path) -> None:
    state, switch = MemoryState(), FileSwitch(tmp_path / "stopped")
    first = Gate(policy(default="allow"), state, Audit(tmp_path / "audit", state), switch=switch)
    second = Gate(policy(default="allow"), state, switch=FileSwitch(switch.path))
    assert [await outcome_of(gate, a_call()) for gate in (first, second)] == ["ok", "ok"]
    switch.path.touch()
    assert [await outcome_of(gate, a_call()) for gate in (first, second)] == ["(stopped)"] * 2
    refusal = await refusal_of(first, a_call())
    assert (refusal.decision, refusal.retry_after) == ("deny", None)
    assert "alya-mcp resume" in refusal.message
    assert first.decide(a_call()).rule == "(stopped)"
    assert [step.rule for step in first.explain(a_call()).steps if not step.held] == ["(stopped)"]
    switch.path.unlink()
    assert [await outcome_of(gate, a_call()) for gate in (first, second)] == ["ok", "ok"]
    first.close()
    rules = [each["rule"] for each in records(tmp_path / "audit") if "rule" in each]
    assert rules == ["", "(stopped)", "(stopped)", ""]


async def test_unknown_and_hidden_tools_and_unknown_callers_learn_nothing_of_it(tmp_path: Path) -> None:
    switch = FileSwitch(tmp_path / "stopped")
    gate = Gate(policy(default="allow", hide=["secret"]), switch=switch)
    switch.path.touch()
    calls = (a_call("nope", known=False), a_call("secret"), a_call(grant=None))
    assert [await outcome_of(gate, call) for call in calls] == ["(unknown tool)", "(hidden)", "(no policy)"]
    unread = Gate(Policy.unavailable(), switch=switch)
    assert await outcome_of(unread, a_call()) == "(stopped)"


async def test_a_yes_that_comes_after_the_stop_lets_nothing_run(tmp_path: Path) -> None:
    switch = FileSwitch(tmp_path / "stopped")
    gate = Gate(ASKS, switch=switch)

    async def ask(_: object) -> Said:
        switch.path.touch()
        return "accept"

    assert await outcome_of(gate, a_call(), ask=ask) == "(stopped)"
    switch.path.unlink()
    state = MemoryState()
    gate = Gate(ASKS, state, switch=switch)
    with pytest.raises(ApprovalNeeded) as needed:
        await gate.call(a_call(), echo)
    state.approvals.answer(needed.value.id or "", "yes")
    switch.path.touch()
    assert await outcome_of(gate, a_call()) == "(stopped)"
    switch.path.unlink()
    assert await outcome_of(gate, a_call()) == "ok"  # the yes was kept, and no attempt was counted


async def test_where_nobody_can_say_whether_calls_are_stopped_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert FileSwitch(file / "stopped").is_stopped()
    assert FileSwitch("stop\0ped").is_stopped()
    assert not FileSwitch(tmp_path / "absent" / "stopped").is_stopped()
    (tmp_path / "stopped").symlink_to(tmp_path / "nowhere")
    assert FileSwitch(tmp_path / "stopped").is_stopped()


async def test_a_call_that_runs_already_ends_as_ever(tmp_path: Path) -> None:
    switch = FileSwitch(tmp_path / "stopped")
    gate = Gate(policy(default="allow"), switch=switch)
    stopped = anyio.Event()

    async def slow(_: object) -> str:
        await stopped.wait()
        return "done"

    async with anyio.create_task_group() as tasks:
        results: list[str] = []

        async def call() -> None:
            results.append(await gate.call(a_call(), slow))

        tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        switch.path.touch()
        assert await outcome_of(gate, a_call()) == "(stopped)"
        stopped.set()
    assert results == ["done"]
