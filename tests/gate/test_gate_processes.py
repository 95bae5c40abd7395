"""Several processes, killed processes, full disks and folders nobody may write, in real processes."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from gate_support import a_call, log_files, outcome_of, policy, records

from alya_mcp.gate import Audit, Gate, SqliteState, verify
from alya_mcp.gate.state import Entered, Slot

WORKER = str(Path(__file__).parents[1] / "support" / "gate_worker.py")


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers; none of them outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def one(home: Path, *words: str, prepare: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
        worker = subprocess.Popen(
            [sys.executable, WORKER, str(home), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )
        started.append(worker)
        return worker

    yield one
    for worker in started:
        worker.kill()
        worker.communicate(timeout=60)


def go(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdin is not None
    worker.stdin.write("go\n")
    worker.stdin.flush()


def line(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def a_policy(**rules: object) -> tuple[str, str]:
    return "--policy", json.dumps({"version": "1", "default": "allow", "all_tools": rules})


def test_four_processes_that_start_at_once_in_an_empty_home_share_it_and_its_limit(
    start: Start, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    words = a_policy(rate_limit={"max": 100, "window": "day", "scope": "grant"})
    workers = [start(home, *words) for _ in range(4)]
    assert [line(worker) for worker in workers] == ["ready"] * 4
    for worker in workers:
        go(worker)
    admitted: list[int] = []
    for worker in workers:
        output, _ = worker.communicate(timeout=60)
        *numbers, refusal = output.splitlines()
        assert refusal == "/all_tools/rate_limit None", output
        admitted.append(len(numbers))
    assert sum(admitted) == 100
    state = SqliteState(home / "state.db")
    report = verify(home / "audit", state)
    assert (report.broken, report.chains, report.records) == ([], 4, 204)
    assert state.usage("local")[0].calls == 100
    state.close()


def killed_again_and_again(worker: "subprocess.Popen[str]", home: Path, times: int) -> None:
    """Kill a process in the middle of its calls, `times` over, then let one go on to the limit."""
    chance = random.Random(times)
    admitted = refused = 0
    line(worker)
    for _ in range(times):
        go(worker)
        child = int(line(worker))
        said = [line(worker) for _ in range(chance.randrange(6))]
        os.kill(child, signal.SIGKILL)
        while (last := line(worker)) != "ended":
            said.append(last)
        refused += sum(not number.isdigit() for number in said)
        admitted += len(said)
    assert refused == 0, "a call was refused for the sake of a killed process"
    go(worker)
    line(worker)
    while (last := line(worker)).isdigit():
        admitted += 1
    assert last == "/all_tools/rate_limit None"
    assert line(worker) == "ended"
    assert list((home / "state.db-holders").iterdir()) == []

    state = SqliteState(home / "state.db")
    report = verify(home / "audit", state)
    written = records_but_torn(home / "audit")
    started = [record for record in written if record.get("decision") == "allow"]
    assert report.broken == []
    assert report.chains <= times + 1
    assert len([record for record in written if "outcome" in record]) >= admitted
    assert admitted <= len(started) <= most_calls(times)
    # A reservation is kept before its decision is: a kill between the two leaves one that nothing used.
    assert most_calls(times) - len(started) <= times
    state.close()


def most_calls(kills: int) -> int:
    return 10 * kills


def limits_of(kills: int) -> tuple[str, str]:
    return a_policy(
        rate_limit={"max": most_calls(kills), "window": "day", "scope": "grant"},
        max_concurrent={"max": 1, "scope": "grant"},
    )


def test_killed_in_the_middle_nothing_is_lost_and_no_limit_exceeded(start: Start, tmp_path: Path) -> None:
    killed_again_and_again(start(tmp_path, "--fork", *limits_of(12)), tmp_path, 12)


@pytest.mark.slow
def test_killed_a_hundred_times_nothing_is_lost_and_no_limit_exceeded(start: Start, tmp_path: Path) -> None:
    killed_again_and_again(start(tmp_path, "--fork", *limits_of(100)), tmp_path, 100)


def forked(in_child: Callable[[], bool]) -> int:
    """The id of a forked child, which ends with status 0 if `in_child` is true there."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        code = 0 if in_child() else 1
    finally:
        os._exit(code)


def test_a_place_is_free_although_a_child_of_its_killed_process_lives(tmp_path: Path) -> None:
    slot = Slot("/all_tools/max_concurrent", "kim", 1)
    read, write = os.pipe()

    def hold_the_place_and_fork() -> bool:
        state = SqliteState(tmp_path / "state.db")
        assert isinstance(state.ledger.enter([slot]), Entered)
        forked(lambda: bool(os.write(write, b"%d\n" % os.getpid())) and bool(signal.pause()))
        return bool(signal.pause())

    killed = forked(hold_the_place_and_fork)
    orphan = int(os.read(read, 20))
    try:
        state = SqliteState(tmp_path / "state.db")
        assert state.ledger.enter([slot]) == 0, "its holder lives"
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)
        assert isinstance(state.ledger.enter([slot]), Entered)
        state.close()
    finally:
        os.kill(orphan, signal.SIGKILL)


def test_a_gate_that_was_made_before_a_fork_and_not_used_works_in_every_child(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    audit = Audit(tmp_path / "audit", state)
    limit = {"rate_limit": {"max": 3, "window": "day", "scope": "host"}}
    gate = Gate(policy({"draw": limit}), state, audit)

    def call_once() -> bool:
        told = anyio.run(outcome_of, gate, a_call())
        gate.close()
        return told == "ok"

    for _ in range(3):
        assert os.waitstatus_to_exitcode(os.waitpid(forked(call_once), 0)[1]) == 0
    assert anyio.run(outcome_of, gate, a_call()) == "/tools/draw/rate_limit"
    refused = os.waitstatus_to_exitcode(os.waitpid(forked(lambda: "forked" in trouble_of(gate)), 0)[1])
    gate.close()
    report = verify(tmp_path / "audit", SqliteState(tmp_path / "state.db"))
    assert (refused, report.whole, report.chains, report.records) == (0, True, 4, 7)


def trouble_of(gate: Gate) -> str:
    anyio.run(outcome_of, gate, a_call())
    return str(gate.trouble)


def test_a_killed_process_leaves_its_place_to_another(start: Start, tmp_path: Path) -> None:
    words = ("--fork", "--stay", *a_policy(max_concurrent={"max": 1, "scope": "grant"}))
    first, second = start(tmp_path, *words), start(tmp_path, *words)
    assert (line(first), line(second)) == ("ready", "ready")
    go(first)
    holder = int(line(first))
    assert line(first) == "inside"
    go(second)
    line(second)
    assert line(second) == "/all_tools/max_concurrent None"
    assert line(second) == "ended"
    os.kill(holder, signal.SIGSTOP)
    go(second)
    line(second)
    assert line(second) == "/all_tools/max_concurrent None", "a process that stands still has not ended"
    assert line(second) == "ended"
    os.kill(holder, signal.SIGKILL)
    assert line(first) == "ended"
    go(second)
    waiting = int(line(second))
    assert line(second) == "inside"
    os.kill(waiting, signal.SIGKILL)
    assert line(second) == "ended"


def records_but_torn(folder: Path) -> list[dict[str, object]]:
    for path in log_files(folder):
        data = path.read_bytes()
        path.write_bytes(data[: data.rfind(b"\n") + 1])
    return records(folder)


def test_the_end_of_a_killed_processs_log_is_vouched_for(start: Start, tmp_path: Path) -> None:
    """Only what was written in the last moments before a kill may be cut off unseen: `FLUSH_SECONDS`."""
    worker = start(tmp_path)
    line(worker)
    go(worker)
    state = SqliteState(tmp_path / "state.db")
    while not any(head.seq > 20 for head in state.heads().values()):
        line(worker)
    worker.send_signal(signal.SIGKILL)
    worker.communicate(timeout=60)
    (path,) = log_files(tmp_path / "audit")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:10]))
    assert [broken.what for broken in verify(tmp_path / "audit", state).broken] == ["cut off"]
    state.close()


@pytest.mark.parametrize("words", [(), ("--no-state",)])
def test_a_full_disk_denies_calls_and_leaves_the_chain_whole(
    start: Start, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """A limit on the size of files stands in for the disk: one write is cut short, the next one fails."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    worker = start(tmp_path, "10000", *words, prepare=limit)

    go(worker)
    output, _ = worker.communicate(timeout=60)
    refusal = next(said for said in output.splitlines() if said.startswith("("))
    assert refusal.startswith("(audit)" if words else ("(audit)", "(gate error)"))
    admitted = int(output.splitlines()[output.splitlines().index(refusal) - 1])
    assert admitted > 20
    state = SqliteState(tmp_path / "state.db")
    report = verify(tmp_path / "audit", None if words else state)
    assert report.broken == []
    assert report.records >= 2 * admitted
    state.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may enter, as the one of pytest isn't."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("words", [(), ("--no-state",)])
def test_a_folder_nobody_may_write_denies_calls(
    start: Start, open_folder: Path, words: tuple[str, ...]
) -> None:
    open_folder.chmod(0o555)
    worker = start(open_folder, "3", "--as-nobody", *words)
    go(worker)
    output, _ = worker.communicate(timeout=60)
    assert output.splitlines()[1].startswith("(audit)" if words else ("(audit)", "(gate error)"))
    assert "ermission" in output or "ead-only" in output or "readonly" in output
    assert list(open_folder.iterdir()) == []


def test_the_gate_is_light_to_import_and_stands_alone() -> None:
    code = "import sys; import alya_mcp.gate; print(*sys.modules)"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    ran = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=unmeasured
    )
    loaded = set(ran.stdout.split())
    ours = {name for name in loaded if name.startswith("alya_mcp") and not name.startswith("alya_mcp.gate")}
    assert ours == {"alya_mcp"}
    heavy = {"mcp", "mcp_types", "pydantic", "anyio", "asyncio", "sqlite3", "difflib", "logging", "yaml"}
    assert loaded & heavy == set()
    assert "alya_mcp.gate.audit.verification" not in loaded
