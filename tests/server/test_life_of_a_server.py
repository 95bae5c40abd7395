"""How a server ends, and what happens when a client reads nothing."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forking_server import forked
from raw_client import MODERN, PATIENCE, SERVER, RawClient, Servers, envelope, environment, eventually
from scene import ODD_SERVER, audit_records, write_policy

from alya_mcp.gate import Report, SqliteState, verify

PROMISED = 1.0
"""Seconds within which a server ends. Measured and shown, not asserted: the machine may be busy."""


def settled(home: Path, request: object) -> list[str | None]:
    return [record.get("outcome") for record in audit_records(home) if record.get("request") == request]


def read_log(home: Path) -> Report:
    """What the log proves, which must be that nothing in it was changed."""
    state = SqliteState(home / "state.sqlite")
    report = verify(home / "audit", state)
    state.close()
    assert report.broken == []
    return report


def show(record_property: Any, name: str, seconds: float) -> None:
    record_property(name, f"{seconds:.3f} s of {PROMISED} s")


def test_an_idle_server_ends_when_standard_input_closes(start_server: Servers, record_property: Any) -> None:
    with start_server() as client:
        client.initialize()
        closed = client.close_stdin()
        assert client.exit_code() == 0
        show(record_property, "idle_exit", time.monotonic() - closed)
        assert client.stderr() == ""


def test_a_server_ends_when_standard_input_closes_before_the_first_message(start_server: Servers) -> None:
    with start_server() as client:
        client.close_stdin()
        assert client.exit_code() == 0


def test_a_request_just_before_the_end_of_input_is_answered(start_server: Servers) -> None:
    with start_server() as client:
        client.initialize()
        request_id = client.post("tools/list")
        client.close_stdin()
        assert client.answer(request_id)["result"]["tools"]
        assert client.exit_code() == 0


def test_whatever_came_before_the_end_of_input_is_answered_whole(start_server: Servers) -> None:
    client = start_server(reading=False)
    _initialize_blindly(client)
    listed, called = client.post("tools/list"), client.post("tools/call", {"name": "alya_usage"})
    client.close_stdin()
    assert client.process.stdout
    output = b""
    while piece := client.process.stdout.read1(4096):
        output += piece
    answers = {message["id"]: message for message in map(json.loads, output.splitlines())}
    assert answers[listed]["result"]["tools"]
    assert not answers[called]["result"].get("isError")
    assert client.exit_code() == 0


def test_a_last_line_without_a_newline_is_read(start_server: Servers) -> None:
    with start_server() as client:
        client.initialize()
        client.send(b'{"jsonrpc":"2.0","id":"last","method":"ping"}')
        client.close_stdin()
        assert client.answer("last")["result"] == {}
        assert client.exit_code() == 0


def test_closing_standard_input_during_a_call_stops_it_and_settles_it(
    start_odd: Callable[..., RawClient], alya_home: Path, record_property: Any
) -> None:
    with start_odd() as client:
        request_id = client.post("tools/call", {"name": "wait", "arguments": {"text": "mark"}})
        eventually((alya_home / "mark.started").exists, "the start of the handler")
        closed = client.close_stdin()
        assert client.exit_code() == 0
        show(record_property, "exit_during_a_call", time.monotonic() - closed)
        assert (alya_home / "mark.stopped").exists()
        assert settled(alya_home, request_id) == [None, "cancelled"]
        assert read_log(alya_home).unsettled == 0


def test_a_handler_in_a_thread_that_never_returns_does_not_hold_the_process(
    start_odd: Callable[..., RawClient], alya_home: Path, record_property: Any
) -> None:
    with start_odd() as client:
        client.post("tools/call", {"name": "stubborn", "arguments": {"text": "mark"}})
        eventually((alya_home / "mark.started").exists, "the start of the handler")
        closed = client.close_stdin()
        assert client.exit_code() == 1
        show(record_property, "exit_during_a_stubborn_call", time.monotonic() - closed)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_ends_the_server_and_settles_its_calls(
    start_odd: Callable[..., RawClient], alya_home: Path, name: str
) -> None:
    with start_odd() as client:
        request_id = client.post("tools/call", {"name": "wait", "arguments": {"text": "mark"}})
        eventually((alya_home / "mark.started").exists, "the start of the handler")
        client.process.send_signal(signal.Signals[name])
        assert client.exit_code() == 0
        assert (alya_home / "mark.stopped").exists()
        assert settled(alya_home, request_id) == [None, "cancelled"]
        assert read_log(alya_home).unsettled == 0
        assert "Traceback" not in client.stderr()


def test_the_log_is_whole_after_a_kill(start_odd: Callable[..., RawClient], alya_home: Path) -> None:
    with start_odd(apart=True) as client:
        assert not client.call("echo", {"text": "before"})["result"].get("isError")
        client.post("tools/call", {"name": "wait", "arguments": {"text": "mark"}})
        eventually((alya_home / "mark.started").exists, "the start of the handler")
        client.process.kill()
        assert client.exit_code() == -signal.SIGKILL
    report = read_log(alya_home)
    assert (report.records, report.unsettled) == (3, 1)
    with start_odd() as client:
        assert not client.call("echo", {"text": "after"})["result"].get("isError")
    assert read_log(alya_home).records == 5


def test_cancelling_a_call_stops_its_handler_and_is_never_answered(
    start_odd: Callable[..., RawClient], alya_home: Path
) -> None:
    with start_odd() as client:
        request_id = client.post("tools/call", {"name": "wait", "arguments": {"text": "mark"}})
        eventually((alya_home / "mark.started").exists, "the start of the handler")
        client.send_message(
            {
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": {"requestId": request_id, "reason": "enough"},
            }
        )
        eventually((alya_home / "mark.stopped").exists, "the end of the handler")
        eventually(lambda: settled(alya_home, request_id) == [None, "cancelled"], "the settlement in the log")
        assert client.alive()
        assert [m for m in client.messages if m.get("id") == request_id] == []


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_official_client_sees_progress_that_only_rises(
    alya_home: Path, alya_env: dict[str, str], tmp_path: Path, mode: str
) -> None:
    from mcp import Client, StdioServerParameters, stdio_client

    write_policy(alya_home, {"version": "1", "default": "allow"})
    seen: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        seen.append((done, total, message))

    command, *words = forked(*ODD_SERVER[1:])
    server = StdioServerParameters(command=command, args=words, env=alya_env)
    with (tmp_path / "stderr").open("w") as errlog:
        async with Client(stdio_client(server, errlog), mode=mode) as client:
            result = await client.call_tool("advance", {}, progress_callback=progress)
            assert result.structured_content == {"text": "done"}
    assert seen == [(0, 10, "at 0"), (1, 10, "at 1"), (2, 10, "at 2"), (3.5, 10, "at 3.5"), (10, 10, "at 10")]


@pytest.mark.anyio
async def test_a_cancelled_scope_of_the_official_client_stops_the_handler(
    alya_home: Path, alya_env: dict[str, str], tmp_path: Path
) -> None:
    import anyio
    from mcp import Client, StdioServerParameters, stdio_client

    write_policy(alya_home, {"version": "1", "default": "allow"})
    command, *words = forked(*ODD_SERVER[1:])
    server = StdioServerParameters(command=command, args=words, env=alya_env)
    with (tmp_path / "stderr").open("w") as errlog:
        async with (
            Client(stdio_client(server, errlog), mode="legacy") as client,
            anyio.create_task_group() as group,
        ):
            group.start_soon(client.call_tool, "wait", {"text": "mark"})
            with anyio.fail_after(PATIENCE):
                await anyio.to_thread.run_sync(eventually, (alya_home / "mark.started").exists, "the start")
                group.cancel_scope.cancel()
    eventually((alya_home / "mark.stopped").exists, "the end of the handler")


def test_a_client_that_reads_nothing_and_then_leaves_ends_the_server(
    start_server: Servers, alya_home: Path
) -> None:
    client = start_server(reading=False)
    pour = threading.Thread(target=_pour, args=(client, 400), daemon=True)
    pour.start()
    eventually(lambda: _pipe_is_full(client), "a full pipe")
    assert client.process.stdout
    client.process.stdout.close()
    assert client.exit_code() == 0
    pour.join(PATIENCE)
    assert not pour.is_alive()


def test_a_client_that_reads_nothing_and_closes_its_input_ends_the_server(
    start_server: Servers, record_property: Any
) -> None:
    client = start_server(reading=False)
    _initialize_blindly(client)
    for _ in range(40):
        client.send(b"not a message\n" * 100)
        client.post("tools/list")
    eventually(lambda: _pipe_is_full(client), "a full pipe")
    closed = client.close_stdin()
    assert client.exit_code() == 1
    show(record_property, "exit_with_a_full_pipe", time.monotonic() - closed)


def test_a_client_that_reads_late_gets_every_answer(start_server: Servers) -> None:
    client = start_server(reading=False)
    _initialize_blindly(client)
    ids = [client.post("tools/list") for _ in range(60)]
    eventually(lambda: _pipe_is_full(client), "a full pipe")
    client.read()
    for request_id in ids:
        assert client.answer(request_id)["result"]["tools"]


def test_crashes_with_nobody_reading_standard_error_stay_answered(
    start_odd: Callable[..., RawClient],
) -> None:
    with start_odd(stderr=subprocess.PIPE) as client:
        for _ in range(1500):  # about 100 bytes each: more than a pipe holds
            assert client.call("crash")["result"]["isError"]
        assert not client.call("echo", {"text": "x"})["result"].get("isError")


def test_a_closed_standard_error_costs_nothing(alya_home: Path, tmp_path: Path) -> None:
    write_policy(alya_home, {"version": "1", "default": "allow"})
    boot = ("/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *ODD_SERVER)
    with RawClient(environment(alya_home), tmp_path / "stderr", boot) as client:
        client.initialize()
        assert client.call("crash")["result"]["isError"]
        assert client.call("chatter")["result"]["structuredContent"]["text"] == "''\n"


def test_a_regular_file_as_standard_input_is_served_to_its_end(alya_home: Path, tmp_path: Path) -> None:
    script = tmp_path / "requests.jsonl"
    requests = [
        {"jsonrpc": "2.0", "id": 0, "method": "server/discover", "params": {"_meta": envelope()}},
        "broken",
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": envelope()}},
    ]
    script.write_text("\n".join(json.dumps(each) for each in requests) + "\n")
    answers = tmp_path / "answers.jsonl"
    with script.open("rb") as source, answers.open("wb") as target:
        env = environment(alya_home)
        done = subprocess.run(
            SERVER, stdin=source, stdout=target, stderr=subprocess.PIPE, env=env, check=False
        )
    assert done.returncode == 0, done.stderr
    by_id = {message["id"]: message for message in map(json.loads, answers.read_bytes().splitlines())}
    assert set(by_id) == {0, None, 1}
    assert by_id[1]["result"]["tools"]


def test_the_null_device_as_standard_input_ends_the_server(alya_home: Path) -> None:
    done = subprocess.run(
        SERVER,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment(alya_home),
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_one_socket_as_both_streams_is_served(alya_home: Path) -> None:
    import socket

    ours, theirs = socket.socketpair()
    process = subprocess.Popen(SERVER, stdin=theirs, stdout=theirs, env=environment(alya_home))
    theirs.close()
    with ours, ours.makefile("rb") as lines:
        ours.settimeout(PATIENCE)
        for number in range(20):
            request = {
                "jsonrpc": "2.0",
                "id": number,
                "method": "tools/list",
                "params": {"_meta": envelope()},
            }
            ours.sendall(json.dumps(request).encode() + b"\n")
        assert {json.loads(lines.readline())["id"] for _ in range(20)} == set(range(20))
        ours.shutdown(socket.SHUT_WR)
        assert process.wait(PATIENCE) == 0


def _initialize_blindly(client: RawClient) -> None:
    client.post(
        "initialize",
        {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "blind", "version": "1"},
        },
    )
    client.send_message({"jsonrpc": "2.0", "method": "notifications/initialized"})


def _pour(client: RawClient, count: int) -> None:
    try:
        _initialize_blindly(client)
        for _ in range(count):
            client.post("tools/list")
    except BrokenPipeError:
        pass


def _pipe_is_full(client: RawClient) -> bool:
    """Whether standard output holds so much that one more list of tools has no room."""
    import fcntl
    import struct
    import termios

    assert client.process.stdout
    held = struct.unpack("i", fcntl.ioctl(client.process.stdout, termios.FIONREAD, b"\0" * 4))[0]
    capacity = fcntl.fcntl(client.process.stdout, fcntl.F_GETPIPE_SZ) if sys.platform == "linux" else 65_536
    return held > capacity // 2
