"""`alya-mcp audit`: reads what real calls left behind, whole and tampered with."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import COMMAND, Run, WritePolicy


@pytest.fixture
def log(run: Run, alya_home: Path) -> Path:
    """The one audit file of one answered call."""
    assert run("call", "alya_usage").code == 0
    (file,) = (alya_home / "audit").glob("*.jsonl")
    return file


def test_tail_shows_the_decision_and_the_outcome_of_a_call(run: Run, log: Path) -> None:
    ended = run("audit", "tail")
    assert (ended.code, ended.err) == (0, "")
    decided, settled = ended.out.splitlines()
    assert "alya_usage" in decided
    assert "allow" in decided
    assert "ok" in settled
    assert " ms" in settled


def test_tail_in_json_is_the_log_line_by_line(run: Run, log: Path) -> None:
    ended = run("audit", "tail", "-n", "1", "--output", "json")
    assert json.loads(ended.out) == json.loads(log.read_text().splitlines()[-1])


def test_tail_names_the_rule_of_a_denial_but_no_argument(run: Run, write_policy: WritePolicy) -> None:
    policy = write_policy({"version": "1", "default": "deny"})
    assert run("call", "image_gen", "prompt=a secret wish", "--policy", str(policy)).code == 3
    ended = run("audit", "tail")
    assert "(default deny)" in ended.out
    assert "secret wish" not in ended.out


def test_tail_follows_what_is_written_after_it_began(
    run: Run, cli_env: dict[str, str], alya_home: Path
) -> None:
    command = [*COMMAND, "audit", "tail", "--follow", "-n", "0"]
    with subprocess.Popen(
        command, env=cli_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as tail:
        try:
            assert run("call", "alya_status").code == 0
            assert tail.stdout
            assert "alya_status" in tail.stdout.readline()
            tail.send_signal(2)
            _, err = tail.communicate(timeout=30)
        finally:
            tail.kill()
    assert tail.returncode == 130
    assert "Traceback" not in err


def test_an_empty_home_has_nothing_to_show_and_a_whole_log(run: Run, alya_home: Path) -> None:
    assert (run("audit", "tail").code, run("audit", "tail").out) == (0, "")
    ended = run("audit", "verify")
    assert (ended.code, ended.out) == (0, "whole: 0 records in 0 chains and 0 files\n")
    assert list(alya_home.iterdir()) == []


def test_verify_ends_with_0_for_a_log_as_it_was_written(run: Run, log: Path) -> None:
    assert (run("audit", "verify").code, run("audit", "verify").out) == (
        0,
        "whole: 2 records in 1 chains and 1 files\n",
    )
    assert run("audit", "verify", "--output", "json").json["whole"] is True


def _change_a_byte(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"decision":"allow"', b'"decision":"alloW"', 1))


def _cut_off_the_end(file: Path) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:1]))


def _swap_lines(file: Path) -> None:
    file.write_bytes(b"".join(reversed(file.read_bytes().splitlines(keepends=True))))


def _forget_the_state(file: Path) -> None:
    for path in file.parents[1].glob("state.sqlite*"):
        path.unlink()


@pytest.mark.parametrize(
    ("tamper", "line", "seq", "what"),
    [
        (_change_a_byte, 1, 1, "changed"),
        (_cut_off_the_end, None, None, "cut off"),
        (_swap_lines, 2, 1, "reordered"),
        (_forget_the_state, None, None, "unknown chain"),
    ],
)
def test_verify_ends_with_1_and_says_where_the_log_was_tampered_with(
    run: Run, log: Path, tamper: Callable[[Path], None], line: int | None, seq: int | None, what: str
) -> None:
    tamper(log)
    ended = run("audit", "verify", "--output", "json")
    assert ended.code == 1
    first = ended.json["broken"][0]
    assert (first["file"], first["line"], first["seq"], first["what"]) == (log.name, line, seq, what)
    text = run("audit", "verify")
    assert text.code == 1
    assert f"{log.name}{'' if line is None else f':{line}'}: {what}: " in text.out


def test_verify_reports_a_torn_last_line_and_ends_with_0(run: Run, log: Path) -> None:
    with log.open("ab") as file:
        file.write(b'{"seq":3,"ti')
    ended = run("audit", "verify")
    assert ended.code == 0
    assert f"{log.name}: the last line is cut short" in ended.err


def test_verify_and_tail_end_with_2_when_the_log_cannot_be_read(run: Run, log: Path, alya_home: Path) -> None:
    (alya_home / "audit.key").unlink()
    ended = run("audit", "verify")
    assert (ended.code, ended.out) == (2, "")
    assert "audit key" in ended.err
    log.unlink()
    log.parent.rmdir()
    log.parent.write_text("no folder")
    for command in ("tail", "verify"):
        ended = run("audit", command)
        assert (ended.code, ended.out) == (2, "")
        assert "can't be read" in ended.err
