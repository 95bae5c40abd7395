"""What stands in docs/cli.md, and what every command promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Run, run_command

from alya_mcp import __version__

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = (
    "",
    "call",
    "tools",
    "policy",
    "policy check",
    "policy explain",
    "policy test",
    "policy replay",
    "policy init",
    "approvals",
    "approvals list",
    "approvals show",
    "approvals approve",
    "approvals deny",
    "dashboard",
    "stop",
    "resume",
    "grants",
    "grants create",
    "grants list",
    "grants rotate",
    "grants revoke",
    "audit",
    "audit tail",
    "audit verify",
    "audit export",
    "audit report",
    "decisions",
    "decisions import",
    "decisions export",
    "youtube",
    "youtube connect",
    "youtube disconnect",
    "youtube import",
    "model",
    "model pull",
    "model accept",
    "model status",
    "model bench",
    "engine",
    "engine install",
    "engine status",
    "engine remove",
    "engine requirements",
    "install",
    "uninstall",
    "doctor",
    "serve",
)


def documented(command: str) -> str:
    """The help text that docs/cli.md shows for a command."""
    title = re.escape(f"$ {' '.join(['alya-mcp', *command.split()])} --help")
    found = re.search(
        rf"^```\n{title}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found, f"docs/cli.md doesn't show the help of {command!r}"
    return found.group(1)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_documentation_shows_the_real_help(run: Run, command: str) -> None:
    ended = run(*command.split(), "--help", COLUMNS="100")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == documented(command)


def test_the_documentation_shows_a_real_check_of_a_policy(run: Run, tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text('{\n  "version": "1",\n  "default": "alow"\n}')
    shown = run("policy", "check", "policy.json").out
    assert f"```\n$ alya-mcp policy check policy.json\n{shown}```\n" in DOCS.read_text(encoding="utf-8")


def test_the_documentation_shows_a_real_tool(run: Run) -> None:
    shown = run("tools", "alya_usage").out
    assert f"```\n$ alya-mcp tools alya_usage\n{shown}```\n" in DOCS.read_text(encoding="utf-8")


def test_help_imports_nothing_heavy(cli_env: dict[str, str]) -> None:
    script = (
        "import sys; sys.argv = ['alya-mcp', '--help']; from alya_mcp.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print('heavy:', {'mcp', 'pydantic', 'anyio', 'boto3'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=cli_env, capture_output=True, text=True, check=True
    )
    assert ended.stdout.endswith("heavy: set()\n")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (("",), {"call", "tools", "serve"}),
        (("call", "image"), {"image_gen"}),
        (("tools", "alya_u"), {"alya_usage"}),
        (("audit", "v"), {"verify"}),
        (("audit", "tail", "--output", ""), {"text", "json"}),
    ],
)
def test_a_shell_completes_commands_tools_and_choices(
    cli_env: dict[str, str], tmp_path: Path, typed: tuple[str, ...], offered: set[str]
) -> None:
    asked = {"COMP_WORDS": " ".join(("alya-mcp", *typed)), "COMP_CWORD": str(len(typed))}
    ended = run_command((), {**cli_env, **asked, "_ALYA_MCP_COMPLETE": "bash_complete"}, tmp_path)
    assert ended.code == 0
    assert offered <= {line.partition(",")[2] for line in ended.out.splitlines()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_completes(run: Run, shell: str) -> None:
    ended = run(_ALYA_MCP_COMPLETE=f"{shell}_source")
    assert ended.code == 0
    assert f"_ALYA_MCP_COMPLETE={shell}_complete" in ended.out


def test_the_version_is_the_packages(run: Run) -> None:
    assert run("--version").out == f"alya-mcp {__version__}\n"


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("toolz",), "tools"),
        (("policy", "chek", "x.json"), "check"),
        (("call", "alya_status", "--ouput", "json"), "--output"),
        (("audit", "tail", "--output", "jsn"), "json"),
    ],
)
def test_a_mistyped_command_or_option_ends_with_2_and_names_the_nearest(
    run: Run, words: tuple[str, ...], nearest: str
) -> None:
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert f"'{nearest}'" in ended.err


def test_a_setting_that_cannot_be_used_ends_every_command_with_2(run: Run) -> None:
    for words in (("tools",), ("call", "alya_status"), ("audit", "tail"), ("audit", "verify")):
        ended = run(*words, ALYA_HOME="relative/folder")
        assert (ended.code, ended.out) == (2, "")
        assert "ALYA_HOME is 'relative/folder'; it takes an absolute path" in ended.err


def test_output_into_a_pipe_that_nobody_reads_shows_no_traceback(cli_env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "alya_mcp", "tools"]
    with subprocess.Popen(command, env=cli_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert b"Error" not in process.stderr.read()
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here says that it is full")
def test_output_onto_a_full_disk_says_so_and_shows_no_traceback(cli_env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "alya_mcp", "tools"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command, env=cli_env, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "Error: nothing more can be written: No space left on device"
    assert "Traceback" not in ended.stderr
    assert "Exception" not in ended.stderr


INTERRUPT_AN_IMPORT = """\
import os, signal, sys
from importlib.machinery import PathFinder

class Interrupting(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in ("click", "anyio"):
            os.kill(os.getpid(), signal.SIGINT)
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Interrupting
"""


@pytest.mark.parametrize("words", [("tools",), ("serve",)])
def test_ctrl_c_while_a_command_is_still_being_loaded_ends_it_quietly(
    run: Run, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT_AN_IMPORT)
    ended = run(*words, PYTHONPATH=str(tmp_path))
    assert (ended.code, ended.out, ended.err) == (130, "", "Stopped.\n")
