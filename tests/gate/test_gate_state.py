"""One contract for every state, and what only a file can do wrong."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from gate_support import SECOND, START, HandClock, a_call, outcome_of, policy, refusal_of

from alya_mcp.gate import Audit, Gate, MemoryState, SqliteState, State, StateError, Usage, verify
from alya_mcp.gate.state import Charge, Entered, Head, Slot, Spent

MINUTE = 60 * SECOND
ONE_CALL = [Charge("/all_tools/rate_limit", "kim", 1, 1, 24 * 60 * MINUTE)]

FIRST_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE heads (chain TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE usage (
    subject TEXT NOT NULL, minute INTEGER NOT NULL, session TEXT NOT NULL, tool TEXT NOT NULL,
    calls INTEGER NOT NULL, ok INTEGER NOT NULL, errors INTEGER NOT NULL, denied INTEGER NOT NULL,
    usd REAL NOT NULL, PRIMARY KEY (subject, minute, session, tool)
) WITHOUT ROWID;
INSERT INTO heads VALUES ('a', 7, 'seven');
INSERT INTO usage VALUES ('kim', 30000000, 's', 'draw', 1, 1, 0, 0, 0.5);
PRAGMA application_id = 0x616C7961;
PRAGMA user_version = 1;
"""


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    made: State = MemoryState() if request.param == "memory" else SqliteState(tmp_path / "home" / "state.db")
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_a_chain_ends_where_it_was_last_noted(state: State) -> None:
    assert state.heads() == {}
    state.begin_chain("a", Head(0, "genesis"))
    state.begin_chain("b", Head(0, "other"))
    state.note_head("a", 1, "one")
    state.note_head("a", 2, "two")
    assert state.heads() == {"a": Head(2, "two"), "b": Head(0, "other")}


def test_usage_is_summed_by_tool_for_one_grant(state: State) -> None:
    state.ready()
    state.note_settled("kim", "s1", "draw", START, True, 0.1)
    state.note_settled("kim", "s2", "draw", START, True, 0.2)
    state.note_settled("kim", "s1", "draw", START, False, 0.0)
    state.note_denied("kim", "s1", "wipe", START)
    state.note_denied("lee", "s1", "draw", START)
    assert state.usage("kim") == (Usage("draw", 3, 2, 1, 0, 0.3), Usage("wipe", 0, 0, 0, 1, 0.0))
    assert state.usage("lee") == (Usage("draw", 0, 0, 0, 1, 0.0),)
    assert state.usage("kim", session="s2") == (Usage("draw", 1, 1, 0, 0, 0.2),)
    assert state.usage("kim", tool="wipe") == (Usage("wipe", 0, 0, 0, 1, 0.0),)
    assert state.usage("nobody") == ()


def test_usage_since_a_time_is_rounded_down_to_a_minute(state: State) -> None:
    for minute in range(3):
        state.note_settled("kim", "s", "draw", START + minute * MINUTE, True, 0.0)
    start = START / SECOND
    assert [
        sum(row.calls for row in state.usage("kim", since)) for since in (0, start, start + 60, start + 179)
    ] == [
        3,
        3,
        2,
        1,
    ]
    assert state.usage("kim", start + 180) == ()


def test_closing_twice_and_using_it_again_is_fine(state: State) -> None:
    state.begin_chain("a", Head(0, "x"))
    state.close()
    state.close()
    state.ready()
    assert state.heads() == {"a": Head(0, "x")}


def test_what_was_noted_is_there_after_a_close(tmp_path: Path) -> None:
    first = SqliteState(tmp_path / "state.db")
    first.begin_chain("a", Head(0, "x"))
    first.note_head("a", 7, "seven")
    first.note_settled("kim", "s", "draw", START, True, 0.5)
    first.close()
    second = SqliteState(tmp_path / "state.db")
    assert second.heads() == {"a": Head(7, "seven")}
    assert second.usage("kim") == (Usage("draw", 1, 1, 0, 0, 0.5),)
    second.close()


def test_what_was_noted_is_written_without_a_close(tmp_path: Path) -> None:
    """The bound on what a killed process can lose: see `FLUSH_SECONDS`."""
    writer = SqliteState(tmp_path / "state.db")
    reader = SqliteState(tmp_path / "state.db")
    writer.ready()
    writer.note_head("a", 1, "one")
    until(lambda: reader.heads() == {"a": Head(1, "one")})
    writer.note_head("a", 2, "two")
    until(lambda: reader.heads() == {"a": Head(2, "two")})
    writer.close()
    reader.close()


def test_the_file_is_made_at_first_use_for_the_person_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.db"
    made = SqliteState(path)
    assert made.heads() == {}
    assert made.usage("kim") == ()
    assert not path.parent.exists()
    made.open()
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in [path.parent, *path.parent.iterdir()]}
    assert modes.pop("new") == 0o700
    assert set(modes.values()) == {0o600}
    made.close()


def write_garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, and it is long enough to look like one " * 100)


def write_foreign(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()


def write_newer(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA application_id = 0x616C7961")
        db.execute("PRAGMA user_version = 99")
    db.close()


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (write_garbage, "damaged"),
        (write_foreign, "another program"),
        (write_newer, "schema 99"),
        (make_folder, "can't be opened"),
    ],
)
def test_a_file_that_is_no_state_denies_calls_and_is_kept(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    path = tmp_path / "state.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    state = SqliteState(path)
    gate = Gate(policy({"draw": {}}), state, Audit(tmp_path / "audit", state))
    for _ in range(2):
        refusal = anyio.run(refusal_of, gate, a_call())
        assert refusal.rule == "(gate error)"
        assert str(tmp_path) not in refusal.message
    assert words in str(gate.trouble)
    with pytest.raises(StateError, match=words):
        state.open()
    assert (path.read_bytes() if path.is_file() else b"") == before
    gate.close()


def test_calls_are_admitted_again_once_the_file_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    write_garbage(path)
    state = SqliteState(path)
    gate = Gate(policy({"draw": {}}), state)
    assert anyio.run(outcome_of, gate, a_call()) == "(gate error)"
    path.rename(tmp_path / "damaged.db")
    until(lambda: anyio.run(outcome_of, gate, a_call()) == "ok")
    assert gate.trouble is None
    gate.close()


def test_what_is_noted_while_the_file_is_locked_is_written_when_the_state_is_closed_right_after(
    tmp_path: Path,
) -> None:
    state = SqliteState(tmp_path / "state.sqlite")
    state.open()
    other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    state.note_head("a chain", 7, "its hash")
    with pytest.raises(StateError, match="locked"):
        state.heads()
    other.rollback()
    other.close()
    state.close()
    with closing(SqliteState(tmp_path / "state.sqlite")) as again:
        assert again.heads() == {"a chain": Head(7, "its hash")}


def test_a_file_that_stays_locked_denies_calls_until_it_is_free(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    limit = {"max": 10_000, "window": "day", "scope": "grant"}
    gate = Gate(policy({"draw": {"rate_limit": limit}}), state)
    assert anyio.run(outcome_of, gate, a_call()) == "ok"
    until(lambda: state.usage("local") != ())
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    until(lambda: anyio.run(outcome_of, gate, a_call()) == "(gate error)")
    assert "locked" in str(gate.trouble)
    other.execute("COMMIT")
    other.close()
    until(lambda: anyio.run(outcome_of, gate, a_call()) == "ok")
    calls = state.usage("local")[0].calls
    gate.close()
    assert calls >= 2


def test_damage_while_running_denies_and_loses_no_note(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = SqliteState(path)
    gate = Gate(policy({"draw": {}}), state)
    assert anyio.run(outcome_of, gate, a_call()) == "ok"
    until(lambda: state.usage("local") != ())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("ALTER TABLE usage RENAME TO elsewhere")
    until(lambda: anyio.run(outcome_of, gate, a_call()) == "(gate error)")
    other.execute("ALTER TABLE elsewhere RENAME TO usage")
    other.close()
    until(lambda: anyio.run(outcome_of, gate, a_call()) == "ok")
    assert state.usage("local")[0].calls >= 2
    gate.close()


def test_many_threads_may_note_at_once(state: State) -> None:
    state.ready()

    def note() -> None:
        for _ in range(500):
            state.note_settled("kim", "s", "draw", START, True, 0.001)

    threads = [threading.Thread(target=note) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state.usage("kim") == (Usage("draw", 4000, 4000, 0, 0, 4.0),)


def test_a_process_that_ends_without_a_close_loses_nothing(tmp_path: Path) -> None:
    code = """
import sys, anyio
from alya_mcp.gate import *
state = SqliteState(sys.argv[1] + "/state.db")
audit = Audit(sys.argv[1] + "/audit", state)
gate = Gate(Policy.parse({"version": "1", "default": "allow"}), state, audit)
async def handler(arguments):
    return 1
async def main():
    for _ in range(9):
        await gate.call(Call(tool="t", arguments={}, session="s"), handler)
anyio.run(main)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    state = SqliteState(tmp_path / "state.db")
    assert state.usage("local") == (Usage("t", 9, 9, 0, 0, 0.0),)
    report = verify(tmp_path / "audit", state)
    assert (report.whole, report.records) == (True, 18)
    state.close()


def test_after_a_fork_the_parents_state_is_refused(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.open()
    child = os.fork()
    if not child:
        code = 0
        try:
            for use in (state.ready, lambda: state.ledger.reserve(ONE_CALL)):
                with pytest.raises(StateError, match="forked"):
                    use()
        except BaseException:
            code = 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    state.close()


def test_a_file_of_the_first_schema_is_brought_up_to_date_with_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST_SCHEMA)
    state = SqliteState(path)
    assert state.heads() == {"a": Head(7, "seven")}
    assert state.usage("kim") == (Usage("draw", 1, 1, 0, 0, 0.5),)
    assert isinstance(state.ledger.reserve(ONE_CALL), int)
    key = state.key
    state.close()
    again = SqliteState(path)
    assert isinstance(again.ledger.reserve(ONE_CALL), Spent)
    assert again.key == key
    again.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (3,)


def test_what_cannot_be_given_back_now_is_given_back_later(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    state.open()
    place = Slot("/all_tools/max_concurrent", "kim", 1)
    at, entered = state.ledger.reserve(ONE_CALL), state.ledger.enter([place])
    assert isinstance(at, int)
    assert isinstance(entered, Entered)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        state.ledger.refund(ONE_CALL, at)
        state.ledger.leave(entered)
    beside = SqliteState(tmp_path / "state.db")
    until(lambda: beside.ledger.standing(ONE_CALL[0])[0] == 0)
    until(lambda: beside.ledger.first_full([place]) is None)
    beside.close()
    state.ready()
    state.close()


def test_a_file_that_is_moved_away_while_it_is_open_is_given_up(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    assert isinstance(state.ledger.reserve(ONE_CALL), int)
    (tmp_path / "old").mkdir()
    for path in tmp_path.glob("state.db*"):
        path.rename(tmp_path / "old" / path.name)
    until(lambda: isinstance(state.ledger.reserve(ONE_CALL), int))
    beside = SqliteState(tmp_path / "state.db")
    assert isinstance(beside.ledger.reserve(ONE_CALL), Spent)
    beside.close()
    state.close()


def rows(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


def test_the_file_does_not_grow_without_bound(tmp_path: Path) -> None:
    clock = HandClock()
    path = tmp_path / "state.db"
    state = SqliteState(path, clock)
    for number in range(2500):
        clock.now += 10
        state.ledger.attempt([Charge(f"/max_repeats {number}", "kim", 1, 9, 1000)])
        assert isinstance(state.ledger.reserve([Charge("/rate_limit", "kim", 1, 9, 50)]), int)
    assert rows(path, "counters") <= 800
    assert rows(path, "charges") <= 800 + 2048
    state.close()


def test_many_threads_may_count_at_once(tmp_path: Path) -> None:
    state = SqliteState(tmp_path / "state.db")
    charges = [Charge("/rate_limit", "kim", 1, 100, MINUTE * 60)]
    passed: list[int] = []

    def reserve() -> None:
        passed.extend(at for _ in range(50) if isinstance(at := state.ledger.reserve(charges), int))

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 100
    state.close()


def test_whoever_opens_a_state_that_another_is_making_takes_it_for_one(tmp_path: Path) -> None:
    """The file's marks were once read one by one, and between two of them the other had made the file."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for number in range(20):
            errors = _opened_by_four_at_once(tmp_path / str(number) / "state.db")
            assert errors == []
    finally:
        sys.setswitchinterval(interval)


def _opened_by_four_at_once(path: Path) -> list[StateError]:
    together = threading.Barrier(4)
    errors: list[StateError] = []

    def open_one() -> None:
        state = SqliteState(path)
        together.wait()
        try:
            state.open()
        except StateError as error:
            errors.append(error)
        state.close()

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
