"""Start, memory and call rate of alya-mcp beside a bare SDK server, in one run, as ratios.

Usage: python scripts/bench/server.py [--rounds N] [--blocks N]

Both servers offer 32 tools and are driven over a pipe by the same small client. They take turns every 200
calls, so that a machine whose speed drifts slows both; ratios are per turn. Goals: start at most 0.35, memory
at most 1.25, call rate at least 1.5 times the bare server's, with the audit log on.
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
from collections.abc import Mapping
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
GOALS = {
    "handshake to list ms": "goal <= 0.35",
    "modern era to list ms": "goal <= 0.35",
    "memory MB": "goal <= 1.25",
    "sequential /s": "goal >= 1.50",
    "p50 us": "",
    "p99 us": "",
    "16 in flight /s": "goal >= 1.50",
}
Figures = dict[str, list[float]]
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

    def close(self) -> None:
        self.to.close()
        self.process.wait(10)
        self.fro.close()


def call(number: int) -> dict[str, object]:
    params = {"name": f"tool_{number % 32:02}", "arguments": {"limit": 1 + number % 50}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


def sequential(client: Client, calls: int) -> list[float]:
    """Microseconds of each of `calls` calls, one after the other."""
    taken: list[float] = []
    for number in range(1, calls + 1):
        start = time.perf_counter()
        client.send(call(number))
        answer = client.receive()
        taken.append((time.perf_counter() - start) * 1e6)
        assert not answer["result"]["isError"] if "isError" in answer["result"] else True, answer  # type: ignore[index]
    return taken


def pipelined(client: Client, calls: int, in_flight: int) -> float:
    """Calls per second with `in_flight` calls under way."""
    start = time.perf_counter()
    client.send(*(call(1_000_000 + number) for number in range(in_flight)))
    for number in range(in_flight, calls + in_flight):
        assert "result" in client.receive()
        if number < calls:
            client.send(call(1_000_000 + number))
    return calls / (time.perf_counter() - start)


def measure(blocks: int) -> tuple[Figures, Figures]:
    """Start both servers and give them the same work in turn, a block of calls at a time."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        clients = Client(BARE, one), Client(GATED, other)
        for client in clients:
            client.handshake()
            client.list_tools({})
            sequential(client, 200)
        figures: tuple[Figures, Figures] = defaultdict(list), defaultdict(list)
        for _ in range(blocks):
            for client, found in zip(clients, figures, strict=True):
                taken = sorted(sequential(client, BLOCK))
                found["sequential /s"].append(1e6 / statistics.fmean(taken))
                found["p50 us"].append(taken[BLOCK // 2])
                found["p99 us"].append(taken[BLOCK * 99 // 100])
            for client, found in zip(clients, figures, strict=True):
                found["16 in flight /s"].append(pipelined(client, BLOCK, 16))
        for client, found in zip(clients, figures, strict=True):
            found["memory MB"].append(client.memory())
            client.close()
    return figures


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
    bare: Figures = defaultdict(list)
    own: Figures = defaultdict(list)
    for command in (BARE, GATED, PRODUCT):
        start_of(command, modern=False)
    for _ in range(options.rounds):
        for name, modern in (("handshake to list ms", False), ("modern era to list ms", True)):
            bare[name].append(start_of(BARE, modern=modern))
            own[name].append(start_of(PRODUCT, modern=modern))
    for _ in range(options.rounds):
        for all_found, found in zip((bare, own), measure(options.blocks), strict=True):
            for name, values in found.items():
                all_found[name] += values
    print(f"{'medians':24}{'bare SDK':>12}{'alya-mcp':>12}{'ratio':>8}")
    for name, goal in GOALS.items():
        ratio = statistics.median(b / a for a, b in zip(bare[name], own[name], strict=True))
        sdk, alya = statistics.median(bare[name]), statistics.median(own[name])
        print(f"{name:24}{sdk:12.0f}{alya:12.0f}{ratio:8.2f}   {goal}")


if __name__ == "__main__":
    main()
