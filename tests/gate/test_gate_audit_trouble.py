"""What a log is worth when its files, its disk or its folder fail it: calls are denied, nothing is lost."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from audit_support import Home
from gate_support import a_call, log_files, outcome_of, records

pytestmark = pytest.mark.anyio


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """A limit on the size of files stands in for a full disk: the write that crosses it is cut short."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def outcomes(home: Home, number: int) -> list[str]:
    return [await outcome_of(home.gate, a_call(request=request)) for request in range(number)]


async def test_a_full_disk_denies_until_there_is_room_again_and_leaves_no_half_record(home: Home) -> None:
    await home.calls(2)
    full = log_files(home.folder)[0].stat().st_size
    with room_for(full + 100):
        told = await outcomes(home, 5)
        assert told == ["(audit)"] * 5
        assert home.gate.trouble is not None
        assert home.verify().whole
    assert await outcomes(home, 2) == ["ok", "ok"]
    report = home.verify()
    assert (report.broken, report.torn, report.records) == ([], [], 8)


async def test_a_disk_without_any_room_is_not_littered_with_empty_files(home: Home) -> None:
    home.audit.open()
    with room_for(0):
        assert await outcomes(home, 20) == ["(audit)"] * 20
    assert len(log_files(home.folder)) == 1
    assert await outcomes(home, 1) == ["ok"]
    assert home.verify().whole


async def test_a_deleted_file_is_noticed_before_the_next_call_a_moment_later(home: Home) -> None:
    await home.calls(1)
    log_files(home.folder)[0].unlink()
    home.clock.forward(0.02)
    await home.calls(1)
    assert [record["seq"] for record in records(home.folder)] == [3, 4]
    assert [broken.detail for broken in home.verify().broken] == [
        "records 1 to 2 are missing before record 3"
    ]


async def test_a_folder_that_is_gone_denies_and_put_back_it_is_whole(home: Home) -> None:
    await home.calls(1)
    away = home.folder.with_name("away")
    home.folder.rename(away)
    home.clock.forward(0.02)
    assert await outcomes(home, 2) == ["(audit)"] * 2
    away.rename(home.folder)
    await home.calls(1)
    assert [record["seq"] for record in records(home.folder)] == [1, 2, 3, 4]
    assert home.verify().whole


async def test_another_folder_in_its_place_is_written_to_and_both_together_are_whole(home: Home) -> None:
    await home.calls(1)
    away = home.folder.with_name("away")
    home.folder.rename(away)
    home.folder.mkdir()
    home.clock.forward(0.02)
    await home.calls(1)
    assert [broken.what for broken in home.verify().broken] == ["removed"]
    for path in log_files(away):
        path.rename(home.folder / path.name)
    report = home.verify()
    assert (report.whole, report.records, report.files) == (True, 4, 2)


async def test_a_torn_line_inside_a_chain_is_told_from_a_record_that_was_cut(tmp_path: Path) -> None:
    """A write was cut short, and what it left couldn't be cut off: the chain went on in the next file."""
    home = Home(tmp_path, largest_file=1000)
    await home.calls(3)
    first, *_ = log_files(home.folder)
    whole = first.read_bytes()
    first.write_bytes(whole + b'{"seq":3,"time":"2027')
    report = home.verify()
    assert (report.whole, report.torn) == (True, [first.name])
    first.write_bytes(whole[:-30])
    report = home.verify()
    assert [broken.what for broken in report.broken] == ["removed"]
    assert report.torn == [first.name]
