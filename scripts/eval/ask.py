"""Measure alya_ask on questions.

Usage: python scripts/eval/ask.py [--questions FILE] [--output table|json]

FILE holds one `question|tool` a line, `-` for a question that the hub can't answer; by default
ask_questions.txt beside this script, which alya_ask has learnt from since: only a new file tells how it does.
Every question goes through the gate and the tool, without a model and without the network. Printed per tool:
how many of its questions are led to it (`tool` of the answer); how many of the
rest are answered with `answered: false`; the processor time of a call. The questions that fail aren't shown,
so that nobody tunes on them.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from alya_mcp.gate import Call, Gate, Policy
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools import load_catalogue

QUESTIONS = Path(__file__).with_name("ask_questions.txt")
NOTHING = "-"


def read(file: Path) -> list[tuple[str, str]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    parts = (line.rpartition("|") for line in lines if line.strip() and not line.startswith("#"))
    return [(question.strip(), tool.strip()) for question, _, tool in parts]


def first_tool(answer: dict[str, Any]) -> str:
    """The tool that an answer leads to; NOTHING where it says that it doesn't know."""
    return str(answer["tool"]) if answer["answered"] else NOTHING


async def ask_all(questions: list[tuple[str, str]], home: Path) -> list[tuple[str, str, float]]:
    """For every question the right tool, the tool found, and the processor time of the call in ms."""
    settings = Settings(home=home)
    settings.source_urls.clear()
    hub = Hub(settings, Gate(Policy.parse({"version": "1", "default": "allow", "tools": {}})))
    catalogue = load_catalogue()
    tool = catalogue["alya_ask"]

    async def progress(done: float, total: float, message: str) -> None:
        pass

    async def handler(arguments: Any) -> dict[str, Any]:
        context = Context(
            hub=hub,
            catalogue=catalogue,
            session="eval",
            grant="local",
            progress=progress,
            abandoned=lambda: False,
        )
        return (await tool.run(arguments, context)).data.model_dump(mode="json", by_alias=True)

    async def ask(question: str) -> dict[str, Any]:
        arguments = tool.validate({"question": question})
        return await hub.gate.call(Call(tool=tool.name, arguments=arguments, session="eval"), handler)

    await ask("How long is the audit log kept?")
    found: list[tuple[str, str, float]] = []
    for question, right in questions:
        began = time.process_time()
        answer = await ask(question)
        found.append((right, first_tool(answer), (time.process_time() - began) * 1000))
    await hub.aclose()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        found = anyio.run(ask_all, read(options.questions), Path(home))
    asked = Counter(right for right, _, _ in found)
    met = Counter(right for right, got, _ in found if got == right)
    times = sorted(took for _, _, took in found)
    tools = sum(count for name, count in asked.items() if name != NOTHING)
    right = sum(count for name, count in met.items() if name != NOTHING)
    summary = {
        "tool first": [right, tools], "don't know": [met[NOTHING], asked[NOTHING]],
        "median ms": round(times[len(times) // 2], 2),
        "p99 ms": round(times[math.ceil(len(times) * 0.99) - 1], 2),
        "worst ms": round(times[-1], 2),
    }  # fmt: skip
    if options.output == "json":
        print(json.dumps({"summary": summary, "tools": {name: [met[name], asked[name]] for name in asked}}))
        return 0
    print(f"{'tool':24}{'right':>8}{'of':>6}")
    for name in asked:
        print(f"{name if name != NOTHING else '(can not be answered)':24}{met[name]:>8}{asked[name]:>6}")
    print(f"\nthe right tool first: {right} of {tools} ({right / max(tools, 1):.1%})")
    print(f"doesn't know what it can't: {met[NOTHING]} of {asked[NOTHING]}")
    took = ", ".join(f"{name} {value}" for name, value in summary.items() if name.endswith("ms"))
    print(f"processor time of a question: {took}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
