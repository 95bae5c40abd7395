"""Every command of the README and of docs/install.md is run: here, or by the test that is named for it."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Ended, run_command, run_here
from raw_client import PATIENCE, RawClient, environment

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/install.md")

ELSEWHERE = {
    "alya-mcp doctor": "tests/cli/test_cli_doctor.py",
    "alya-mcp model status": "tests/cli/test_cli_model_status.py",
    "alya-mcp youtube connect": "tests/cli/test_cli_youtube.py",
    "alya-mcp dashboard": "tests/cli/test_cli_dashboard.py",
    "alya-mcp model pull": "tests/cli/test_cli_model_pull.py",
    ".venv/bin/python -m build --no-isolation": "tests/packaging/test_packages.py",
    ".venv/bin/python packaging/bundle/build.py": "tests/packaging/test_packages.py",
    ".venv/bin/python packaging/plugin/build.py": "tests/packaging/test_packages.py",
    "uv tool install": "tests/runtime/test_installation.py",
    "pipx install": "tests/runtime/test_installation.py",
}
"""Commands, by how they begin, that need a network or a process of their own, and what runs them."""

DRAWS = ("alya-mcp call image_gen", "python3 scripts/try_it.py")


def commands() -> list[str]:
    """The lines of every `sh` block, without what a comment adds; each once."""
    found: dict[str, None] = {}
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                found[re.sub(r"\s+# .*", "", line).strip()] = None
    return [each.replace(".venv/bin/alya-mcp", "alya-mcp") for each in found]


QUICK = [each for each in commands() if not each.startswith((*ELSEWHERE, *DRAWS))]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "person").mkdir()
    return tmp_path / "home"


def run(words: list[str], home: Path, *, apart: bool) -> Ended:
    env = environment(home, HOME=str(home.parent / "person"), ALYA_IMAGE_MODEL="sketch")
    env = {name: value for name, value in env.items() if not name.startswith("XDG_")}
    if apart:
        return run_command(tuple(words), env, home.parent, PATIENCE)
    return run_here(tuple(words), env, home.parent)


def test_every_command_is_run_by_a_test_and_every_test_is_there() -> None:
    assert len(QUICK) >= 12
    assert all(shlex.split(each)[0] == "alya-mcp" for each in QUICK)
    for begins, test in ELSEWHERE.items():
        assert (ROOT / test).is_file()
        pages = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
        assert begins.removeprefix("alya-mcp") in pages, f"no page has {begins!r} any more"


@pytest.mark.parametrize("command", QUICK)
def test_a_command_works_as_it_is_written(command: str, home: Path) -> None:
    done = run(shlex.split(command)[1:], home, apart=False)
    assert done.code == 0, f"{done.err}\nA command that needs more belongs into ELSEWHERE, with what runs it."


@pytest.mark.slow
def test_the_way_from_nothing_to_a_picture_in_claude_desktop(home: Path) -> None:
    """Steps 1 to 3, as the README has them; Claude Desktop is what starts the server it finds configured."""
    trial = next(each for each in commands() if each.startswith("python3 scripts/try_it.py"))
    env = environment(home, HOME=str(home.parent / "person"))
    if not (ROOT / ".venv" / "alya-mcp.stamp").exists():
        pytest.skip("this checkout has no environment of its own")
    drawn = subprocess.run(
        [sys.executable, *shlex.split(trial)[1:]], cwd=ROOT, env=env, capture_output=True, text=True,
        timeout=3 * PATIENCE, check=True,
    )  # fmt: skip
    assert drawn.stdout.splitlines()[-1].startswith("http://127.0.0.1:")
    assert run(["install", "claude-desktop"], home, apart=False).code == 0
    configured = home.parent / "person" / ".config" / "Claude" / "claude_desktop_config.json"
    entry = json.loads(configured.read_text())["mcpServers"]["alya-mcp"]
    assert shutil.which(entry["command"]) == entry["command"]
    with RawClient(env, home.parent / "errors.log", [entry["command"], *entry["args"]]) as client:
        client.initialize()
        answer = client.call("image_gen", {"prompt": "Draw a red star over a green meadow", "wait": 600})[
            "result"
        ]
    assert not answer.get("isError"), answer
    assert answer["content"][0]["text"].startswith("http://127.0.0.1:")


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [each for each in commands() if each.startswith("alya-mcp call image_gen")]
)
def test_a_picture_is_drawn_as_it_is_written(command: str, home: Path) -> None:
    done = run(shlex.split(command)[1:], home, apart=True)
    assert done.code == 0, done.err
    if "--output json" not in command:
        assert done.out.splitlines()[-1].startswith("http://127.0.0.1:")
