"""The kit of background processes: what other versions of alya-mcp that run beside this one rely on."""

import hashlib
import hmac
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from raw_client import eventually

from alya_mcp.runtime.daemon import (
    EndedError,
    LateError,
    Starter,
    is_newer,
    make_key,
    proof,
    proves,
    read_key,
    read_record,
    runs,
    spawn,
)
from alya_mcp.storage.handshake import StoreHealth, health_words, stop_words

KEY = bytes(range(32))


def test_the_store_processs_proofs_are_those_of_other_versions() -> None:
    health = StoreHealth(port=20_000, instance="0123456789abcdef", version="0.1.0", pid=7)
    for words, text in (
        (health_words("ab" * 16, health), f"health\n{'ab' * 16}\n20000\n0123456789abcdef\n0.1.0\n7"),
        (stop_words("0123456789abcdef"), "stop\n0123456789abcdef"),
    ):
        expected = hmac.new(KEY, f"alya-control-1\n{text}".encode(), hashlib.sha256).hexdigest()
        assert proof(KEY, *words) == expected
        assert proves(expected, KEY, *words)
        assert not proves(expected, bytes(32), *words)
        assert not proves("\udc80", KEY, *words)


@pytest.mark.parametrize(
    ("version", "other", "newer"),
    [
        ("1.10.0", "1.9.0", True),
        ("1.0.0", "1.0.0", False),
        ("1.0.0.dev3", "1.0.0", False),
        ("1.1rc1", "1.0.9", True),
        ("0.1.0", "anything", True),
        ("anything", "0.1.0", False),
    ],
)
def test_a_release_is_newer(version: str, other: str, newer: bool) -> None:
    assert is_newer(version, other) == newer


def test_a_key_is_whole_or_none_and_private(tmp_path: Path) -> None:
    file = tmp_path / "key"
    assert read_key(file) is None
    file.write_bytes(b"short")
    assert read_key(file) is None
    assert read_key(file) != make_key(file) == read_key(file)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 9_000, b"\xff"])
def test_a_damaged_record_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record").write_bytes(content)
    assert read_record(tmp_path / "record") == read_record(tmp_path / "missing") == {}


def test_a_process_is_detached_and_looks_for_libraries_where_it_would_without_the_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    out = tmp_path / "out"
    inside = {
        "LANG": "C",
        "LD_LIBRARY_PATH": "/unpacked",
        "LD_LIBRARY_PATH_ORIG": "/opt/lib",
        "_PYI_ARCHIVE_FILE": "/unpacked/alya-mcp",
    }
    code = "import os; print(os.getsid(0) == os.getpid(), os.getcwd(), sorted(os.environ.items()))"
    with out.open("wb") as log:
        child = spawn([sys.executable, "-c", code], tmp_path, cwd=tmp_path, environment=inside, log=log)
    eventually(lambda: child.poll() is not None, "the end of the process")
    told = {"LANG": "C", "ALYA_HOME": str(tmp_path), "LD_LIBRARY_PATH": "/opt/lib"}
    said = out.read_text()
    assert said.startswith(f"True {os.path.realpath(tmp_path)} ")
    assert all(repr(item) in said for item in told.items())
    assert "unpacked" not in said


def starting(home: Path, code: str, seconds: float = 60, most: int = 1) -> Starter:
    words = [sys.executable, "-S", "-c", code]
    return Starter(lambda: spawn(words, home, cwd=home, environment=os.environ), seconds=seconds, most=most)


def ended(starter: Starter) -> int:
    """The status that the process ended with."""
    try:
        while True:
            starter.ensure()
            time.sleep(0.01)
    except EndedError as error:
        return error.status


def test_a_process_that_ends_well_is_started_again_so_often_and_one_that_fails_is_not(tmp_path: Path) -> None:
    note = "open('starts', 'a').write('x'); raise SystemExit({})"
    assert ended(starting(tmp_path, note.format(0), most=3)) == 0
    assert (tmp_path / "starts").read_text() == "xxx"
    assert ended(starting(tmp_path, note.format(3), most=3)) == 3
    assert (tmp_path / "starts").read_text() == "xxxx"


def test_who_may_not_start_a_process_waits_for_anothers_until_the_time_is_up(tmp_path: Path) -> None:
    starter = starting(tmp_path, "open('started', 'w')", seconds=-1)
    with pytest.raises(LateError):
        starter.ensure(may_start=False)
    starter.end()
    assert (starter.pid, list(tmp_path.iterdir())) == (None, [])


def test_a_process_is_ended_with_its_start_unless_it_was_let_go(tmp_path: Path) -> None:
    starter = starting(tmp_path, "import time; time.sleep(60)")
    starter.ensure()
    starter.ensure()
    pid = starter.pid
    assert pid is not None
    starter.end()
    eventually(lambda: not runs(pid), "the end of the process")
    left = starting(tmp_path, "import os, time; open('left', 'w').write(str(os.getpid())); time.sleep(60)")
    left.ensure()
    pid = left.pid
    assert pid is not None
    left.let_go()
    left.end()
    eventually(lambda: (tmp_path / "left").exists(), "the process at work")
    assert runs(pid)
    os.kill(pid, signal.SIGTERM)
