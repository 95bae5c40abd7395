"""What the tests of the gate share."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alya_mcp.gate import Call, Decision, Gate, Policy, Refused

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def monotonic_ns(self) -> int:
        return self.now

    def time_ns(self) -> int:
        return START + self.now

    def forward(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


def policy(tools: Mapping[str, Any] | None = None, default: str = "deny", **rest: Any) -> Policy:
    return Policy.parse({"version": "1", "default": default, "tools": tools or {}, **rest})


def a_call(tool: str = "draw", arguments: Any = None, session: str = "s1", **rest: Any) -> Call:
    return Call(tool=tool, arguments={} if arguments is None else arguments, session=session, **rest)


async def echo(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"echo": dict(arguments)}


async def outcome_of(gate: Gate, call: Call, **how: Any) -> str:
    """The rule that refused the call, or `ok`."""
    try:
        await gate.call(call, echo, **how)
    except Refused as refusal:
        return refusal.decision.rule
    return "ok"


async def refusal_of(gate: Gate, call: Call) -> Decision:
    try:
        await gate.call(call, echo)
    except Refused as refusal:
        return refusal.decision
    raise AssertionError("the call was not refused")


def log_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in log_files(folder) for line in path.read_text("ascii").splitlines()]
