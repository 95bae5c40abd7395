"""Every command of the documentation is run: here, or by the file that is named for it."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import Ended, run_command, run_here
from pages import PAGES, ROOT, blocks, commands, name_of, spans
from raw_client import PATIENCE, RawClient, environment

from alya_mcp.cli.arguments import Given
from alya_mcp.cli.main import group

HELP = "tests/cli/test_cli_help.py"
RELEASE = "scripts/release/check.py"
PACKAGES = "tests/packaging/test_packages.py"
INSTALLED = "tests/runtime/test_installation.py"

ELSEWHERE = {
    "README.md": {
        "alya-mcp doctor": "tests/cli/test_cli_doctor.py",
        "alya-mcp model status": "tests/cli/test_cli_model_status.py",
        "alya-mcp youtube connect": "tests/cli/test_cli_youtube.py",
        "alya-mcp dashboard": "tests/cli/test_cli_dashboard.py",
        "alya-mcp model pull": "tests/cli/test_cli_model_pull.py",
        "python3 scripts/try_it.py": "tests/docs/test_docs_commands.py",
    },
    "CONTRIBUTING.md": {
        "python3 scripts/run_tests.py": ".ci/run",
        "python scripts/new_tool.py": "tests/scripts/test_new_tool.py",
    },
    "docs/install.md": {
        ".venv/bin/python -m build": PACKAGES,
        ".venv/bin/python packaging/bundle/build.py": PACKAGES,
        ".venv/bin/python packaging/plugin/build.py": PACKAGES,
    },
    "docs/binary.md": {
        "chmod": RELEASE,
        "./alya-mcp": RELEASE,
        "alya-mcp engine install": RELEASE,
        "pip download": RELEASE,
    },
    "docs/cli.md": {
        "eval": HELP,
        "_ALYA_MCP_COMPLETE": HELP,
        "alya-mcp policy check": HELP,
        'alya-mcp call image_gen prompt="a red circle"': "tests/cli/test_cli_approvals.py",
        "alya-mcp approvals approve": "tests/cli/test_cli_approvals.py",
        "alya-mcp model pull": "tests/cli/test_cli_model_pull.py",
        "alya-mcp model status": "tests/cli/test_cli_model_status.py",
    },
    "docs/dashboard.md": {"alya-mcp dashboard": "tests/cli/test_cli_dashboard.py"},
    "docs/notify.md": {"python3 scripts/try_approvals.py": "tests/dashboard/test_dashboard_browser.py"},
    "docs/hosts.md": {".venv/bin/python scripts/hosts/run.py": "tests/scripts/test_hosts.py"},
    "docs/policy-tools.md": {
        "alya-mcp policy init": "tests/cli/test_cli_policy_tools.py",
        "alya-mcp policy explain": "tests/cli/test_cli_policy_tools.py",
        "alya-mcp policy replay": "tests/cli/test_cli_policy_tools.py",
    },
    "alya_mcp/images/sketch/MODEL_CARD.md": {"python scripts/sketch/": "scripts/sketch/train.py"},
}
"""By page, how commands begin that need a network, a GPU, a browser or an install, and what runs them."""

ASK_OUTSIDE = {
    "agent_registry": "tests/tools/directory/test_agents.py",
    "alya_antiques_undervalued": "tests/tools/goods/test_antiques.py",
    "alya_app_directory": "tests/tools/directory/test_apps.py",
    "alya_clone_chat": "tests/tools/clones/test_clones.py",
    "alya_demand_signals": "tests/tools/demand/test_demand.py",
    "alya_seismic_forecast": "tests/tools/earth/test_earth_forecast.py",
    "alya_seismic_recent": "tests/tools/earth/test_earth_recent.py",
    "alya_weather_now": "tests/tools/earth/test_earth_weather.py",
    "polymarket_edge": "tests/tools/markets/test_markets_edge.py",
    "polymarket_signals": "tests/tools/markets/test_markets_signals.py",
    "polymarket_top_traders": "tests/tools/markets/test_markets_account.py",
    "web_search": "tests/tools/web/test_web.py",
    "youtube_generate_video": "tests/tools/youtube/test_video_preview.py",
}
"""Tools whose calls are judged here, and made elsewhere: they ask outside services, or draw for minutes."""

TRIED = [each.text for each in blocks(ROOT / "docs" / "policy-tools.md") if each.language == "json"]
FILES = {
    "docs/tools/goods.md": {
        "gems.csv": "id,species,carat,price_usd\n17,ruby,1.2,\n"
        + "".join(f"{100 + n},ruby,1.{n},{4000 + 500 * n}\n" for n in range(9)),
        "listings.csv": "id,title,price\n1,Victorian silver teapot,450\n",
    },
    "docs/operations.md": {".local/share/alya-mcp/policy.json": TRIED[0]},
    "docs/policy-tools.md": dict(zip(("policy.json", "cases.json"), TRIED, strict=True)),
}
"""By page, the files that it speaks of as the user's own."""

DRAWS = "alya-mcp call image_gen"
CALLS = "alya-mcp call "
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def installed(page: Path) -> list[str]:
    """The page's commands without those that are run elsewhere."""
    begins = tuple(ELSEWHERE.get(name_of(page), ()))
    return [each for each in shown(page) if not each.startswith(begins) and not each.endswith(" --help")]


def shown(page: Path) -> list[str]:
    """The page's commands as if alya-mcp were on PATH."""
    return [each.replace(".venv/bin/alya-mcp", "alya-mcp") for each in commands(page)]


def calls() -> Iterator[tuple[str, Given]]:
    """Every call of a tool that the pages show: the tool, and its arguments as they are written."""
    for page in PAGES:
        for each in installed(page):
            if each.startswith(CALLS):
                words = shlex.split(each.partition(" > ")[0])[2:]
                given = group.commands["call"].make_context("call", words, resilient_parsing=True).params
                yield given["tool"], Given(given["words"], given["document"])


QUICK = [page for page in PAGES if any(not each.startswith(DRAWS) for each in installed(page))]
DRAWN = sorted({each for page in PAGES for each in installed(page) if each.startswith(DRAWS)})


OTHERS = ("tar", "mv")
"""Programs of the system that pages use."""


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """The home folder of a user who has used nothing yet; commands are run in it."""
    (tmp_path / "user").mkdir()
    return tmp_path / "user"


def variables(user: Path) -> dict[str, str]:
    env = environment(user / ".local" / "share" / "alya-mcp", HOME=str(user), ALYA_IMAGE_MODEL="sketch")
    return {name: value for name, value in env.items() if not name.startswith("XDG_")}


def run(words: list[str], user: Path, *, apart: bool = False) -> Ended:
    if apart:
        return run_command(tuple(words), variables(user), user, PATIENCE)
    return run_here(tuple(words), variables(user), user)


@pytest.mark.parametrize("page", QUICK, ids=name_of)
def test_the_commands_of_a_page_work_one_after_the_other(page: Path, user: Path) -> None:
    """Of a call of a tool, what the policy says: `test_the_calls_of_the_pages_are_answered` makes it."""
    for name, text in FILES.get(name_of(page), {}).items():
        (user / name).parent.mkdir(parents=True, exist_ok=True)
        (user / name).write_text(text, encoding="utf-8")
    for command in installed(page):
        line, _, target = command.partition(" > ")
        program, *words = shlex.split(line)
        if program in OTHERS:
            subprocess.run(["sh", "-c", line], env=variables(user), cwd=user, check=True)
            continue
        assert program == "alya-mcp", f"{command}: what runs it belongs into ELSEWHERE"
        if words[0] == "call":
            words = ["policy", "explain", *(each for each in words[1:] if each not in {"--output", "json"})]
        if command.startswith(DRAWS):
            continue
        done = run(words, user)
        assert done.code == 0, f"{command}: {done.err}\nWhat needs more belongs into ELSEWHERE."
        if target:
            (user / target).write_text(done.out, encoding="utf-8")


def test_the_calls_of_the_pages_are_answered(user: Path, tmp_path: Path) -> None:
    (user / "gems.csv").write_text(FILES["docs/tools/goods.md"]["gems.csv"])
    assert run(["gems", "import", "gems.csv"], user).code == 0
    made: set[str] = set()
    with RawClient(variables(user), tmp_path / "errors.log") as client:
        client.initialize()
        listed = client.request("tools/list")["result"]["tools"]
        schemas = {each["name"]: each["inputSchema"] for each in listed}
        for tool, given in calls():
            if tool in ASK_OUTSIDE or tool == "image_gen":
                continue
            answer = client.call(tool, given.read(schemas[tool]))["result"]
            assert not answer.get("isError"), (tool, answer["content"])
            made.add(tool)
    assert len(made) >= 7
    assert {tool for tool, _ in calls()} - made - {"image_gen"} == ASK_OUTSIDE.keys()


def test_what_runs_elsewhere_is_still_on_its_page_and_its_file_is_there() -> None:
    for page, entries in ELSEWHERE.items():
        for begins, file in entries.items():
            assert any(each.startswith(begins) for each in shown(ROOT / page)), (page, begins)
            assert (ROOT / file).is_file(), file
    assert [file for file in ASK_OUTSIDE.values() if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_stand_in_blocks_that_say_so(page: Path) -> None:
    begins = re.compile(r"(\./)?(\.venv/bin/)?(alya-mcp|python3?|pip|pipx|uvx?|docker|git|npm|npx) [\w-]")
    lines = [line for block in blocks(page) if block.language != "sh" for line in block.text.splitlines()]
    assert [line for line in lines if begins.match(line)] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_sentences_exist_and_take_the_options_that_are_written(page: Path) -> None:
    for each in [*spans(page), *commands(page)]:
        words = each.replace(".venv/bin/", "").removeprefix("./").split()
        if words[:1] == ["alya-mcp"] and len(words) > 1:
            check_command(words[1:], each)
        for script in re.findall(r"(?<![\w/])(?:scripts|packaging)/[\w/]+\.(?:py|sh)", each):
            assert (ROOT / script).is_file(), each
            options = re.findall(r"(?<!\S)--[\w-]+", each.partition(script)[2])
            text = (ROOT / script).read_text(encoding="utf-8")
            assert [option for option in options if option not in text] == [], each
        for extras in re.findall(r"'(?:\.|alya-mcp)\[([\w,-]+)\]'", each):
            assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"]), each


def test_commands_that_messages_name_exist() -> None:
    found = 0
    for file in (ROOT / "alya_mcp").rglob("*.py"):
        for each in re.findall(r"[`']alya-mcp ([a-z][^`'\n]*)[`']", file.read_text(encoding="utf-8")):
            check_command(each.split(), f"{file.name}: {each}")
            found += 1
    assert found >= 40


def check_command(words: list[str], written: str) -> None:
    """See that the command is there, with every option that is written."""
    command: click.Command = group
    for word in words:
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z]+", word):
            assert word in command.commands, written
            command = command.commands[word]
        elif word.startswith("-") and word != "-":
            known = {"--help", "-h", "--version"}.union(*(each.opts for each in command.params))
            assert word in known, f"{written}: {word}"


@pytest.mark.slow
def test_the_way_from_nothing_to_a_picture_in_claude_desktop(user: Path) -> None:
    """Steps 1 to 3, as the README has them; Claude Desktop is what starts the server it finds configured."""
    trial = next(each for each in commands(ROOT / "README.md") if "scripts/try_it.py" in each)
    env = variables(user)
    if not (ROOT / ".venv" / "alya-mcp.stamp").exists():
        pytest.skip("this checkout has no environment of its own")
    drawn = subprocess.run(
        [sys.executable, *shlex.split(trial)[1:]], cwd=ROOT, env=env, capture_output=True, text=True,
        timeout=3 * PATIENCE, check=True,
    )  # fmt: skip
    assert drawn.stdout.splitlines()[-1].startswith("http://127.0.0.1:")
    assert run(["install", "claude-desktop"], user).code == 0
    configured = user / ".config" / "Claude" / "claude_desktop_config.json"
    entry = json.loads(configured.read_text())["mcpServers"]["alya-mcp"]
    assert shutil.which(entry["command"]) == entry["command"]
    with RawClient(env, user / "errors.log", [entry["command"], *entry["args"]]) as client:
        client.initialize()
        answer = client.call("image_gen", {"prompt": "Draw a red star over a green meadow", "wait": 600})[
            "result"
        ]
    assert not answer.get("isError"), answer
    assert answer["content"][0]["text"].startswith("[Open the picture](http://127.0.0.1:")


@pytest.mark.slow
@pytest.mark.parametrize("command", DRAWN)
def test_a_picture_is_drawn_as_it_is_written(command: str, user: Path) -> None:
    done = run(shlex.split(command.partition(" > ")[0])[1:], user, apart=True)
    assert done.code == 0, done.err
    if "--output json" not in command:
        assert done.out.splitlines()[-1].startswith("http://127.0.0.1:")
