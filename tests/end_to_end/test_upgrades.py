"""State that an earlier version wrote still opens; what a newer one wrote is refused and stays as it is.

tests/support/homes holds homes as they were written on a day, by these commands. When a schema changes, add
one that the commit before it wrote.

    alya-mcp grants create ci
    alya-mcp call alya_status      # twice, of the three that its policy allows
    alya-mcp call calibrate_decision domain=freelance statement="The offer is accepted by Friday" \\
        confidence=0.7
"""

import errno
import sqlite3
import stat
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Ended, run_here
from raw_client import PATIENCE, environment

from alya_mcp.gate import SqliteState, StateError
from alya_mcp.gate.state import database_file
from alya_mcp.gate.state.database_file import SCHEMA
from alya_mcp.toolkit.private_database import PrivateDatabase

HOMES = sorted((Path(__file__).parents[1] / "support" / "homes").glob("*.tar.gz"))


def run(home: Path, *words: str) -> Ended:
    return run_here(words, environment(home), home.parent)


@pytest.fixture(params=HOMES, ids=lambda each: each.name.partition(".")[0])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A home that an earlier version wrote."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "home"


def test_an_earlier_versions_state_goes_on(home: Path) -> None:
    verified = run(home, "audit", "verify", "--output", "json")
    assert (verified.code, verified.json["whole"], verified.json["records"]) == (0, True, 6)
    assert [each["label"] for each in run(home, "grants", "list", "--output", "json").json] == ["ci"]
    assert "The offer is accepted by Friday,0.7" in run(home, "decisions", "export").out
    assert run(home, "call", "alya_status").code == 0
    spent = run(home, "call", "alya_status")
    assert (spent.code, "3 calls" in spent.err) == (3, True)
    assert run(home, "audit", "verify").code == 0


def first_schema(file: Path) -> None:
    """Make the file one of the first schema: later ones only added tables."""
    kept = {"heads", "usage"}
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            if name not in kept:
                db.execute(f"DROP TABLE {name}")
        db.execute("PRAGMA user_version = 1")


def test_a_state_is_copied_before_its_schema_changes(home: Path) -> None:
    file = home / "state.sqlite"
    first_schema(file)
    script = "import sys; from alya_mcp.gate import SqliteState; SqliteState(sys.argv[1]).open()"
    servers = [subprocess.Popen([sys.executable, "-c", script, str(file)]) for _ in range(4)]
    assert [server.wait(PATIENCE) for server in servers] == [0] * 4
    copy = home / "state.sqlite.schema-1"
    assert sorted(each.name for each in home.glob("*schema*")) == [copy.name]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    for path, schema in ((copy, 1), (file, SCHEMA)):
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (schema,)
            assert db.execute("SELECT COUNT(*) FROM heads").fetchone()[0] >= 3
    copy.replace(file)  # what the user does to go back
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_a_copy_that_cannot_be_made_leaves_the_state_as_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    first_schema(home / "state.sqlite")
    before = (home / "state.sqlite").read_bytes()
    monkeypatch.setattr(database_file, "back_up", full)
    with pytest.raises(StateError, match="can't be copied before its schema changes: No space left"):
        SqliteState(home / "state.sqlite").open()
    assert (home / "state.sqlite").read_bytes() == before


def test_a_newer_state_is_refused_with_what_to_do_and_stays_as_it_is(home: Path) -> None:
    file = home / "state.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    before = file.read_bytes()
    denied = run(home, "call", "alya_status")
    assert (denied.code, f"schema {SCHEMA + 1}" in denied.err) == (3, True), denied.err
    assert file.read_bytes() == before


def test_a_familys_database_goes_forward_with_a_copy_and_never_back(tmp_path: Path) -> None:
    def opened(schema: int, steps: tuple[str, ...]) -> PrivateDatabase:
        return PrivateDatabase(
            tmp_path, "family/file.sqlite", title="The file", application=7, schema=schema,
            tables="CREATE TABLE a (x)", steps=steps,
        )  # fmt: skip

    first = opened(1, ())
    with first.writing() as db:
        db.execute("INSERT INTO a VALUES (1)")
    first.close()
    third = opened(
        3, ("ALTER TABLE a ADD COLUMN y DEFAULT 2", "CREATE TABLE b (z); INSERT INTO b VALUES (3)")
    )
    with third.reading() as db:
        assert db.execute("SELECT x, y, z FROM a, b").fetchall() == [(1, 2, 3)]
    third.close()
    with closing(sqlite3.connect(tmp_path / "family" / "file.sqlite.schema-1")) as db:
        assert db.execute("SELECT * FROM a").fetchall() == [(1,)]
    again = opened(1, ())
    with pytest.raises(Exception, match="newer version"), again.reading():
        pass
