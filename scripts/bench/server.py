"""Start, memory and call rates of alya-mcp beside a bare SDK server, in one run, as ratios.

Usage: python scripts/bench/server.py [--rounds N] [--blocks N]

Each server offers 32 tools and is driven over a pipe by the same small client. They take turns every 200
calls, so that a machine whose speed drifts slows all; ratios are per turn. Beside the bare server's echo are
a small tool in alya-mcp's own catalogue, and `polymarket_categorize` (one title) and `alya_status` of the
product itself; its policy, SQLite state and audit log are on. Rates are also per second of the server's
processor time, which other programs of the machine disturb less.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

HERE = Path(__file__).parent
BARE = [sys.executable, str(HERE / "bare_server.py")]
GATED = [sys.executable, str(HERE / "gated_server.py")]
PRODUCT = [sys.executable, "-m", "alya_mcp"]
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}
ENVELOPE: dict[str, object] = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}
BLOCK = 200
STARTS = {"handshake to list ms": "goal <= 0.35", "modern era to list ms": "goal <= 0.35"}
FIRST = "CPU s to first call"
RATES = (
    "one at a time /s",
    "one at a time /CPU s",
    "p50 us",
    "p99 us",
    "16 in flight /s",
    "16 in flight /CPU s",
)
GOALS = {"small tool": (2.5, 4.0), "polymarket_categorize": (1.8, 2.5), "alya_status": (1.3, 1.5)}
"""At least so many times the bare server's rate, one at a time and with 16 in flight."""
TITLES = [f"Will team {number} win the championship in 2027?" for number in range(1, 51)]
Figures = dict[str, list[float]]
Message = dict[str, object]
Call = Callable[[int], Message]
POLICY = {"version": "1", "default": "allow", "all_tools": {"rate_limit": {"max": 100_000_000, "window": 60}}}


class Client:
    """A client that writes lines to a server's pipe and reads its answers."""

    def __init__(self, command: list[str], home: str, policy: Mapping[str, object] = POLICY) -> None:
        (Path(home) / "policy.json").write_text(json.dumps(policy))
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment |= {"ALYA_HOME": home}
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to, self.fro = self.process.stdin, self.process.stdout

    def send(self, *messages: object) -> None:
        self.to.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
        self.to.flush()

    def receive(self) -> dict[str, object]:
        return json.loads(self.fro.readline())

    def handshake(self) -> None:
        """Open the connection in the handshake era."""
        self.send(INITIALIZE)
        self.receive()
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def open_modern(self) -> None:
        """Open the connection in the modern era."""
        self.send({"jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": ENVELOPE})
        self.receive()

    def list_tools(self, params: dict[str, object]) -> float:
        """Milliseconds from the process's start to the list of tools."""
        self.send({"jsonrpc": "2.0", "id": "list", "method": "tools/list", "params": params})
        assert self.receive()["id"] == "list"
        return (time.perf_counter() - self.started) * 1000

    def memory(self) -> float:
        """Resident megabytes of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def processor(self) -> float:
        """Seconds of processor time that the server has taken, in nanosecond steps.

        `/proc/PID/stat` counts in steps of 10 ms. The clock's id is `clock_getcpuclockid(3)`'s on Linux.
        """
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def close(self) -> None:
        self.to.close()
        self.process.wait(10)
        self.fro.close()


def request(number: int, name: str, arguments: Mapping[str, object]) -> Message:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def small(number: int) -> Message:
    return request(number, f"tool_{number % 32:02}", {"limit": 1 + number % 50})


def categorize(number: int) -> Message:
    return request(number, "polymarket_categorize", {"titles": [TITLES[number % 50]]})


def status(number: int) -> Message:
    return request(number, "alya_status", {})


def sequential(client: Client, call: Call, calls: int) -> list[float]:
    """Microseconds of each of `calls` calls, one after the other."""
    taken: list[float] = []
    for number in range(1, calls + 1):
        start = time.perf_counter()
        client.send(call(number))
        answer = client.receive()
        taken.append((time.perf_counter() - start) * 1e6)
        assert not answer["result"]["isError"] if "isError" in answer["result"] else True, answer  # type: ignore[index]
    return taken


def pipelined(client: Client, call: Call, calls: int, in_flight: int) -> float:
    """Calls per second with `in_flight` calls under way."""
    start = time.perf_counter()
    client.send(*(call(1_000_000 + number) for number in range(in_flight)))
    for number in range(in_flight, calls + in_flight):
        assert "result" in client.receive()
        if number < calls:
            client.send(call(1_000_000 + number))
    return calls / (time.perf_counter() - start)


SERVERS: Mapping[str, tuple[list[str], Call]] = {
    "bare": (BARE, small),
    "small tool": (GATED, small),
    "polymarket_categorize": (PRODUCT, categorize),
    "alya_status": (PRODUCT, status),
}


def measure(blocks: int, found: dict[str, Figures]) -> None:
    """Start the servers and give them their work in turn, a block of calls at a time."""
    with ExitStack() as stack:
        clients: dict[str, Client] = {}
        for name, (command, call) in SERVERS.items():
            client = clients[name] = Client(command, stack.enter_context(tempfile.TemporaryDirectory()))
            stack.callback(client.close)
            client.handshake()
            client.list_tools({})
            found[name]["memory MB"].append(client.memory())
            sequential(client, call, 200)
            found[name]["memory after calls MB"].append(client.memory())
        for _ in range(blocks):
            for name, client in clients.items():
                figures, call = found[name], SERVERS[name][1]
                began = client.processor()
                taken = sorted(sequential(client, call, BLOCK))
                figures["one at a time /CPU s"].append(BLOCK / (client.processor() - began))
                figures["one at a time /s"].append(1e6 / statistics.fmean(taken))
                figures["p50 us"].append(taken[BLOCK // 2])
                figures["p99 us"].append(taken[BLOCK * 99 // 100])
            for name, client in clients.items():
                figures, call = found[name], SERVERS[name][1]
                began = client.processor()
                figures["16 in flight /s"].append(pipelined(client, call, BLOCK, 16))
                figures["16 in flight /CPU s"].append(BLOCK / (client.processor() - began))


def processor_until_first_call(name: str) -> float:
    """Seconds of processor time that a server takes until it has answered its list and a first call."""
    command, call = SERVERS[name]
    with tempfile.TemporaryDirectory() as home:
        client = Client(command, home)
        client.handshake()
        client.list_tools({})
        sequential(client, call, 1)
        taken = client.processor()
        client.close()
    return taken


def start_of(command: list[str], *, modern: bool) -> float:
    """Milliseconds from a process's start to its list of tools."""
    with tempfile.TemporaryDirectory() as home:
        client = Client(command, home)
        client.open_modern() if modern else client.handshake()
        taken = client.list_tools(ENVELOPE if modern else {})
        client.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare alya-mcp with a bare SDK server.")
    parser.add_argument("--rounds", type=int, default=5, help="how often both servers are started")
    parser.add_argument("--blocks", type=int, default=8, help="blocks of 200 calls per round")
    options = parser.parse_args()
    found: dict[str, Figures] = {name: defaultdict(list) for name in SERVERS}
    for command in (BARE, GATED, PRODUCT):
        start_of(command, modern=False)
    for _ in range(3 * options.rounds):
        for name in SERVERS:
            found[name][FIRST].append(processor_until_first_call(name))
    for _ in range(options.rounds):
        for name, modern in (("handshake to list ms", False), ("modern era to list ms", True)):
            found["bare"][name].append(start_of(BARE, modern=modern))
            found["alya_status"][name].append(start_of(PRODUCT, modern=modern))
    for _ in range(options.rounds):
        measure(options.blocks, found)
    print(f"{'medians':46}{'bare SDK':>10}{'alya-mcp':>10}{'ratio':>8}")
    for name, goal in STARTS.items():
        show("the product", name, found["bare"][name], found["alya_status"][name], goal)
    for own in ("polymarket_categorize", "alya_status"):
        show(own, FIRST, found["bare"][FIRST], found[own][FIRST], "goal <= 1.10", digits=2)
    for row, own in (("memory MB", "alya_status"), ("memory after calls MB", "small tool")):
        show(own, row, found["bare"][row], found[own][row], "goal <= 1.15")
    for name, goals in GOALS.items():
        for row in RATES:
            wanted = {"one at a time /s": goals[0], "16 in flight /s": goals[1]}.get(str(row))
            goal = "" if wanted is None else f"goal >= {wanted:.1f}"
            show(name, row, found["bare"][row], found[name][row], goal)


def show(who: str, row: str, bare: list[float], own: list[float], goal: str, digits: int = 0) -> None:
    ratio = statistics.median(b / a for a, b in zip(bare, own, strict=True))
    sdk, alya = statistics.median(bare), statistics.median(own)
    print(f"{who:24}{row:22}{sdk:10.{digits}f}{alya:10.{digits}f}{ratio:8.2f}   {goal}".rstrip())


if __name__ == "__main__":
    main()
