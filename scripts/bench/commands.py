"""Processor time of commands that list and check, from start to end, and that of Python alone.

Usage: python scripts/bench/commands.py [--rounds N]

The commands and an empty Python take turns. Bytecode is there from the first, uncounted round. Goal: at most
0.35 s each.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

POLICY = Path(__file__).parents[2] / "policy.json"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "alya-mcp tools": ["-m", "alya_mcp", "tools"],
    "alya-mcp tools --output json": ["-m", "alya_mcp", "tools", "--output", "json"],
    "alya-mcp policy check": ["-m", "alya_mcp", "policy", "check", str(POLICY)],
}


def processor_of(words: list[str], home: str) -> float:
    """Seconds of processor time that a process takes in all."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *words], env=environment | {"ALYA_HOME": home}, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main(rounds: int) -> None:
    found: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as home:
        for number in range(rounds + 1):
            for name, words in COMMANDS.items():
                taken = processor_of(words, home)
                found[name] += [taken] if number else []
    for name, taken in found.items():
        print(f"{name:32}{statistics.median(taken):6.2f} s, least {min(taken):.2f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    main(parser.parse_args().rounds)
