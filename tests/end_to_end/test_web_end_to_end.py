"""The tools about the web and the hub, from the command line through a server and its gate and back."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import loopback_source
import web_answers as answers
from raw_client import environment


def call(home: Path, *words: str, **variables: str) -> Any:
    ended = subprocess.run(
        [sys.executable, "-m", "alya_mcp", "call", *words, "--output", "json"],
        env=environment(home, **variables),
        capture_output=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)["structuredContent"]


def allow(home: Path, tool: str) -> None:
    (home / "policy.json").write_text(json.dumps({"version": "1", "default": "deny", "tools": {tool: {}}}))


def test_a_search_comes_through_the_gate(alya_home: Path) -> None:
    allow(alya_home, "web_search")
    with loopback_source.running() as source:
        source.on("/search", answers.searxng(*answers.BOTH))
        answer = call(alya_home, "web_search", "query=istanbul nüfusu kaç", ALYA_SEARXNG_URL=source.url)
        assert answer["answer"] == "İstanbul'un nüfusu 2025 sonunda 15.754.053 kişidir. [1]"
        assert len(source.asked) == 1


def test_a_question_comes_through_the_gate(alya_home: Path) -> None:
    allow(alya_home, "alya_ask")
    answer = call(alya_home, "alya_ask", "question=Why was my last call denied?")
    assert answer["answer"] == "No call of this session was refused. [1]"
