"""scripts/environment.py: a broken environment is made again; a failure is said in a sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose package needs nothing, so that installing it takes no network."""
    root = tmp_path / "checkout"
    (root / "scripts").mkdir(parents=True)
    for name in ("environment.py", "try_it.py", "run_tests.py"):
        shutil.copy(ROOT / "scripts" / name, root / "scripts")
    (root / "pyproject.toml").write_text("")
    (root / "constraints.txt").write_text("")
    return root


def run(root: Path, script: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, root / "scripts" / script, *words]
    env = {**os.environ, "PIP_NO_INDEX": "1", **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=root.parent)


@pytest.mark.parametrize("script", ["try_it.py", "run_tests.py"])
def test_help_makes_no_environment(checkout: Path, script: str) -> None:
    told = run(checkout, script, "--help")
    assert told.returncode == 0
    assert script in told.stdout
    assert not (checkout / ".venv").exists()


def test_without_a_network_the_reason_is_a_sentence_and_the_next_run_goes_on(checkout: Path) -> None:
    for _ in range(2):
        failed = run(checkout, "try_it.py", "x", PIP_FIND_LINKS="")
        assert failed.returncode == 1
        assert "Traceback" not in failed.stderr
        assert "Run the same command again" in failed.stderr
        assert not (checkout / ".venv" / "alya-mcp.stamp").exists()


def test_a_broken_environment_is_made_again(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(checkout / "a python that went away")
    failed = run(checkout, "try_it.py", "x", PIP_FIND_LINKS="")
    assert "is broken; making it again" in failed.stderr
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0
