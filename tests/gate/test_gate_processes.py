"""Several processes, killed processes, full disks and folders nobody may write, in real processes."""

import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gate_support import log_files, records

from alya_mcp.gate import SqliteState, verify

WORKER = str(Path(__file__).with_name("gate_worker.py"))


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


def test_four_processes_that_start_at_once_in_an_empty_home_share_it(start: Start, tmp_path: Path) -> None:
    home = tmp_path / "home"
    workers = [start(home, "25") for _ in range(4)]
    assert [line(worker) for worker in workers] == ["ready"] * 4
    for worker in workers:
        go(worker)
    for worker in workers:
        output, _ = worker.communicate(timeout=60)
        assert output.split()[-1] == "25", output
    state = SqliteState(home / "state.db")
    report = verify(home / "audit", state)
    assert (report.broken, report.chains, report.records) == ([], 4, 200)
    assert state.usage("local")[0].calls == 100
    state.close()


def test_killed_in_the_middle_the_chain_is_whole_and_no_admitted_call_is_missing(
    start: Start, tmp_path: Path
) -> None:
    admitted = 0
    for calls in (1, 3, 10, 30):
        worker = start(tmp_path)
        line(worker)
        go(worker)
        for _ in range(calls):
            last = line(worker)
        worker.send_signal(signal.SIGKILL)
        output, _ = worker.communicate(timeout=60)
        admitted += int((output.splitlines() or [last])[-1])
    state = SqliteState(tmp_path / "state.db")
    report = verify(tmp_path / "audit", state)
    settled = [record for record in records_but_torn(tmp_path / "audit") if "outcome" in record]
    assert report.broken == []
    assert report.chains == 4
    assert len(settled) >= admitted
    state.close()


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
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

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
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.split()
    )
    ours = {name for name in loaded if name.startswith("alya_mcp") and not name.startswith("alya_mcp.gate")}
    assert ours == {"alya_mcp"}
    heavy = {"mcp", "mcp_types", "pydantic", "anyio", "asyncio", "sqlite3", "difflib", "logging", "yaml"}
    assert loaded & heavy == set()
    assert "alya_mcp.gate.verification" not in loaded
