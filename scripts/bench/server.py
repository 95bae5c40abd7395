"""Start, memory and call rate of alya-mcp beside a bare SDK server, in one run, as ratios.

Usage: python scripts/bench/server.py [--rounds N] [--calls N]

Both servers offer 32 tools and are driven over a pipe by the same small client. Rounds alternate between
the two, so that a machine whose speed drifts slows both. Goals: start at most 1.10, memory at most 1.25, call
rate at least 1.5 times the bare server's, with the audit log on.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
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
POLICY = {"version": "1", "default": "allow", "all_tools": {"rate_limit": {"max": 100_000_000, "window": 60}}}


class Client:
    """A client that writes lines to a server's pipe and reads its answers."""

    def __init__(self, command: list[str], home: str) -> None:
        policy = Path(home) / "policy.json"
        policy.write_text(json.dumps(POLICY))
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

    def handshake(self) -> float:
        """Milliseconds from the process's start to the answer of `initialize`."""
        self.send(INITIALIZE)
        self.receive()
        taken = time.perf_counter() - self.started
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return taken * 1000

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


def measure(command: list[str], calls: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as home:
        client = Client(command, home)
        start = client.handshake()
        client.send({"jsonrpc": "2.0", "id": "list", "method": "tools/list"})
        assert client.receive()["id"] == "list"
        sequential(client, 200)
        taken = sorted(sequential(client, calls))
        rate16 = pipelined(client, calls, 16)
        memory = client.memory()
        client.close()
    return {
        "start ms": start,
        "memory MB": memory,
        "sequential /s": 1e6 / statistics.fmean(taken),
        "p50 us": taken[len(taken) // 2],
        "p99 us": taken[len(taken) * 99 // 100],
        "16 in flight /s": rate16,
    }


def start_of(command: list[str]) -> float:
    with tempfile.TemporaryDirectory() as home:
        client = Client(command, home)
        taken = client.handshake()
        client.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare alya-mcp with a bare SDK server.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1500)
    options = parser.parse_args()
    for command in (BARE, GATED, PRODUCT):
        start_of(command)
    starts = {name: [] for name in ("bare", "alya-mcp")}  # type: dict[str, list[float]]
    for _ in range(2 * options.rounds):
        starts["bare"].append(start_of(BARE))
        starts["alya-mcp"].append(start_of(PRODUCT))
    rounds = [(measure(BARE, options.calls), measure(GATED, options.calls)) for _ in range(options.rounds)]
    print(f"{'':24}{'bare SDK':>12}{'alya-mcp':>12}{'ratio':>8}   (medians of {options.rounds} rounds)")
    ratio = statistics.median(b / a for a, b in zip(starts["bare"], starts["alya-mcp"], strict=True))
    bare, own = (statistics.median(starts[name]) for name in ("bare", "alya-mcp"))
    print(f"{'start to initialize ms':24}{bare:12.0f}{own:12.0f}{ratio:8.2f}   goal <= 1.10")
    goals = {"memory MB": "goal <= 1.25", "sequential /s": "goal >= 1.50", "16 in flight /s": "goal >= 1.50"}
    for name in ("memory MB", "sequential /s", "p50 us", "p99 us", "16 in flight /s"):
        bare = statistics.median(a[name] for a, _ in rounds)
        own = statistics.median(b[name] for _, b in rounds)
        ratio = statistics.median(b[name] / a[name] for a, b in rounds)
        print(f"{name:24}{bare:12.0f}{own:12.0f}{ratio:8.2f}   {goals.get(name, '')}")


if __name__ == "__main__":
    main()
