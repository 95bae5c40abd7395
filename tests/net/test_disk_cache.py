"""The folder of kept answers: how large it may grow."""

import os
from pathlib import Path

from alya_mcp.net.disk_cache import Cache, Kept


def answer(size: int) -> Kept:
    return Kept(
        fetched_at=0, fresh_until=0, status=200, content_type="", etag=None, last_modified=None,
        body=b"x" * size,
    )  # fmt: skip


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_large_answers_go_before_there_are_too_many(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1 << 20)
    for number in range(40):
        cache.keep(str(number), answer(200_000))
    assert sum(path.stat().st_size for path in files(tmp_path)) < 1.5 * (1 << 20)
    assert cache.find("39")


def test_a_small_answer_counts_for_the_room_that_a_file_takes(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1 << 20)
    for number in range(1000):
        cache.keep(str(number), answer(10))
    assert len(files(tmp_path)) < 400


def test_what_was_used_last_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1 << 20)
    cache.keep("old", answer(10))
    for path in files(tmp_path):
        os.utime(path, (0, 0))
    assert cache.find("old")
    for number in range(40):
        cache.keep(str(number), answer(200_000))
        assert cache.find("old")
