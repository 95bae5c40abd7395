"""A tool of the markets, from the command line through a server and its gate to four sources and back."""

import json
import subprocess
import sys
from pathlib import Path

import loopback_source
import market_answers as answers
from raw_client import environment

TOOL = "polymarket_edge"


def test_an_edge_comes_through_the_gate_and_its_price_is_counted(alya_home: Path) -> None:
    policy = {
        "version": "1",
        "default": "deny",
        "tools": {TOOL: {"budget": {"max_usd": 0.75, "window": "day"}}},
    }
    (alya_home / "policy.json").write_text(json.dumps(policy))
    with loopback_source.running() as source:
        source.on(answers.MARKETS, answers.page(answers.market()))
        source.on(answers.QUESTIONS, [answers.question()])
        source.on(answers.BOOK, answers.book())
        names = ("POLYMARKET_GAMMA", "POLYMARKET_CLOB", "MANIFOLD")
        env = environment(alya_home, **{f"ALYA_{name}_URL": source.url for name in names})
        command = [sys.executable, "-m", "alya_mcp", "call", TOOL, "sizeUsd=50", "--output", "json"]
        first, second = (subprocess.run(command, env=env, capture_output=True, timeout=120) for _ in range(2))
    assert first.returncode == 0, first.stderr
    answer = json.loads(first.stdout)["structuredContent"]
    assert (answer["rows"][0]["side"], answer["rows"][0]["independent"]) == ("Yes", True)
    assert len(source.asked) == 3
    assert second.returncode == 3, second.stderr
    decision = json.loads(second.stdout)["_meta"]["alya/decision"]
    assert decision["rule"] == f"/tools/{TOOL}/budget"
