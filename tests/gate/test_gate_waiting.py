"""A call whose limit another process is writing to waits for it, and holds up no other call meanwhile."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from alya_mcp.gate import Audit, Call, Gate, Policy, Refused, SqliteState

LIMIT = {"counter": "calls", "max": 2, "window": "day", "scope": "grant"}
DOCUMENT: dict[str, Any] = {"version": "1", "default": "allow", "tools": {"draw": {"limits": [LIMIT]}}}


class Source:
    """A policy that the test may replace."""

    error = None

    def __init__(self) -> None:
        self.policy = Policy.parse(DOCUMENT)

    def current(self) -> Policy:
        return self.policy


class Stop:
    """A switch that the test may use."""

    stopped = False

    def is_stopped(self) -> bool:
        return self.stopped


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Another process's transaction, as the file sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def handler(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return arguments


def call(tool: str) -> Call:
    return Call(tool=tool, arguments={}, session="s")


async def waits(drawn: "asyncio.Task[Any]", gate: Gate) -> bool:
    """Whether the call still waits after others have gone their way."""
    for _ in range(20):
        await gate.call(call("other"), handler)
        await asyncio.sleep(0.001)
    return not drawn.done()


async def opened(gate: Gate) -> None:
    gate.open()
    await gate.call(call("draw"), handler)


@pytest.mark.anyio
async def test_other_calls_go_on_while_one_waits_for_its_limit(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    gate = Gate(Policy.parse(DOCUMENT), state, Audit(tmp_path / "audit", state))
    await opened(gate)
    with writing(state.path):
        drawn = asyncio.create_task(gate.call(call("draw"), handler))
        assert await waits(drawn, gate)
    await drawn
    with pytest.raises(Refused):
        await gate.call(call("draw"), handler)
    gate.close()


@pytest.mark.anyio
@pytest.mark.parametrize("change", ["policy", "stop", "cancelled"])
async def test_a_call_that_waited_is_judged_by_what_holds_then(tmp_path: Path, change: str) -> None:
    state, source, stop = SqliteState(tmp_path / "state.db"), Source(), Stop()
    gate = Gate(source, state, switch=stop)
    await opened(gate)
    with writing(state.path):
        drawn = asyncio.create_task(gate.call(call("draw"), handler))
        assert await waits(drawn, gate)
        if change == "cancelled":
            drawn.cancel()
        stop.stopped = change == "stop"
        if change == "policy":
            source.policy = Policy.parse({**DOCUMENT, "tools": {"draw": {"action": "deny"}}})
    with pytest.raises(asyncio.CancelledError if change == "cancelled" else Refused) as ended:
        await drawn
    if isinstance(ended.value, Refused):
        assert ended.value.decision.rule == {"policy": "/tools/draw/action", "stop": "(stopped)"}[change]
    stop.stopped, source.policy = False, Policy.parse(DOCUMENT)
    await gate.call(call("draw"), handler)  # nothing was taken by the one that ended
    gate.close()


@pytest.mark.anyio
async def test_a_file_that_stays_locked_denies_the_call(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    gate = Gate(Policy.parse(DOCUMENT), state)
    await opened(gate)
    with writing(state.path):
        with pytest.raises(Refused) as refused:
            await gate.call(call("draw"), handler)
        assert refused.value.decision.rule == "(gate error)"
        assert "is locked by another process" in str(gate.trouble)
    gate.close()
