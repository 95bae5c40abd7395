"""The index of the audit log: it says what the log says, follows it, and can be thrown away."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_support import Home
from gate_support import START, a_call, log_files, outcome_of, records

from alya_mcp.gate.audit.index import AuditIndex, CallSearch

pytestmark = pytest.mark.anyio


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.audit.close()


@pytest.fixture
def index(home: Home, tmp_path: Path) -> Iterator[AuditIndex]:
    index = AuditIndex(home.folder, tmp_path / "index.sqlite")
    yield index
    index.close()


async def test_every_search_finds_what_the_log_holds_newest_first(home: Home, index: AuditIndex) -> None:
    for number in range(30):
        tool, grant = ("draw", "wipe")[number % 2], ("local", "kim", None)[number % 3]
        await outcome_of(home.gate, a_call(tool, {"n": number}, request=number, grant=grant))
        home.clock.forward(10)
    assert index.refresh().done
    decided = [each for each in records(home.folder) if "decision" in each][::-1]
    for wanted, fits in (
        (CallSearch(), lambda _: True),
        (CallSearch(tool="draw"), lambda each: each["tool"] == "draw"),
        (
            CallSearch(caller="kim", decision="deny"),
            lambda each: each["grant"] == "kim" and each["rule"] != "",
        ),
        (CallSearch(caller=""), lambda each: each["grant"] is None),
        (CallSearch(rule="/tools/wipe/action"), lambda each: each["rule"] == "/tools/wipe/action"),
        (CallSearch(tool="nothing of the kind"), lambda _: False),
        (
            CallSearch(since=START / 1e9 + 1100, until=START / 1e9 + 1200),
            lambda each: 10 <= each["request"] < 20,
        ),
    ):  # fmt: skip
        expected = [each["seq"] for each in decided if fits(each)]
        assert [row.seq for row in index.search(wanted)] == expected
        assert index.count(wanted) == len(expected)
    first = index.search(CallSearch(), 20)
    rest = index.search(CallSearch(before=(first[-1].time, first[-1].id)), 20)
    assert [row.seq for row in (*first, *rest)] == [each["seq"] for each in decided]
    assert index.facets("tool") == ["draw", "wipe"]
    newest = index.denials(0)[0]
    assert (newest.tool, newest.rule, newest.calls) == ("wipe", "(no policy)", 5)
    assert newest.newest.seq == index.search(CallSearch(rule=newest.rule))[0].seq


async def test_a_record_is_read_from_the_log_with_its_outcome_and_whether_it_is_intact(
    home: Home, index: AuditIndex
) -> None:
    await home.calls(3)
    index.refresh()
    row = index.search(CallSearch())[0]
    assert row.outcome == "ok"
    found = index.record(row.chain, row.seq)
    assert found is not None
    assert found.settled is not None
    assert (found.decided["seq"], found.settled["decided"], found.intact) == (row.seq, row.seq, True)
    lines = home.lines()
    lines[-2] = lines[-2].replace(b'"allow"', b'"allov"')
    home.rewrite(lines)
    changed = index.record(row.chain, row.seq)
    assert changed is not None
    assert changed.intact is False
    assert index.record(row.chain, 99) is None
    (home.folder.parent / "audit.key").unlink()
    without = index.record(row.chain, row.seq)
    assert without is not None
    assert without.intact is None


async def test_the_index_follows_the_log_and_forgets_what_was_retired(home: Home, index: AuditIndex) -> None:
    await home.calls(2)
    index.refresh()
    await home.calls(2)
    assert len(index.search(CallSearch())) == 2
    before = index.progress()
    assert before.read < before.size
    index.refresh()
    assert len(index.search(CallSearch())) == 4
    home.clock.forward(86_400)
    await home.calls(1)
    index.refresh()
    log_files(home.folder)[0].unlink()
    index.refresh()
    assert len(index.search(CallSearch())) == 1


async def test_a_torn_line_waits_for_its_end_and_what_is_no_record_is_left_out(
    home: Home, index: AuditIndex
) -> None:
    await home.calls(1)
    file = log_files(home.folder)[0]
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"seq": 3}\n[]\nnonsense\n' + whole.replace(b'"seq":1', b'"seq":7')[:100])
    index.refresh()
    assert [row.seq for row in index.search(CallSearch())] == [1]
    with file.open("ab") as stream:
        stream.write(whole.replace(b'"seq":1', b'"seq":7')[100:])
    index.refresh()
    assert [row.seq for row in index.search(CallSearch())] == [7, 1]


@pytest.mark.parametrize("trouble", ["damaged", "another version", "thrown away", "another log"])
async def test_an_index_that_cannot_be_used_is_begun_anew(
    home: Home, index: AuditIndex, trouble: str
) -> None:
    await home.calls(3)
    index.refresh()
    index.close()
    if trouble == "damaged":
        index.file.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    elif trouble == "another version":
        import sqlite3

        db = sqlite3.connect(index.file)
        db.execute("PRAGMA user_version = 99")
        db.close()
    elif trouble == "thrown away":
        index.discard()
    else:
        file = log_files(home.folder)[0]
        lines = file.read_bytes().splitlines(keepends=True)
        file.replace(file.with_suffix(".old"))
        file.write_bytes(b"".join(lines[:2]))
    index.refresh()
    assert len(index.search(CallSearch())) == (1 if trouble == "another log" else 3)
    assert index.file.stat().st_mode & 0o777 == 0o600
    assert json.loads(home.lines()[0])["seq"] == 1
