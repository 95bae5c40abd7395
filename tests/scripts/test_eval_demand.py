"""scripts/eval/demand.py: what it prints for labelled sentences, and for a file that it can't read."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "eval" / "demand.py"
ROWS = [
    ("I'd pay $20 a month for invoicing that works offline.", True),
    ("Is there an invoicing app that works offline?", True),
    ("Sending invoices by hand eats my Sundays.", True),
    ("I would pay a friend for invoicing jokes.", False),
    ("Invoicing is fine.", False),
]


def run(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, check=False)


def test_precision_and_recall_are_counted_against_the_labels(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    lines = [json.dumps({"topic": "invoicing", "sentence": said, "demand": label}) for said, label in ROWS]
    file.write_text("\n".join(lines), encoding="utf-8")
    ran = run(file)
    assert ran.returncode == 0
    last = ran.stdout.splitlines()[-1]
    assert last.startswith("all: ")
    assert last.count("2 of 3 (67%)") == 3


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "labelled.jsonl"
    file.write_text('{"topic": "invoicing"}', encoding="utf-8")
    ran = run(file)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "sentence" in ran.stderr
