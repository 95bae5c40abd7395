"""From `uvx` to the answer to `initialize`: python scripts/bench/uvx.py WHEEL [UV].

Prints the seconds of a first start, with an empty cache, and of nine later ones without a network.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 9
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "bench", "version": "1"},
    },
}


def seconds(command: list[str], env: dict[str, str]) -> float:
    begun = time.monotonic()
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(json.dumps(HELLO).encode() + b"\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        taken = time.monotonic() - begun
        server.stdin.close()
    assert b'"result"' in answer, answer
    return taken


def main() -> None:
    wheel, uv = Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "uv"
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"UV_CACHE_DIR": f"{folder}/cache", "ALYA_HOME": f"{folder}/home"}
        start = [uv, "tool", "run", "--from", str(wheel), "alya-mcp"]
        print(f"first: {seconds(start, env):.2f} s")
        later = sorted(seconds([*start[:3], "--offline", *start[3:]], env) for _ in range(ROUNDS))
        print(f"later, offline: median {statistics.median(later):.2f} s, {later[0]:.2f} to {later[-1]:.2f} s")


if __name__ == "__main__":
    main()
