"""Benches that borrow servers and answers from the tests find them."""

import subprocess
import sys
from pathlib import Path

BENCHES = Path(__file__).parents[2] / "scripts/bench"


def test_benches_find_what_they_borrow_from_the_tests() -> None:
    borrowing = [each for each in BENCHES.glob("*.py") if "sys.path.insert" in each.read_text("utf-8")]
    started = {
        each.name: subprocess.Popen([sys.executable, each, "--help"], stdout=subprocess.DEVNULL)
        for each in borrowing
    }
    assert {"images.py", "live.py", "stores.py"} <= started.keys()
    assert {name: process.wait(60) for name, process in started.items()} == dict.fromkeys(started, 0)
