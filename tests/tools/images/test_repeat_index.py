"""The index of repeated pictures: what it finds, for whom, and its bad days."""

import multiprocessing
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from alya_mcp.tools.images.repeat_index import Known, RepeatIndex

QUESTION = {"grant": "local", "prompt": "a harbour at night for Zoë", "seed": 7, "format": "png"}


def known(number: int = 0, **changes: object) -> Known:
    facts = {
        "key": f"2026-11-22/{number:064x}.png",
        "sha256": f"{number:064x}",
        "size": 1_234,
        "content_type": "image/png",
        "width": 1024,
        "height": 1024,
        "model": "alya-sketch",
        "notice": "It doesn't know these words and left them out: zoë",
        "preview": b"\xff\xd8\n" + bytes(range(256)) * 8,
    }
    return Known(**(facts | changes))  # pyright: ignore[reportArgumentType]


def file_of(home: Path) -> Path:
    return home / "repeats" / "index.sqlite"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home"


@pytest.fixture
def index(home: Path):
    opened = RepeatIndex(home)
    yield opened
    opened.close()


def test_what_was_remembered_is_found_whole(index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    assert index.find(QUESTION) == known()
    assert index.find(dict(reversed(QUESTION.items()))) == known()


@pytest.mark.parametrize("notice", [None, "", "a\nb"])
def test_any_notice_comes_back_as_it_was(index: RepeatIndex, notice: str | None) -> None:
    index.remember(QUESTION, known(notice=notice, preview=b""))
    assert index.find(QUESTION) == known(notice=notice, preview=b"")


@pytest.mark.parametrize(
    ("name", "other"),
    [("grant", "other"), ("prompt", "a harbour at night for Zoe"), ("seed", 8), ("format", "webp")],
)
def test_another_question_finds_nothing(index: RepeatIndex, name: str, other: str | int) -> None:
    index.remember(QUESTION, known())
    assert index.find({**QUESTION, name: other}) is None
    assert index.find(QUESTION) == known()


def test_a_number_is_not_its_text(index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    assert index.find({**QUESTION, "seed": "7"}) is None


def test_a_later_answer_replaces_the_earlier_one(index: RepeatIndex) -> None:
    index.remember(QUESTION, known(1))
    index.remember(QUESTION, known(2))
    assert index.find(QUESTION) == known(2)


def test_what_is_forgotten_is_gone(index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    index.forget(QUESTION)
    assert index.find(QUESTION) is None


def test_it_outlives_its_process_and_is_seen_by_a_second_one(home: Path, index: RepeatIndex) -> None:
    index.remember(QUESTION, known(1))
    second = RepeatIndex(home)
    assert second.find(QUESTION) == known(1)
    second.remember({**QUESTION, "seed": 8}, known(2))
    second.close()
    assert index.find({**QUESTION, "seed": 8}) == known(2)
    index.close()
    assert index.find(QUESTION) == known(1)


def test_what_was_asked_can_not_be_read_in_its_files(home: Path, index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    written = b"".join(path.read_bytes() for path in (home / "repeats").iterdir())
    for readable in ("harbour", "local"):
        assert readable.encode() not in written.lower()


def test_its_files_are_their_owner_s_alone(home: Path, index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    folder = home / "repeats"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} >= {"key", "lock", "index.sqlite"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_without_its_key_nothing_is_found(home: Path, index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    index.close()
    (home / "repeats" / "key").unlink()
    assert index.find(QUESTION) is None


def test_a_full_index_lets_go_of_what_was_not_asked_for_longest(home: Path) -> None:
    index = RepeatIndex(home, most=3)
    questions = [{**QUESTION, "seed": seed} for seed in range(5)]
    for number in range(3):
        index.remember(questions[number], known(number))
    assert index.find(questions[0]) == known(0)
    index.remember(questions[3], known(3))
    assert [index.find(question) is not None for question in questions[:4]] == [True, False, True, True]
    index.remember(questions[4], known(4))
    assert [index.find(question) is not None for question in questions] == [False, False, True, True, True]
    index.close()


def test_an_index_of_an_earlier_version_is_begun_anew(home: Path, index: RepeatIndex) -> None:
    file_of(home).parent.mkdir(parents=True)
    db = sqlite3.connect(file_of(home))
    db.execute("CREATE TABLE answers (question BLOB PRIMARY KEY, used INTEGER, sealed BLOB)")
    db.execute("CREATE INDEX by_use ON answers (used)")
    db.execute("INSERT INTO answers VALUES (x'00', 1, x'00')")
    db.commit()
    db.close()
    assert index.find(QUESTION) is None
    index.remember(QUESTION, known())
    assert index.find(QUESTION) == known()
    index.close()
    db = sqlite3.connect(file_of(home))
    assert db.execute("SELECT name FROM sqlite_master WHERE name = 'answers'").fetchall() == []
    db.close()


@pytest.mark.parametrize("damage", ["no database", "middle", "cut"])
def test_a_damaged_index_is_moved_aside_and_begun_anew(
    home: Path, index: RepeatIndex, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for seed in range(40):
        index.remember({**QUESTION, "seed": seed}, known(seed))
    index.close()
    whole = file_of(home).read_bytes()
    middle = len(whole) // 3 // 4096 * 4096
    broken = {
        "no database": b"this is no database" * 1000,
        "middle": whole[:4096] + b"\xa5" * (len(whole) - 4096),
        "cut": whole[:middle],
    }[damage]
    file_of(home).write_bytes(broken)
    for seed in range(40):
        index.find({**QUESTION, "seed": seed})
        index.remember({**QUESTION, "seed": seed}, known(seed))
    assert index.find(QUESTION) == known(7)
    assert (home / "repeats" / "index.damaged").exists()
    assert "was damaged and is begun anew" in caplog.text
    assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600


def test_another_process_that_held_the_damaged_index_uses_the_new_one(home: Path, index: RepeatIndex) -> None:
    index.remember(QUESTION, known(1))
    other = RepeatIndex(home)
    assert other.find(QUESTION) == known(1)
    index.close()
    with file_of(home).open("r+b") as file:
        file.write(b"\xa5" * 8192)
    index.find(QUESTION)
    index.remember(QUESTION, known(2))
    for _ in range(3):
        other.remember({**QUESTION, "seed": 9}, known(3))
    assert other.find({**QUESTION, "seed": 9}) == known(3)
    assert other.find(QUESTION) == known(2)
    assert index.find({**QUESTION, "seed": 9}) == known(3)
    other.close()


@pytest.mark.parametrize("obstacle", ["a folder in its place", "a file for its folder"])
def test_an_index_that_can_not_be_written_is_said_in_the_log_and_nowhere_else(
    home: Path, obstacle: str, caplog: pytest.LogCaptureFixture
) -> None:
    if obstacle == "a folder in its place":
        file_of(home).mkdir(parents=True)
    else:
        home.mkdir()
        (home / "repeats").touch()
    index = RepeatIndex(home)
    index.remember(QUESTION, known())
    index.forget(QUESTION)
    assert index.find(QUESTION) is None
    assert "can't be used" in caplog.text


def test_deleting_its_folder_makes_it_forget(home: Path, index: RepeatIndex) -> None:
    index.remember(QUESTION, known())
    for path in (home / "repeats").iterdir():
        path.unlink()
    (home / "repeats").rmdir()
    fresh = RepeatIndex(home)
    assert fresh.find(QUESTION) is None
    fresh.close()
    for _ in range(2):
        index.remember(QUESTION, known(1))
    assert index.find(QUESTION) == known(1)


def test_threads_of_one_process_share_it(index: RepeatIndex) -> None:
    def use(number: int) -> None:
        for seed in range(20):
            question = {**QUESTION, "seed": seed}
            index.remember(question, known(seed))
            assert index.find(question) == known(seed)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [index.find({**QUESTION, "seed": seed}) for seed in range(20)] == [known(n) for n in range(20)]


def _remember_many(home: Path, first: int) -> None:
    index = RepeatIndex(home, busy=60)  # here a slow disk must not make it give up
    for number in range(first, first + 30):
        index.remember({**QUESTION, "seed": number}, known(number))
        index.remember({**QUESTION, "seed": 1000}, known(1000))
    index.close()


def test_processes_that_begin_at_once_share_one_key_and_one_file(home: Path, index: RepeatIndex) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_remember_many, args=(home, first)) for first in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    numbers = [*(first + number for first in (0, 100, 200) for number in range(30)), 1000]
    assert [index.find({**QUESTION, "seed": n}) for n in numbers] == [known(n) for n in numbers]
