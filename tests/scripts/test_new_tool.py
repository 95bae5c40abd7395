"""scripts/new_tool.py: a tool that `@tool` accepts, listed, denied and unfinished."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "new_tool.py"


def new_tool(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, "--root", root, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "alya_mcp", root / "alya_mcp", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "policy.json", root)
    return root


def test_a_new_tool_is_listed_denied_and_unfinished(copy: Path) -> None:
    made = new_tool(copy, "sea", "alya_tide_now", "--title", "Tides now", "--category", "Read")
    assert made.returncode == 0, made.stderr
    paths = ["alya_mcp/tools/sea/alya_tide_now.py", "tests/tools/sea/test_alya_tide_now.py"]
    assert made.stdout.splitlines() == paths
    policy = json.loads((copy / "policy.json").read_text())
    assert policy["tools"]["alya_tide_now"]["action"] == "deny"
    code = (
        "import anyio\n"
        "from alya_mcp.errors import NotConfigured\n"
        "from alya_mcp.tools import load_catalogue\n"
        "tool = load_catalogue()['alya_tide_now']\n"
        "assert (tool.title, tool.category) == ('Tides now', 'Read')\n"
        "try:\n"
        "    anyio.run(tool.run, {'query': 'x'}, None)\n"
        "except NotConfigured:\n"
        "    print('unfinished')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(copy)},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == "unfinished\n", ran.stderr


@pytest.mark.parametrize(
    "words",
    [("sea", "Tide"), ("../sea", "tide"), ("hub", "status"), ("sea", "tide", "--category", "Fun")],
)
def test_a_bad_name_or_one_that_is_taken_changes_nothing(copy: Path, words: tuple[str, ...]) -> None:
    before = (copy / "policy.json").read_text()
    refused = new_tool(copy, *words, "--title", "Tides")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert (copy / "policy.json").read_text() == before
