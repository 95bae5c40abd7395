"""`alya-mcp call`: exit codes, output and endings, each by a real process that starts a real server."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import loopback_source
import pytest
from command_line import COMMAND, Run, WritePolicy
from gallery import Gallery
from PIL import Image
from raw_client import PATIENCE, eventually, processes_of

from alya_mcp.tools import load_catalogue


def audit_outcomes(home: Path) -> list[str]:
    lines = [line for file in (home / "audit").glob("*.jsonl") for line in file.read_text().splitlines()]
    records = [json.loads(line) for line in lines]
    return [record["outcome"] for record in records if "outcome" in record]


# -- exit codes -------------------------------------------------------------------------------------


def test_an_answer_ends_with_0_and_stands_on_stdout(run: Run) -> None:
    ended = run("call", "alya_status")
    assert (ended.code, ended.err) == (0, "")
    assert "engine" in ended.out
    assert "policy" in ended.out


def test_json_output_is_a_call_tool_result_that_fits_the_tools_schema(run: Run) -> None:
    ended = run("call", "alya_usage", "window=day", "--output", "json")
    assert (ended.code, ended.err) == (0, "")
    result = ended.json
    jsonschema.validate(result["structuredContent"], load_catalogue()["alya_usage"].output_schema)
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    assert result["structuredContent"]["window"] == "day"
    assert result["isError"] is False


def test_a_tool_error_ends_with_1_and_its_words_stand_on_stderr(run: Run) -> None:
    ended = run("call", "image_gen", "prompt= ")
    assert (ended.code, ended.out) == (1, "")
    assert "prompt holds only blanks" in ended.err


def test_a_tool_error_is_a_result_on_stdout_in_json(run: Run) -> None:
    ended = run("call", "image_gen", "prompt= ", "--output", "json")
    assert ended.code == 1
    assert ended.json["isError"] is True


def test_arguments_that_do_not_fit_end_with_1_and_reach_the_tool_as_numbers(run: Run) -> None:
    ended = run("call", "image_gen", "prompt=a red circle", "steps=99")
    assert (ended.code, ended.out) == (1, "")
    assert "steps is 99; it takes integer from 1 to 8" in ended.err


def test_a_denied_call_ends_with_3_and_says_which_rule(run: Run, write_policy: WritePolicy) -> None:
    policy = write_policy(
        {
            "version": "1",
            "default": "allow",
            "tools": {"alya_status": {"action": "deny", "reason": "not today"}},
        }
    )
    ended = run("call", "alya_status", "--policy", str(policy))
    assert (ended.code, ended.out) == (3, "")
    assert "not today" in ended.err
    in_json = run("call", "alya_status", "--policy", str(policy), "--output", "json")
    assert in_json.code == 3
    decision = in_json.json["_meta"]["alya/decision"]
    assert (decision["decision"], decision["rule"]) == ("deny", "/tools/alya_status/action")


def test_the_default_denies_with_3(run: Run, write_policy: WritePolicy) -> None:
    policy = write_policy({"version": "1", "default": "deny", "tools": {"alya_usage": {}}})
    ended = run("call", "alya_status", "--policy", str(policy), "--output", "json")
    assert ended.code == 3
    assert ended.json["_meta"]["alya/decision"]["rule"] == "(default deny)"


def test_unknown_and_hidden_tools_end_with_2_in_the_same_words(run: Run, write_policy: WritePolicy) -> None:
    policy = str(write_policy({"version": "1", "default": "allow", "hide": ["image_gen"]}))
    hidden, unknown = (
        run("call", "image_gen", "--policy", policy),
        run("call", "nonsense", "--policy", policy),
    )
    assert (hidden.code, hidden.out, unknown.code, unknown.out) == (2, "", 2, "")
    assert hidden.err.replace("image_gen", "X") == unknown.err.replace("nonsense", "X")
    assert "Unknown tool: nonsense" in unknown.err


def test_an_unknown_tool_is_answered_with_the_nearest_name(run: Run) -> None:
    ended = run("call", "alya_stats")
    assert ended.code == 2
    assert "Unknown tool: alya_stats. Did you mean 'alya_status'?" in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("prompt",), "'prompt' isn't an argument; write key=value"),
        (("=x",), "'=x' isn't an argument"),
        (("steps=1", "steps=2"), "The argument 'steps' is given twice"),
        (("steps=1", "--args", '{"steps": 2}'), "The argument 'steps' is given twice"),
        (("steps:=one",), "The value of 'steps' is not JSON"),
        (("--args", "{prompt: x}"), "The value of --args is not JSON"),
        (("--args", "[1]"), "--args takes a JSON object"),
        (("--args", '{"steps": NaN}'), "NaN isn't a number that JSON can carry"),
        (("--timeout", "0"), "--timeout"),
        (("--policy", "missing.json"), "'missing.json' does not exist"),
        (("--save", "missing/picture.png"), "The folder of --save missing/picture.png doesn't exist"),
    ],
)
def test_wrong_usage_ends_with_2_before_a_server_is_started(
    run: Run, alya_home: Path, words: tuple[str, ...], message: str
) -> None:
    ended = run("call", "image_gen", *words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert list(alya_home.iterdir()) == []


# -- the server that a call starts ------------------------------------------------------------------


def test_the_server_inherits_the_environment(run: Run, write_policy: WritePolicy) -> None:
    policy = write_policy({"version": "1", "default": "deny"})
    assert run("call", "alya_status", ALYA_POLICY=str(policy)).code == 3


def test_the_servers_words_are_shown(run: Run, alya_home: Path) -> None:
    (alya_home / "audit").write_text("a file where a folder should be")
    ended = run("call", "alya_status")
    assert ended.code == 3
    assert "alya-mcp: calls are denied: the audit log" in ended.err


def test_a_policy_that_cannot_be_used_is_named_before_the_denial(run: Run, write_policy: WritePolicy) -> None:
    policy = write_policy({"version": "1", "default": "alow"})
    ended = run("call", "alya_status", "--policy", str(policy))
    assert ended.code == 3
    assert f"{policy}: line 3, column 14: /default:" in ended.err


def test_files_in_the_current_folder_do_not_get_into_the_server(
    cli_env: dict[str, str], tmp_path: Path
) -> None:
    for name in ("anyio.py", "json.py", "alya_mcp.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the current folder')")
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "alya_mcp", "call", "alya_status"], env=cli_env, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")


# -- endings ----------------------------------------------------------------------------------------


@contextmanager
def call_in_progress(env: dict[str, str], cwd: Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A call of image_gen that has shown its first progress."""
    command = [*COMMAND, "call", "image_gen", "prompt=a red circle", *words]
    with subprocess.Popen(
        command, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            assert "%" in process.stderr.readline()
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_ctrl_c_cancels_the_call_ends_the_server_and_exits_with_130(
    cli_env: dict[str, str], tmp_path: Path, alya_home: Path, tiny_model: str
) -> None:
    with call_in_progress({**cli_env, "ALYA_IMAGE_MODEL": tiny_model}, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert "Stopped." in err
    assert "Traceback" not in err
    assert audit_outcomes(alya_home) == ["cancelled"]
    eventually(lambda: not processes_of(alya_home), "the end of server and worker")


def test_a_killed_call_leaves_no_server_behind(
    cli_env: dict[str, str], tmp_path: Path, alya_home: Path, tiny_model: str
) -> None:
    with call_in_progress({**cli_env, "ALYA_IMAGE_MODEL": tiny_model}, tmp_path) as process:
        process.kill()
        process.communicate()
    (alya_home / "stopped").touch()  # else a worker that has begun to draw goes on
    eventually(lambda: not processes_of(alya_home), "the end of server and worker")


def the_server(home: Path) -> int | None:
    """The server's process; None while a child of it hasn't become another program yet."""
    found = [pid for pid, command in processes_of(home).items() if command.rstrip().endswith("serve")]
    return found[0] if len(found) == 1 else None


def test_a_server_that_ends_during_a_call_ends_it_with_1(
    cli_env: dict[str, str], tmp_path: Path, alya_home: Path, tiny_model: str
) -> None:
    with call_in_progress({**cli_env, "ALYA_IMAGE_MODEL": tiny_model}, tmp_path) as process:
        server = eventually(lambda: the_server(alya_home), "the server alone under its command line")
        os.kill(server, signal.SIGKILL)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (1, "")
    assert "The server ended before it answered" in err
    assert "Traceback" not in err
    (alya_home / "stopped").touch()


def test_a_timeout_cancels_the_call_and_ends_with_1(run: Run, alya_home: Path) -> None:
    """The service asked never answers, and is given up after 8 s; the call begins long before the 4 s."""
    with loopback_source.running() as source:
        source.gate.clear()
        ended = run("call", "alya_weather_now", "city=Izmir", "--timeout", "4",
                    ALYA_OPEN_METEO_GEOCODING_URL=source.url)  # fmt: skip
    assert (ended.code, ended.out) == (1, "")
    assert "alya_weather_now didn't answer within 4 s and was cancelled" in ended.err
    assert audit_outcomes(alya_home) == ["cancelled"]


# -- pictures ---------------------------------------------------------------------------------------


def test_a_picture_is_shown_by_its_facts_with_the_url_last_and_saved_where_asked(
    run: Run, tmp_path: Path, gallery: Gallery
) -> None:
    seed = gallery.seed()
    ended = run(
        "call", "image_gen", "prompt=a red circle", f"seed={seed}", "steps=1", "--save", "picture.png",
        **gallery.variables(http_proxy="http://127.0.0.1:1"),
    )  # fmt: skip
    assert ended.code == 0, ended.err
    *facts, url = ended.out.splitlines()
    assert url.startswith("http://127.0.0.1:")
    named = {line.split()[0]: line for line in facts}
    assert f"{seed} (1 steps)" in named["seed"]
    assert "1024x1024 png" in named["size"]
    assert "not with FLUX.1-schnell" in named["notice"]
    assert {"model", "file", "expires"} <= named.keys()
    assert "Saved picture.png" in ended.err
    assert "%" in ended.err
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.size == (1024, 1024)


def test_there_is_nothing_to_save_of_an_answer_without_a_link(run: Run, tmp_path: Path) -> None:
    ended = run("call", "alya_status", "--save", "status.png")
    assert ended.code == 1
    assert "The answer links to no file" in ended.err
    assert not (tmp_path / "status.png").exists()


# -- a terminal -------------------------------------------------------------------------------------


def on_a_terminal(words: tuple[str, ...], env: dict[str, str], cwd: Path) -> tuple[int, str, str]:
    """Run a command whose standard error is a terminal: its exit code, its output, what the terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words], env={**env, "TERM": "xterm", "COLUMNS": "100"}, cwd=cwd,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, out, shown.decode()


def test_on_a_terminal_the_progress_bar_is_redrawn_and_wiped(
    cli_env: dict[str, str], tmp_path: Path, gallery: Gallery
) -> None:
    env = {**cli_env, **gallery.variables()}
    code, out, shown = on_a_terminal(("call", "image_gen", "prompt=a", "steps=1"), env, tmp_path)
    assert code == 0
    assert "\x1b" not in out
    frames = shown.split("\r\x1b[K")
    assert frames[-1] == ""
    assert any(frame.startswith("[####") and "%" in frame for frame in frames)
    assert "\n" not in shown


def test_on_a_terminal_the_servers_words_stand_on_lines_of_their_own(
    cli_env: dict[str, str], tmp_path: Path, alya_home: Path
) -> None:
    (alya_home / "audit").write_text("a file where a folder should be")
    code, _, shown = on_a_terminal(("call", "alya_status"), cli_env, tmp_path)
    assert code == 3
    lines = [line.rpartition("\x1b[K")[2] for line in shown.splitlines()]
    assert any(line.startswith("alya-mcp: calls are denied: ") for line in lines)
