"""Files that are whole or not there."""

import os
import threading
from pathlib import Path

import pytest

from alya_mcp.runtime.private_files import write_whole


@pytest.fixture(params=["hard links", "no hard links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk with hard links, and one without."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", refuse)


def test_of_several_that_write_a_new_file_one_comes_first(tmp_path: Path, links: None) -> None:
    file, late = tmp_path / "file", list[int]()
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        try:
            write_whole(file, bytes([number]) * 100_000, new=True)
        except FileExistsError:
            late.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = set(range(8)) - set(late)
    assert file.read_bytes() == bytes([first]) * 100_000
    assert list(tmp_path.iterdir()) == [file]


def test_the_mode_is_what_was_asked_for_less_the_umask(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_whole(tmp_path / "open", b"")
        write_whole(tmp_path / "closed", b"", mode=0o600)
    finally:
        os.umask(mask)
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o600


def test_what_can_not_be_written_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(folder, b"new")
    assert list(tmp_path.iterdir()) == [folder]
