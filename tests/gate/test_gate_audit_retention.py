"""Old audit files go, and `verify` tells what retention took from what somebody removed."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from audit_support import Home
from gate_support import a_call, log_files, records

from alya_mcp.gate import Audit, MemoryState, tail
from alya_mcp.gate.audit.record import Seal, read_key
from alya_mcp.gate.audit.retention import retire

DAY = 86_400


class Kept(Home):
    """A log of five days, two calls a day, a file per day."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        for _ in range(5):
            anyio.run(self.calls, 2)
            self.clock.forward(DAY)

    def retire(self, keep_days: int, **words: Any) -> list[str]:
        seal = Seal(read_key(self.folder.parent / "audit.key"))
        return retire(self.folder, seal, self.state, keep_days, self.clock.time_ns(), **words)

    def days(self) -> list[str]:
        return [path.name[:8] for path in log_files(self.folder)]

    def told(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / "retention.log").read_text().splitlines()]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


DAYS = ["20270115", "20270116", "20270117", "20270118", "20270119"]


def test_files_older_than_the_days_to_keep_go_and_the_log_is_whole(kept: Kept) -> None:
    assert kept.days() == DAYS
    names = [path.name for path in log_files(kept.folder)]
    assert kept.retire(5) == []
    assert not (kept.folder / "retention.log").exists()
    assert kept.retire(3) == names[:2]
    assert kept.days() == DAYS[2:]
    report = kept.verify()
    assert (report.broken, report.records, report.retired) == ([], 12, 2)
    assert [(line["retired"], line["first"], line["last"], line["keep_days"]) for line in kept.told()] == [
        (names[0], 1, 4, 3),
        (names[1], 5, 8, 3),
    ]
    anyio.run(kept.calls, 1)
    assert kept.verify().whole


def test_a_chain_that_was_retired_to_its_end_is_not_missed(kept: Kept) -> None:
    kept.clock.forward(10 * DAY)
    assert len(kept.retire(1)) == 5
    report = kept.verify()
    assert (report.whole, report.records, report.chains, report.retired) == (True, 0, 0, 5)
    anyio.run(kept.calls, 1)
    assert [record["seq"] for record in records(kept.folder)] == [21, 22]
    assert kept.verify().whole


def test_a_file_that_somebody_removed_is_told_from_those_that_were_retired(kept: Kept) -> None:
    kept.retire(3)
    log_files(kept.folder)[0].unlink()
    assert [(broken.what, broken.detail) for broken in kept.verify().broken] == [
        ("removed", "records 9 to 12 are missing before record 13")
    ]
    for path in log_files(kept.folder):
        path.unlink()
    (broken,) = kept.verify().broken
    assert (broken.what, broken.detail) == (
        "removed",
        f"records 9 to 20 of chain {kept.audit.chain} are gone",
    )


def test_without_its_sealed_line_a_retired_file_counts_as_removed(kept: Kept, tmp_path: Path) -> None:
    kept.retire(3)
    file = kept.folder / "retention.log"
    lines = file.read_bytes().splitlines(keepends=True)
    for damaged in ([], [lines[0].replace(b'"last":4', b'"last":9')], [b"\xff\n", b"{}\n"]):
        file.write_bytes(b"".join(damaged))
        assert {broken.what for broken in kept.verify().broken} == {"removed"}
    forger = Kept(tmp_path / "forger")
    forger.retire(3)
    file.write_bytes(
        (forger.folder / "retention.log")
        .read_bytes()
        .replace(forger.audit.chain.encode(), kept.audit.chain.encode())
    )
    assert {broken.what for broken in kept.verify().broken} == {"removed"}
    file.write_bytes(b"".join(lines))
    assert kept.verify().whole


def test_a_torn_line_of_the_list_harms_no_later_one(kept: Kept) -> None:
    kept.retire(4)
    with (kept.folder / "retention.log").open("ab") as file:
        file.write(b'{"retired":"2027')
    assert kept.verify().whole
    assert len(kept.retire(3)) == 1
    report = kept.verify()
    assert (report.whole, report.retired) == (True, 2)


def change(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"allow"', b'"alloW"', 1))


def cut(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(("tamper", "days"), [(change, []), (cut, DAYS[:1]), (Path.unlink, [])])
def test_nothing_that_is_not_as_it_was_written_is_retired_nor_what_is_joined_to_it(
    kept: Kept, tamper: Callable[[Path], None], days: list[str]
) -> None:
    tamper(log_files(kept.folder)[1])
    kept.clock.forward(10 * DAY)
    before = kept.verify().broken
    assert [name[:8] for name in kept.retire(1)] == days
    assert before
    assert [broken.what for broken in kept.verify().broken] == [broken.what for broken in before]


def test_a_file_whose_end_nothing_vouches_for_stays(kept: Kept) -> None:
    kept.clock.forward(10 * DAY)
    last = log_files(kept.folder)[-1]
    lines = last.read_bytes()
    cut(last)
    kept.retire(1)
    assert kept.days() == DAYS[-1:]
    assert [broken.what for broken in kept.verify().broken] == ["cut off"]
    last.write_bytes(lines + b'{"seq":')
    assert kept.retire(1) == [last.name]
    assert kept.verify().whole


def test_a_chain_that_the_state_does_not_know_stays(kept: Kept) -> None:
    kept.clock.forward(10 * DAY)
    kept.state = MemoryState()
    kept.retire(1)
    assert kept.days() == DAYS[-1:]


def test_interrupted_between_the_line_and_the_removal_the_log_is_whole(kept: Kept) -> None:
    first = log_files(kept.folder)[0]
    data = first.read_bytes()
    kept.retire(4)
    first.write_bytes(data)
    assert kept.verify().whole
    assert kept.retire(4) == [first.name]
    assert kept.verify().retired == 1


def test_many_at_once_retire_each_file_once_while_others_read(kept: Kept) -> None:
    kept.clock.forward(10 * DAY)
    gone: list[str] = []
    wrong: list[object] = []
    start = threading.Barrier(5)

    def take() -> None:
        start.wait()
        gone.extend(kept.retire(1))

    def read() -> None:
        start.wait()
        for _ in range(20):
            wrong.extend(kept.verify().broken)
            list(tail(kept.folder, 3))

    threads = [threading.Thread(target=work) for work in (take, take, take, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sorted(gone) == sorted(set(gone))
    assert kept.days() == []
    assert kept.verify().whole


RETIRING = """
import sys
from pathlib import Path
from alya_mcp.gate.audit.record import Seal, read_key
from alya_mcp.gate.audit.retention import retire
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(*retire(folder, Seal(read_key(folder.parent / "audit.key")), None, 1, int(sys.argv[2])))
"""


def test_processes_that_retire_at_the_same_moment_take_each_file_once(kept: Kept) -> None:
    kept.clock.forward(10 * DAY)
    names = [path.name for path in log_files(kept.folder)]
    command = [sys.executable, "-c", RETIRING, str(kept.folder), str(kept.clock.time_ns())]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        gone = [name for worker in workers for name in worker.communicate(timeout=120)[0].split()]
    finally:
        for worker in workers:
            worker.kill()
    assert sorted(gone) == names
    assert kept.verify().whole


def test_stopped_between_two_files_it_goes_on_the_next_time(kept: Kept) -> None:
    kept.clock.forward(10 * DAY)
    asked = iter([False, False, True])
    assert len(kept.retire(1, stop=lambda: next(asked))) == 2
    assert kept.verify().whole
    assert len(kept.retire(1)) == 3


def wait_for_retention() -> None:
    for thread in threading.enumerate():
        if thread.name == "alya-retention":
            thread.join()


def test_a_server_that_is_to_keep_some_days_retires_when_it_begins_a_file(kept: Kept) -> None:
    other = Audit(kept.folder, kept.state, kept.clock, keep_days=2)
    for days in (DAYS[3:], DAYS[4:]):
        assert other.decided(a_call(), kept.gate.policy.allowed, None)
        wait_for_retention()
        assert [day for day in kept.days() if day in DAYS] == days
        kept.clock.forward(DAY)
    other.close()
    assert kept.verify().whole


def test_without_days_to_keep_nothing_goes(kept: Kept) -> None:
    kept.clock.forward(4000 * DAY)
    anyio.run(kept.calls, 1)
    wait_for_retention()
    assert len(kept.days()) == 6


def test_what_hinders_retention_is_said_and_denies_nothing(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    (kept.folder / "retention.log").mkdir()
    other = Audit(kept.folder, kept.state, kept.clock, keep_days=1)
    assert other.decided(a_call(), kept.gate.policy.allowed, None) == 1
    wait_for_retention()
    assert "old audit files stay" in caplog.text
    assert kept.days()[:5] == DAYS
    other.close()


@pytest.mark.parametrize("days", [0, -1])
def test_less_than_a_day_is_no_time_to_keep(tmp_path: Path, days: int) -> None:
    with pytest.raises(ValueError, match=r"\b1\b"):
        Audit(tmp_path, keep_days=days)
