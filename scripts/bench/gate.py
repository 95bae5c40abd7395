"""What the gate costs per call, beside a bare await of the same handler in the same run.

    python scripts/bench/gate.py [--calls 20000]

Prints p50 and p99 in microseconds. "full" is the whole `Gate.call`: two audit records written through to the
operating system and the SQLite state of one home folder.
"""

import argparse
import asyncio
import json
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from alya_mcp.gate import Audit, Call, Gate, Policy, SqliteState, sanitise, verify

ARGUMENTS: Mapping[str, Any] = {"prompt": "a small red star on the left and a large blue circle", "seed": 7}
PICTURE = {
    f"member_{number}": "as a picture's description has it, an address or a digest " for number in range(12)
}
ROWS = {
    "rows": [{"name": f"row {number}", "value": number / 7, "note": "as measured"} for number in range(20)]
}


async def handler(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    return arguments


def policy_of(tools: int) -> Policy:
    limit = {"max": 1_000_000_000, "window": 60}
    names = [f"tool_{number}" for number in range(tools - 1)]
    listed: dict[str, Any] = {name: {"rate_limit": limit} for name in [*names, "image_gen"]}
    return Policy.parse({"version": "1", "default": "deny", "tools": listed})


def call_of(number: int) -> Call:
    return Call(tool="image_gen", arguments=ARGUMENTS, session="bench", request=number, price=0.001)


def show(name: str, samples: list[int]) -> float:
    samples.sort()
    p50, p99 = (samples[int(len(samples) * part)] / 1000 for part in (0.5, 0.99))
    print(f"{name:<48}{p50:>10.2f}{p99:>10.2f}")
    return p50


def timed(work: Callable[[int], object], calls: int) -> list[int]:
    samples: list[int] = []
    for number in range(calls):
        begun = time.perf_counter_ns()
        work(number)
        samples.append(time.perf_counter_ns() - begun)
    return samples


async def timed_async(work: Callable[[int], Awaitable[object]], calls: int) -> list[int]:
    samples: list[int] = []
    for number in range(calls):
        begun = time.perf_counter_ns()
        await work(number)
        samples.append(time.perf_counter_ns() - begun)
    return samples


async def main(calls: int) -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {calls} calls each, one task")
    print(f"{'':<48}{'p50 us':>10}{'p99 us':>10}")
    show("bare await of the handler", await timed_async(lambda _: handler(ARGUMENTS), calls))
    show("making a Call", timed(call_of, calls))
    for tools in (1, 100):
        gate = Gate(policy_of(tools))
        call = call_of(0)
        show(f"decide, {tools} rules", timed(lambda _, gate=gate, call=call: gate.decide(call), calls))
    gate = Gate(policy_of(100))
    show("call, memory only", await timed_async(lambda n: gate.call(call_of(n), handler), calls))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        state = SqliteState(home / "state.db")
        gate = Gate(policy_of(100), state, Audit(home / "audit", state))
        gate.open()
        full = await timed_async(lambda n: gate.call(call_of(n), handler), calls)
        show("call, full (audit and SQLite)", full)
        begun = time.perf_counter()
        report = verify(home / "audit", state)
        rate = report.records / (time.perf_counter() - begun)
        gate.close()
        print(f"verify: {report.records:,} records, whole: {report.whole}, {rate:,.0f} records a second")
    show("sanitise, text of 1 kB in 12 members", timed(lambda _: sanitise(PICTURE, limit=1_000_000), calls))
    show("sanitise, 20 rows with a fraction each", timed(lambda _: sanitise(ROWS, limit=1_000_000), calls))
    text = json.dumps(policy_of(100).document)
    show("loading a policy of 100 tools", timed(lambda _: Policy.loads(text), 50))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=20_000)
    asyncio.run(main(parser.parse_args().calls))
