"""What people want, from the command line through a server and its gate to the places searched and back."""

import json
import subprocess
import sys
from pathlib import Path

import demand_answers as answers
import loopback_source
from raw_client import environment

TOOL = "alya_demand_signals"


def test_what_people_want_comes_through_the_gate(alya_home: Path) -> None:
    (alya_home / "policy.json").write_text(
        json.dumps({"version": "1", "default": "deny", "tools": {TOOL: {}}})
    )
    with loopback_source.running() as source:
        answers.script(source)
        urls = {
            f"ALYA_{name}_URL": source.url
            for name in ("HACKER_NEWS", "REDDIT", "REDDIT_OAUTH", "STACK_EXCHANGE")
        }
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "alya_mcp",
                "call",
                TOOL,
                "topic=invoicing",
                "limit=1",
                "--output",
                "json",
            ],
            env=environment(alya_home, **urls),
            capture_output=True,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)["structuredContent"]
    assert answer["signals"][0]["quote"] == {
        "untrusted": True,
        "source": "https://news.ycombinator.com/item?id=11",
        "text": "I'd pay $20 a month for invoicing that syncs with my bank.",
    }
    assert (answer["total"], len(source.asked)) == (5, 5)
