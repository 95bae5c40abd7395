"""What the gate costs per call, beside Microsoft's agent-governance-toolkit in the same run.

    python scripts/bench/gate.py [--calls 4000] [--rounds 5] [--alone]

Both take turns, round by round, so that a machine whose speed drifts slows both; the peer runs in a Python
of its own, which the first run makes in the user's cache folder (`--alone` leaves it out). Like is put beside
like: the same number of rules, one limit that never fills, records that are chained, signed and handed to the
operating system one by one. "Decide and reserve" is the time from the call to the first line of its handler,
through the public `Gate.call`. Prints medians and 99th percentiles in microseconds, ratios, and which goals
are met.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from alya_mcp.gate import Audit, Call, Gate, Policy, SqliteState, State, sanitise, verify

PEER = "agent-governance-toolkit"
PEER_VERSION = "4.1.0"
TOOL = "image_gen"
ARGUMENTS: Mapping[str, Any] = {"prompt": "a small red star on the left and a large blue circle", "seed": 7}
PICTURE = {
    f"member_{number}": "as a picture's description has it, an address or a digest " for number in range(12)
}
ROWS = {
    "rows": [{"name": f"row {number}", "value": number / 7, "note": "as measured"} for number in range(20)]
}
ENOUGH = 1_000_000_000
Samples = list[int]


class Row(NamedTuple):
    """A line of the table: how ours is measured, the peer's round, and the goals in microseconds."""

    title: str
    ours: Callable[[int], Samples]
    peer: str | None = None
    p50: float | None = None
    p99: float | None = None


class Figures(NamedTuple):
    p50: float
    p99: float
    rate: float


def figures(samples: Samples) -> Figures:
    ordered = sorted(samples)
    p50, p99 = (ordered[int(len(ordered) * part)] / 1000 for part in (0.5, 0.99))
    return Figures(p50, p99, 1e9 * len(ordered) / sum(ordered))


def document(tools: int, rules: Mapping[str, Any]) -> dict[str, Any]:
    """Default deny; `tools` tools with `rules` each, `image_gen` in the middle."""
    names = [f"tool_{number}" for number in range(tools - 1)]
    names.insert((tools + 1) // 2 if tools > 1 else 0, TOOL)
    return {"version": "1", "default": "deny", "tools": dict.fromkeys(names, rules)}


ONE_LIMIT = {"rate_limit": {"max": ENOUGH, "window": 60}}
SHARED_LIMIT = {"limits": [{"counter": "calls", "max": ENOUGH, "window": "day", "scope": "grant"}]}
CONDITIONS = {
    "deny_if": [
        {"conditions": [{"path": "args.prompt", "op": "eq", "value": f"never said {number}"}]}
        for number in range(100)
    ]
}
_KINDS: Mapping[str, Callable[[int], tuple[str, Any]]] = {
    "eq": lambda n: ("args.prompt", f"never said {n}"),
    "in": lambda n: ("args.prompt", [f"never said {n}", f"nor {n}"]),
    "contains": lambda n: ("args.prompt", f"never said {n}"),
    "regex": lambda n: ("args.prompt", rf"\bnever said {n}\b"),
    "gt": lambda n: ("args.seed", 1000 + n),
}
MIXED = {
    "deny_if": [
        {"conditions": [{"path": path, "op": op, "value": value}]}
        for number in range(20)
        for op, made in _KINDS.items()
        for path, value in [made(number)]
    ]
}
SEVERAL = {
    "rate_limit": {"max": 10, "window": 60},
    "limits": [{"counter": "day", "max": 100, "window": "day"}],
    "budget": {"max_usd": 5, "window": "day"},
    "max_repeats": {"max": 5, "window": 600},
    "max_concurrent": 4,
    "timeout": 60,
    "require": [{"path": "args.prompt", "op": "exists", "value": True}],
    "deny_if": [{"conditions": [{"path": "args.steps", "op": "gt", "value": 8}], "on_deny": "too many"}],
}


def policy_of(tools: int, rules: Mapping[str, Any] = ONE_LIMIT) -> Policy:
    return Policy.parse(document(tools, rules))


def call_of(number: int) -> Call:
    return Call(tool=TOOL, arguments=ARGUMENTS, session="bench", request=number, price=0.001)


async def handler(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return arguments


def timed(work: Callable[[], object]) -> Callable[[int], Samples]:
    def round_of(calls: int) -> Samples:
        samples: Samples = []
        for _ in range(calls):
            begun = time.perf_counter_ns()
            work()
            samples.append(time.perf_counter_ns() - begun)
        return samples

    return round_of


def deciding(policy: Policy) -> Callable[[int], Samples]:
    gate, call = Gate(policy), call_of(0)
    return timed(lambda: gate.decide(call))


def reserving(gate: Gate) -> Callable[[int], Samples]:
    """From the call to the first line of its handler."""

    async def calls_of(calls: int) -> Samples:
        started = 0

        async def start(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            nonlocal started
            started = time.perf_counter_ns()
            return arguments

        samples: Samples = []
        for number in range(calls):
            call = call_of(number)
            begun = time.perf_counter_ns()
            await gate.call(call, start)
            samples.append(started - begun)
        return samples

    return lambda calls: asyncio.run(calls_of(calls))


def whole(gate: Gate) -> Callable[[int], Samples]:
    """The whole way of a call, with a handler that does nothing."""

    async def calls_of(calls: int) -> Samples:
        samples: Samples = []
        for number in range(calls):
            call = call_of(number)
            begun = time.perf_counter_ns()
            await gate.call(call, handler)
            samples.append(time.perf_counter_ns() - begun)
        return samples

    return lambda calls: asyncio.run(calls_of(calls))


class Peer:
    """The other gate, in a process of its own."""

    def __init__(self, python: Path) -> None:
        script = Path(__file__).with_name("gate_peer.py")
        self._process = subprocess.Popen(
            [python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def round(self, name: str, calls: int) -> Samples:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name} {calls}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def peer_python() -> Path:
    """The Python that the peer is installed in; made at the first run.

    Raises:
        OSError, CalledProcessError: it can't be made here.
    """
    folder = platformdirs.user_cache_path("alya-mcp-bench") / f"{PEER}-{PEER_VERSION}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "installed"
    if not done.exists():
        print(f"installing {PEER} {PEER_VERSION} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", f"{PEER}[core]=={PEER_VERSION}"]
        subprocess.run(install, check=True)
        done.touch()
    return python


def compare(
    rows: list[Row], peer: Peer | None, calls: int, rounds: int
) -> dict[str, tuple[Figures, Figures | None]]:
    found: dict[str, tuple[Figures, Figures | None]] = {}
    print(f"{'':<58}{'p50':>8}{'p99':>8}{'peer p50':>10}{'p99':>8}{'ratio':>8}  goal")
    for row in rows:
        ours: Samples = []
        theirs: Samples = []
        row.ours(calls // 10)
        for _ in range(rounds):
            ours += row.ours(calls)
            if peer is not None and row.peer is not None:
                theirs += peer.round(row.peer, calls)
        mine, other = figures(ours), figures(theirs) if theirs else None
        found[row.title] = (mine, other)
        beside = f"{other.p50:>10.1f}{other.p99:>8.1f}{other.p50 / mine.p50:>8.1f}" if other else " " * 26
        goals = [goal(f"p50 <= {row.p50:g}", mine.p50 <= row.p50)] if row.p50 else []
        goals += [goal(f"p99 <= {row.p99:g}", mine.p99 <= row.p99)] if row.p99 else []
        print(
            f"{row.title:<58}{mine.p50:>8.1f}{mine.p99:>8.1f}{beside}  {', '.join(goals)}".rstrip(),
            flush=True,
        )
    return found


def goal(text: str, met: bool) -> str:
    return f"{text}: {'met' if met else 'MISSED'}"


def main(calls: int, rounds: int, alone: bool) -> None:
    peer = None
    if not alone:
        try:
            peer = Peer(peer_python())
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"without the peer, which can't be installed here: {error}", file=sys.stderr)
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores; microseconds")
    if hasattr(os, "getloadavg"):
        load = os.getloadavg()[0]
        print(f"load average at the start: {load:.1f}; above the number of cores, p99 is not the gate's")
    print(f"{rounds} rounds of {calls} calls each; ratio: the peer's p50 to ours, {PEER} {PEER_VERSION}")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        audited: State = SqliteState(home / "audited.sqlite")
        both: State = SqliteState(home / "whole.sqlite")
        shared: State = SqliteState(home / "shared.sqlite")
        logged = Gate(policy_of(100), audited, Audit(home / "audited", audited))
        full = Gate(policy_of(100), both, Audit(home / "whole", both))
        granted = Gate(policy_of(1, SHARED_LIMIT), shared)
        reserved, recorded = "decide and reserve, 1 rule", "the same, recorded in the chained log"
        rows = [
            Row("decide, 1 rule", deciding(policy_of(1)), "decide 1"),
            Row(
                "decide, 100 rules, matching in the middle",
                deciding(policy_of(100)),
                "decide 100",
            ),
            Row("decide, 100 conditions on one tool", deciding(policy_of(1, CONDITIONS)), p50=10),
            Row("decide, 100 conditions of five kinds", deciding(policy_of(1, MIXED)), p50=10),
            Row(reserved, reserving(Gate(policy_of(1))), "reserve 1", p50=5),
            Row("decide and reserve, 100 rules", reserving(Gate(policy_of(100))), "reserve 100", p50=8),
            Row(recorded, reserving(logged), "audited 1", p50=25, p99=120),
            Row("the same; of the peer's log the file alone", reserving(logged), "sink 1"),
            Row("decide and reserve, a limit of the grant in SQLite", reserving(granted), p50=60),
            Row("a whole call, in memory, no log", whole(Gate(policy_of(100)))),
            Row("a whole call, its decision and outcome recorded", whole(full), p50=20),
            Row("sanitise, text of 1 kB in 12 members", timed(lambda: sanitise(PICTURE, limit=ENOUGH))),
            Row("sanitise, 20 rows with a fraction each", timed(lambda: sanitise(ROWS, limit=ENOUGH))),
        ]
        found = compare(rows, peer, calls, rounds)

        ours, theirs = found[recorded]
        beside = ""
        if theirs is not None:
            times = ours.rate / theirs.rate
            beside = f"; the peer {theirs.rate:,.0f}; {goal(f'{times:.1f} times, at least 5', times >= 5)}"
        print(f"decided and recorded calls a second: {ours.rate:,.0f}{beside}")

        logged.close()
        begun = time.perf_counter()
        report = verify(home / "audited", audited)
        rate = report.records / (time.perf_counter() - begun)
        beside = ""
        if peer is not None:
            beside = f"; the peer {1e9 / peer.round('verify', 1)[0]:,.0f}"
        assert report.whole
        met = goal("at least 100,000", rate >= 100_000)
        print(f"records verified a second ({report.records:,} of them): {rate:,.0f}{beside}; {met}")

        text = json.dumps(document(100, SEVERAL))
        loads = figures(timed(lambda: Policy.loads(text))(50)).p50 / 1000
        met = goal("under 20", loads < 20)
        print(f"loading a policy of 100 tools with 8 rules each, ms: {loads:.1f}; {met}")
        for gate in (full, granted):
            gate.close()
    if peer is not None:
        peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=4000, help="calls per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without the peer")
    asked = parser.parse_args()
    main(asked.calls, asked.rounds, asked.alone)
