"""`alya-mcp audit`: reads what real calls left behind, whole and tampered with."""

import csv
import json
import os
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import COMMAND, Run, WritePolicy, run_command
from raw_client import PATIENCE, environment, eventually

from alya_mcp.gate import Audit, Call, Decision, SqliteState, SystemClock


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a server that answered one call and ended."""
    home = tmp_path_factory.mktemp("recorded")
    env = environment(home, HOME=str(tmp_path_factory.mktemp("person")))
    assert run_command(("call", "alya_usage"), env, home).code == 0
    return home


@pytest.fixture
def log(recorded: Path, alya_home: Path) -> Path:
    """The one audit file of one answered call."""
    shutil.copytree(recorded, alya_home, dirs_exist_ok=True)
    (file,) = (alya_home / "audit").glob("*.jsonl")
    return file


def test_tail_shows_the_decision_and_the_outcome_of_a_call(run: Run, log: Path) -> None:
    ended = run("audit", "tail")
    assert (ended.code, ended.err) == (0, "")
    decided, settled = ended.out.splitlines()
    records = [json.loads(line) for line in log.read_text().splitlines()]
    moments = [f"{record['time'][:23]}Z" for record in records]
    assert decided.split() == [moments[0], records[0]["session"][:8], "local", "alya_usage", "allow"]
    assert settled.split()[:5] == [moments[1], records[1]["session"][:8], "local", "alya_usage", "ok"]
    assert settled.endswith(" ms  0 USD")


def test_tail_in_json_is_the_log_line_by_line(run: Run, log: Path) -> None:
    ended = run("audit", "tail", "-n", "1", "--output", "json")
    assert json.loads(ended.out) == json.loads(log.read_text().splitlines()[-1])
    none = run("audit", "tail", "-n", "0")
    assert (none.code, none.out, none.err) == (0, "", "")


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
        assert tail.stdout
        seen: list[str] = []
        reader = threading.Thread(target=lambda out=tail.stdout: seen.append(out.readline()), daemon=True)
        reader.start()

        def call_until_it_is_seen() -> bool:
            # A call that was through before the tail began isn't shown; the next one is.
            assert run("call", "alya_status").code == 0
            return bool(seen)

        try:
            eventually(call_until_it_is_seen, "a line of the tail")
            assert "alya_status" in seen[0]
            tail.send_signal(2)
            _, err = tail.communicate(timeout=PATIENCE)
        finally:
            tail.kill()
            reader.join()
    assert tail.returncode == 130
    assert "Traceback" not in err


def test_an_empty_home_has_nothing_to_show_and_a_whole_log(run: Run, alya_home: Path) -> None:
    shown = run("audit", "tail")
    assert (shown.code, shown.out) == (0, "")
    assert shown.err == f"Nothing is recorded in {alya_home / 'audit'}.\n"
    ended = run("audit", "verify")
    assert (ended.code, ended.out) == (0, "whole: 0 records in 0 chains and 0 files\n")
    assert list(alya_home.iterdir()) == []


def test_verify_ends_with_0_for_a_log_as_it_was_written(run: Run, log: Path) -> None:
    assert (run("audit", "verify").code, run("audit", "verify").out) == (
        0,
        "whole: 2 records in 1 chain and 1 file\n",
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


DAY = 86_400 * 1_000_000_000


class DaysAgo(SystemClock):
    """The machine's clock, so many days ago."""

    def __init__(self, days: int) -> None:
        self.days = days

    def time_ns(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return time.time_ns() - self.days * DAY


@pytest.fixture
def old_calls(alya_home: Path) -> None:
    """What four calls of three and of ten days ago left behind."""
    shadow = Decision("deny", "/tools/draw/max_repeats", "", None, "p", "shadow")
    for days in (10, 3):
        state = SqliteState(alya_home / "state.sqlite")
        audit = Audit(alya_home / "audit", state, DaysAgo(days))
        call = Call(tool="draw", arguments={"n": 1}, session=f"s{days}", grant="=kim")
        allowed = audit.decided(call, Decision("allow", "", "", None, "p", shadow=(shadow,)), None)
        audit.settled(call, allowed, "ok", 12.5, 0.25)
        audit.decided(call, Decision("ask", "/tools/draw/action", "a person is asked", None, "p"), None)
        audit.close()
        state.close()


def test_tail_shows_who_is_asked_and_what_shadowed_rules_would_say(run: Run, old_calls: None) -> None:
    lines = run("audit", "tail").out.splitlines()
    assert lines[0].endswith("allow      (shadow: deny by /tools/draw/max_repeats)")
    assert lines[2].endswith("ask        /tools/draw/action a person is asked")


def test_export_prints_what_is_asked_for_in_the_form_asked_for(
    run: Run, old_calls: None, alya_home: Path
) -> None:
    ended = run("audit", "export")
    logs = sorted((alya_home / "audit").glob("*.jsonl"))
    assert (ended.code, ended.err, ended.out) == (0, "", "".join(log.read_text() for log in logs))
    words = ("--format", "csv", "--since", "7d", "--until", "2999-12-31", "--decision", "allow")
    (row,) = csv.DictReader(run("audit", "export", *words).out.splitlines())
    assert (row["session"], row["grant"], row["outcome"], row["usd"]) == ("s3", "'=kim", "ok", "0.25")
    ended = run("audit", "export", "--format", "ocsf", "--session", "s10", "--decision", "ask")
    assert ended.json["disposition"] == "Approval needed"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--since", "yesterday"), "'yesterday' isn't a time"),
        (("--format", "csv", "--output", "json"), "A table isn't JSON"),
    ],
)
def test_export_says_what_it_does_not_take(run: Run, words: tuple[str, ...], told: str) -> None:
    ended = run("audit", "export", *words)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err


def test_report_writes_a_page_for_its_owner_or_prints_it(run: Run, old_calls: None, tmp_path: Path) -> None:
    ended = run("audit", "report", "--out", "page.html")
    assert (ended.code, ended.out) == (0, "")
    page = tmp_path / "page.html"
    assert "The log is whole" in page.read_text(encoding="utf-8")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert ended.err == "4 calls in page.html\n"
    ended = run("audit", "report", "--since", "7d")
    assert ended.out.startswith("<!doctype html>")
    assert "s10" not in ended.out


def test_report_in_json_has_the_figures(run: Run, old_calls: None) -> None:
    told = run("audit", "report", "--output", "json").json
    assert (told["whole"], told["calls"], told["asked"], told["usd"]) == (True, 4, 2, 0.5)


def test_report_says_why_a_page_can_not_be_written(run: Run, old_calls: None) -> None:
    ended = run("audit", "report", "--out", "no/such/folder/page.html")
    assert (ended.code, ended.out) == (2, "")
    assert "no/such/folder/page.html can't be written" in ended.err


def test_report_does_not_fill_a_terminal(cli_env: dict[str, str], old_calls: None) -> None:
    ours, terminal = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "audit", "report"], env=cli_env, stdout=terminal, stderr=subprocess.PIPE
    ) as it:
        _, err = it.communicate(timeout=120)
    os.close(terminal)
    os.close(ours)
    assert it.returncode == 2
    assert b"--out report.html" in err


def test_files_past_the_days_to_keep_go_and_the_log_stays_whole(
    run: Run, old_calls: None, alya_home: Path
) -> None:
    assert run("call", "alya_status", ALYA_AUDIT_KEEP_DAYS="5").code == 0
    assert len(list((alya_home / "audit").glob("*.jsonl"))) == 2
    ended = run("audit", "verify")
    assert (ended.code, ended.out) == (
        0,
        "whole: 5 records in 2 chains and 2 files; 1 older file went by retention\n",
    )
    ended = run("call", "alya_status", ALYA_AUDIT_KEEP_DAYS="0")
    assert "ALYA_AUDIT_KEEP_DAYS is '0'; it takes a whole number of days from 1 on" in ended.err
