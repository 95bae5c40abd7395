"""The launcher of the one binary, around a program of a few lines: unpacked once, whole and private."""

import fcntl
import importlib.util
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

BUILD = Path(__file__).parents[2] / "packaging" / "binary" / "build.py"
PROGRAM = """#!/bin/sh
echo "$_ALYA_MCP_BINARY" "$@"
cat "$(dirname "$0")/_internal/words"
exit 7
"""
Launch = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_binary", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(build: ModuleType, folder: Path, words: str) -> Path:
    """A binary whose program prints `words`, beside bytes that don't pack and a link."""
    program = folder / "program"
    inner = program / "_internal"
    inner.mkdir(parents=True)
    (program / "alya-mcp").write_text(PROGRAM)
    (program / "alya-mcp").chmod(0o755)
    (inner / "real-words").write_text(words * 5000)
    (inner / "words").symlink_to("real-words")
    (inner / "noise").write_bytes(random.Random(7).randbytes(300_000))
    binary: Path = build.compile_launcher(folder, build.packed(program), folder / "alya-mcp-binary")
    return binary


@pytest.fixture(scope="module")
def one(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(build, tmp_path_factory.mktemp("one"), "first\n")


@pytest.fixture(scope="module")
def two(build: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(build, tmp_path_factory.mktemp("two"), "second\n")


def launch(binary: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([binary, *words], env=variables, capture_output=True, text=True, check=False)


def unpacked(home: Path) -> list[Path]:
    return sorted((home / "cache" / "binary").iterdir())


def test_it_runs_the_program_with_its_words_and_ends_as_that_does(one: Path, tmp_path: Path) -> None:
    ended = launch(one, "call", "a b", "", ALYA_HOME=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (7, "")
    assert ended.stdout == f"{one} call a b \n" + "first\n" * 5000
    (folder,) = unpacked(tmp_path)
    assert (folder / "_internal" / "noise").read_bytes() == random.Random(7).randbytes(300_000)
    assert {oct(each.stat().st_mode & 0o077) for each in (folder.parent, folder, *folder.rglob("*"))} == {
        "0o0"
    }


def test_it_is_unpacked_once(one: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert launch(one, ALYA_HOME=f"  {tmp_path} ").returncode == 7
        (folder,) = unpacked(tmp_path)
        (folder / "_internal" / "real-words").write_text("touched\n")
    assert launch(one, ALYA_HOME=str(tmp_path)).stdout.endswith("touched\n")


def test_another_version_takes_the_place_of_one_that_nobody_runs(
    one: Path, two: Path, tmp_path: Path
) -> None:
    launch(one, ALYA_HOME=str(tmp_path))
    (first,) = unpacked(tmp_path)
    with (first / "in-use").open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        launch(two, ALYA_HOME=str(tmp_path))
        assert first in unpacked(tmp_path)
        assert len(unpacked(tmp_path)) == 2
    shutil.rmtree(next(each for each in unpacked(tmp_path) if each != first))
    (first.parent / ".new-999999999").mkdir()  # of a start that was killed
    assert launch(two, ALYA_HOME=str(tmp_path)).stdout.endswith("second\n")
    assert len(unpacked(tmp_path)) == 1


def test_a_running_program_keeps_its_folder(one: Path, two: Path, tmp_path: Path) -> None:
    launch(one, ALYA_HOME=str(tmp_path))
    (first,) = unpacked(tmp_path)
    (first / "alya-mcp").write_text("#!/bin/sh\necho runs\nread -r word\n")
    with subprocess.Popen(
        [one], env={"ALYA_HOME": str(tmp_path)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"runs\n"
        launch(two, ALYA_HOME=str(tmp_path))
        assert first in unpacked(tmp_path)


@pytest.mark.parametrize("home", ["${ALYA_HOME}", "relative", "", "{file}"])
def test_where_the_home_can_not_be_used_it_is_the_users_cache(one: Path, tmp_path: Path, home: str) -> None:
    (tmp_path / "file").touch()
    cache = tmp_path / "caches"
    home = home.replace("{file}", str(tmp_path / "file"))
    assert launch(one, ALYA_HOME=home, XDG_CACHE_HOME=str(cache)).returncode == 7
    assert len(list((cache / "alya-mcp" / "binary").iterdir())) == 1


def test_where_nothing_can_be_written_it_says_what_it_tried(one: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = launch(one, ALYA_HOME=str(file), XDG_CACHE_HOME=str(file), TMPDIR=str(file))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "set ALYA_HOME to a folder that can be written" in ended.stderr
    assert ended.stderr.count(f"{file}/") == 3


def test_a_folder_that_others_can_write_is_not_trusted(one: Path, tmp_path: Path) -> None:
    place = tmp_path / "home" / "cache" / "binary"
    place.mkdir(parents=True)
    place.chmod(0o777)
    cache = tmp_path / "caches"
    assert launch(one, ALYA_HOME=str(tmp_path / "home"), XDG_CACHE_HOME=str(cache)).returncode == 7
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_damaged_file_is_not_run(one: Path, tmp_path: Path, share: float) -> None:
    data = bytearray(one.read_bytes())
    begin = data.index(b"\x5d\x00\x00", 4096)  # the header of the packed program
    data[begin + 13 + int(300_000 * share)] ^= 0x55
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    damaged.chmod(0o755)
    ended = launch(damaged, ALYA_HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path), TMPDIR=str(tmp_path))
    assert ended.returncode == 1
    assert "this file is damaged; download it again" in ended.stderr
    assert unpacked(tmp_path) == []


def test_two_first_starts_at_once_both_run(one: Path, tmp_path: Path) -> None:
    running = [
        subprocess.Popen([one], env={"ALYA_HOME": str(tmp_path)}, stdout=subprocess.DEVNULL) for _ in range(4)
    ]
    assert [each.wait() for each in running] == [7] * 4
    assert len(unpacked(tmp_path)) == 1


def test_the_same_program_makes_the_same_archive(build: ModuleType, tmp_path: Path) -> None:
    archives: list[bytes] = []
    for name, time in (("a", 1_000_000_000), ("b", 1_500_000_000)):
        folder = tmp_path / name
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "file").write_text("same")
        os.utime(folder / "inner" / "file", (time, time))
        archives.append(build.packed(folder))
    assert archives[0] == archives[1]
