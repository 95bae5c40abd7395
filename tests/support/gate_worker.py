"""A process that makes calls through a gate: `gate_worker.py HOME [CALLS] [--no-state] [--as-nobody] ...`.

Prints a line before the first call and one with the number of admitted calls after each; makes calls until
one is refused, CALLS at most. `--policy JSON` is obeyed instead of one that allows everything. With `--fork`
it does so in a new child for every line it reads, which prints its process id first. With `--stay` a handler
says so and doesn't return.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio

from alya_mcp.gate import Audit, Call, Gate, GateError, MemoryState, Policy, Refused, SqliteState


async def handler(_: Mapping[str, Any]) -> None:
    await anyio.lowlevel.checkpoint()
    if "--stay" in sys.argv:
        say("inside")
        await anyio.sleep_forever()


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def drop_rights() -> None:
    """Root may write everywhere. All that is imported later has to be loaded by now: `sqlite3` is."""
    assert sqlite3.sqlite_version
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def policy() -> Policy:
    if "--policy" in sys.argv:
        return Policy.parse(json.loads(sys.argv[sys.argv.index("--policy") + 1]))
    return Policy.parse({"version": "1", "default": "allow"})


async def main() -> None:
    if "--as-nobody" in sys.argv:
        drop_rights()
    home = Path(sys.argv[1])
    calls = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].isdigit() else None
    state = MemoryState() if "--no-state" in sys.argv else SqliteState(home / "state.db")
    gate = Gate(policy(), state, Audit(home / "audit", state))
    say("ready" if "--fork" not in sys.argv else os.getpid())
    if "--fork" not in sys.argv:
        sys.stdin.readline()
    admitted = 0
    while calls is None or admitted < calls:
        try:
            await gate.call(Call(tool="draw", arguments={"n": admitted}, session="s"), handler)
        except Refused as refusal:
            say(refusal.decision.rule, gate.trouble)
            break
        admitted += 1
        say(admitted)
    try:
        gate.close()
    except GateError as error:
        say("close:", error)


def fork_for_every_line() -> None:
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            anyio.run(main)
            os._exit(0)
        os.waitpid(child, 0)
        say("ended")


if "--fork" in sys.argv:
    say("ready")
    fork_for_every_line()
else:
    anyio.run(main)
