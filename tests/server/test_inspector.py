"""The official Inspector finds nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "inspector.sh"


@pytest.mark.slow
def test_the_inspector_finds_nothing_in_either_era() -> None:
    done = subprocess.run(
        [SCRIPT], env=os.environ | {"PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
