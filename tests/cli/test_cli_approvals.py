"""`alya-mcp approvals`, and a call that waits for a person, who is asked or told what to run."""

import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import COMMAND, Run

ASKS = '{"version": "1", "default": "allow", "tools": {"alya_usage": {"action": "require_approval"}}}'

Act = Callable[[subprocess.Popen[str], int], object]


@pytest.fixture(autouse=True)
def _policy(alya_home: Path) -> None:
    (alya_home / "policy.json").write_text(ASKS)


def test_a_call_that_was_approved_runs_once(run: Run) -> None:
    first = run("call", "alya_usage", "window=day")
    assert (first.code, first.out) == (4, "")
    assert "needs a person's approval (/tools/alya_usage/action)" in first.err
    approval = first.err.partition("alya-mcp approvals approve ")[2].split(";")[0]
    (listed,) = run("approvals", "list", "--output", "json").json
    assert (listed["id"], listed["status"], listed["caller"]) == (approval, "pending", "local")
    assert listed["arguments"]["window"] == "day"
    shown = run("approvals", "show", approval)
    assert shown.code == 0
    assert 'window: "day"' in shown.out
    assert run("approvals", "deny", approval, "--output", "json").json["status"] == "denied"
    approved = run("approvals", "approve", approval)
    assert approved.out.startswith(f"approved {approval}: alya_usage for local")
    assert run("call", "alya_usage", "window=day").code == 0
    used = run("approvals", "approve", approval)
    assert (used.code, used.out) == (1, "")
    assert "was used by a call" in used.err


def test_nothing_waits_at_first_and_unknown_questions_are_named(run: Run, alya_home: Path) -> None:
    empty = run("approvals", "list")
    assert (empty.code, empty.out) == (0, "")
    assert "Nothing waits" in empty.err
    unknown = run("approvals", "approve", "abcdefgh")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no question has the id 'abcdefgh'" in unknown.err
    assert not (alya_home / "state.sqlite").exists()


def at_a_terminal(env: dict[str, str], cwd: Path, act: Act) -> tuple[int, str, str]:
    """Make the call on a terminal where a yes is typed ahead, `act` when it asks; exit code, stdout, what the
    terminal showed."""
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n")
    process = subprocess.Popen(
        [*COMMAND, "call", "alya_usage"], env={**env, "TERM": "xterm"}, cwd=cwd,
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
            if shown.endswith(b"[y/N] "):
                act(process, ours)
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out, shown.decode()


@pytest.mark.parametrize(("typed", "code"), [(b"y\n", 0), (b"\n", 3), (b"\x04", 4)])
def test_at_a_terminal_the_person_is_asked_and_only_a_yes_is_one(
    cli_env: dict[str, str], tmp_path: Path, typed: bytes, code: int
) -> None:
    ended, out, shown = at_a_terminal(
        cli_env, tmp_path, lambda _, terminal: os.write(terminal, typed) and None
    )
    assert ended == code, shown
    assert "An agent asks to call alya_usage" in shown
    assert bool(out) is (code == 0)
    assert ("alya-mcp approvals approve " in shown) is (code != 0)


def test_ctrl_c_at_the_question_ends_the_call(cli_env: dict[str, str], tmp_path: Path) -> None:
    ended, out, shown = at_a_terminal(cli_env, tmp_path, lambda process, _: process.send_signal(2))
    assert (ended, out) == (130, "")
    assert "Traceback" not in shown
