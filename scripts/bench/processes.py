"""One grant limit shared by three servers with 8 calls in flight each, beside one server with 24, in turn.

Usage: python scripts/bench/processes.py [--rounds N] [--calls N]

Every server is alya-mcp's own with small tools, its SQLite state and its audit log. `tool_00` has a limit of
the grant, in the file that the servers share; a call of `tool_01`, which has none, is made beside every tenth
of them. Goals: the 99th percentile of a call at most twice that of the one server; exactly the limit's calls
let through; no call of the other tool delayed by more than 5 ms. What delays it is told from the queue in
front of it by the third case: the same calls on the same three servers, with a limit that each counts in
memory.
"""

import argparse
import json
import os
import selectors
import statistics
import tempfile
import time
from collections import defaultdict

from server import GATED, Client

LIMITED, OTHER = "tool_00", "tool_01"
PLENTY = 1_000_000
Latencies = dict[str, list[float]]


class Driver:
    """Keeps `in_flight` calls of the limited tool under way on each server, from one thread."""

    def __init__(self, servers: int, in_flight: int, scope: str, most: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        limit = {"counter": "calls", "max": most, "window": "day", "scope": scope}
        policy = {"version": "1", "default": "allow", "tools": {LIMITED: {"limits": [limit]}}}
        self._clients = [Client(GATED, self._folder.name, policy) for _ in range(servers)]
        for client in self._clients:
            client.handshake()
            client.list_tools({})
        self._in_flight = in_flight
        self._sent: dict[int, tuple[str, float]] = {}
        self._number = 0
        self.latencies: Latencies = defaultdict(list)
        self.passed = 0

    def _send(self, client: Client, tool: str) -> None:
        self._number += 1
        params = {"name": tool, "arguments": {"limit": 1 + self._number % 50}}
        self._sent[self._number] = tool, time.perf_counter()
        client.send({"jsonrpc": "2.0", "id": self._number, "method": "tools/call", "params": params})

    def run(self, calls: int) -> None:
        """Make `calls` calls of the limited tool in all, and the other tool's beside them."""
        selector = selectors.DefaultSelector()
        left = calls
        for client in self._clients:
            os.set_blocking(client.fro.fileno(), False)
            selector.register(client.fro, selectors.EVENT_READ, client)
            for _ in range(self._in_flight):
                self._send(client, LIMITED)
                left -= 1
        unread = {id(client): b"" for client in self._clients}
        while self._sent:
            for key, _ in selector.select():
                client: Client = key.data
                data = unread[id(client)] + os.read(client.fro.fileno(), 1 << 20)
                *lines, unread[id(client)] = data.split(b"\n")
                now = time.perf_counter()
                for line in lines:
                    answer = json.loads(line)
                    tool, begun = self._sent.pop(answer["id"])
                    self.latencies[tool].append((now - begun) * 1000)
                    if tool == OTHER:
                        continue
                    self.passed += not answer["result"].get("isError", False)
                    if left > 0:
                        left -= 1
                        self._send(client, LIMITED)
                        if left % 10 == 0:
                            self._send(client, OTHER)

    def close(self) -> None:
        for client in self._clients:
            os.set_blocking(client.fro.fileno(), True)
            client.close()
        self._folder.cleanup()


def measure(servers: int, scope: str, calls: int) -> Latencies:
    driver = Driver(servers, 24 // servers, scope, PLENTY)
    driver.run(300)
    driver.latencies.clear()
    driver.run(calls)
    driver.close()
    return driver.latencies


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main(rounds: int, calls: int) -> None:
    cases = {
        "one server, 24": (1, "grant"),
        "three, 8 each": (3, "grant"),
        "three, in memory": (3, "session"),
    }
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in cases}
    for _ in range(rounds):
        for name, (servers, scope) in cases.items():
            latencies = measure(servers, scope, calls)
            for tool, kind in ((LIMITED, "call"), (OTHER, "other tool")):
                for share in (0.5, 0.99):
                    found[name][f"{kind} p{share * 100:.0f}"].append(percentile(latencies[tool], share))
                found[name][f"{kind} max"].append(max(latencies[tool]))
    names = [*cases]
    print(f"{rounds} rounds of {calls} calls, medians in ms" + "".join(f"{name:>20}" for name in names))
    for row in found[names[0]]:
        print(f"{row:>38}" + "".join(f"{statistics.median(found[name][row]):20.2f}" for name in names))
    one, three, memory = (found[name] for name in names)
    ratio = statistics.median(b / a for a, b in zip(one["call p99"], three["call p99"], strict=True))
    print(f"p99 of a call, three servers to one: {ratio:.2f} (goal <= 2)")
    for row in ("other tool p99", "other tool max"):
        delay = statistics.median(b - a for a, b in zip(memory[row], three[row], strict=True))
        print(f"{row}, the shared limit's part: {delay:.2f} ms (goal <= 5)")
    most = calls // 2
    driver = Driver(3, 8, "grant", most)
    driver.run(calls)
    driver.close()
    print(f"of {calls} calls by three servers under a limit of {most}: {driver.passed} let through")
    assert driver.passed == most


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=3000)
    asked = parser.parse_args()
    main(asked.rounds, asked.calls)
