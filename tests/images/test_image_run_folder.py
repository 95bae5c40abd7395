"""The files by which servers find and trust the worker: stale ones, foreign ones, other users."""

import errno
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from stage import (
    Opener,
    Stage,
    Steps,
    a_job,
    command_of,
    no_worker_at,
    pid_of,
    staged_command,
    until,
    workers,
)

from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.images.local import LocalEngine
from alya_mcp.images.worker.run_folder import RunFolder
from alya_mcp.runtime import locks
from alya_mcp.runtime.locks import FileLock
from alya_mcp.settings import Settings

_STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
home, unix, key, address = sys.argv[1:]
os.listdir(home)
print("entered")
def attempt(what):
    try:
        what()
        print("succeeded")
    except OSError as error:
        print(type(error).__name__)
attempt(lambda: socket.socket(socket.AF_UNIX).connect(unix))
attempt(lambda: open(key, "rb").read())
attempt(lambda: open(address, "rb").read())
attempt(lambda: os.listdir(os.path.dirname(unix)))
"""
"""Becomes the user nobody and tries the worker of someone else."""

pytestmark = pytest.mark.anyio


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that everybody may enter, so that what is tested is the worker's own protection."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_a_lock_file_left_by_a_killed_process_holds_nobody_up(alya_home: Path, open_at: Opener):
    place = RunFolder(alya_home)
    place.prepare()
    hold = (
        "import sys, time; from pathlib import Path; from alya_mcp.runtime.locks import FileLock\n"
        "locks = [FileLock(Path(path)) for path in sys.argv[1:]]\n"
        "sys.stdout.write(f'{all([lock.acquire() for lock in locks])}\\n')\n"
        "sys.stdout.flush(); time.sleep(600)"
    )
    async with await anyio.open_process(
        [sys.executable, "-c", hold, str(place.lock), str(place.start_lock)], stderr=None
    ) as holder:
        assert holder.stdout is not None
        assert await holder.stdout.receive() == b"True\n"
        assert not FileLock(place.lock).acquire()
        holder.kill()
    assert (await open_at().render(a_job(), Steps())).model == "plain"


async def test_a_socket_file_that_nobody_listens_on_is_replaced(alya_home: Path, open_at: Opener):
    place = RunFolder(alya_home)
    place.prepare()
    place.ensure_key()
    dead = place.folder / "image-worker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(dead))
    place.address.write_text(json.dumps({"pid": 1, "unix": str(dead), "port": None}))
    assert (await open_at().render(a_job(), Steps())).model == "plain"


async def test_garbage_in_the_address_and_key_files_is_replaced(alya_home: Path, open_at: Opener):
    place = RunFolder(alya_home)
    place.prepare()
    place.address.write_text("{not json")
    place.key.write_bytes(b"short")
    assert (await open_at().render(a_job(), Steps())).model == "plain"
    assert len(place.key.read_bytes()) == 32


async def test_a_server_with_a_wrong_key_gets_nothing_and_a_replaced_key_ends_the_worker(
    alya_home: Path, open_at: Opener
):
    engine = open_at()
    await engine.render(a_job(), Steps())
    pid = await pid_of(engine)
    place = RunFolder(alya_home)
    place.key.unlink()
    place.ensure_key()
    stranger = open_at()
    await stranger.render(a_job(), Steps())
    assert await pid_of(stranger) != pid


async def test_a_worker_whose_files_vanish_leaves(tmp_path: Path, open_at: Opener):
    home = tmp_path / "short lived"
    engine = open_at(home)
    await engine.render(a_job(), Steps())
    (worker,) = workers(home)
    home.rename(tmp_path / "moved")
    await until(lambda: not command_of(worker), "the end of the worker")
    assert (await engine.render(a_job(), Steps())).model == "plain"


async def test_a_home_with_a_path_too_long_for_a_socket_works(tmp_path: Path, open_at: Opener):
    home = tmp_path / ("long" * 30)
    engine = open_at(home)
    assert (await engine.render(a_job(), Steps())).model == "plain"
    address = RunFolder(home).read_address()
    assert address is not None
    assert address.unix is not None
    assert not address.unix.startswith(str(home))
    folder = Path(address.unix).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    await engine.aclose()
    await until(lambda: not folder.exists(), "the removal of the socket's folder")


async def test_nobody_else_can_read_the_workers_files(alya_home: Path, open_at: Opener):
    await open_at().render(a_job(), Steps())
    place = RunFolder(alya_home)
    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert place.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name", ["home", "home" * 30])
async def test_another_user_of_the_machine_cannot_read_or_reach_the_worker(
    public_folder: Path, open_at: Opener, name: str
):
    home = public_folder / name
    engine = open_at(home)
    await engine.render(a_job(), Steps())
    home.chmod(0o755)
    place = RunFolder(home)
    address = place.read_address()
    assert address is not None
    assert address.unix is not None
    said = await anyio.run_process(
        [sys.executable, "-c", _STRANGER, str(home), address.unix, str(place.key), str(place.address)]
    )
    assert said.stdout.decode().split() == ["entered", *["PermissionError"] * 4]
    assert (await engine.status()).state == "idle"
    await engine.aclose()
    await no_worker_at(home)


async def test_two_users_with_private_homes_have_a_worker_each(tmp_path: Path, open_at: Opener):
    homes = [tmp_path / name for name in ("one", "other")]
    pids: set[int] = set()
    for home in homes:
        home.mkdir(mode=0o700)
        engine = open_at(home)
        await engine.render(a_job(), Steps())
        pids |= workers(home)
        assert home.stat().st_mode & 0o777 == 0o700
    assert len(pids) == 2
    keys = [RunFolder(home).read_key() for home in homes]
    assert keys[0] != keys[1]


@pytest.mark.parametrize("name", ["log", "start_lock", "key"])
async def test_a_file_of_the_worker_that_cannot_be_written_is_told_without_its_path(
    alya_home: Path, open_at: Opener, name: str
):
    place = RunFolder(alya_home)
    place.prepare()
    getattr(place, name).mkdir()
    with pytest.raises(NotConfigured, match="ALYA_HOME") as raised:
        await open_at().render(a_job(), Steps())
    assert str(alya_home) not in str(raised.value)
    assert not list(place.folder.glob(".*"))


async def test_a_home_on_a_disk_that_knows_no_locks_is_told_at_once(
    open_at: Opener, monkeypatch: pytest.MonkeyPatch
):
    def refuse(descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks, "try_lock", refuse)
    with pytest.raises(NotConfigured, match="ALYA_HOME"):
        await open_at().render(a_job(), Steps())


async def test_a_disk_that_is_full_leaves_no_halves_of_files(alya_home: Path, stage: Stage):
    command = ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", *staged_command()]
    engine = LocalEngine(Settings(home=alya_home, image_model="plain"), command=command)
    with pytest.raises(Unavailable, match="ended while starting"):
        await engine.render(a_job(), Steps())
    await engine.aclose()
    assert {file.suffix for file in RunFolder(alya_home).folder.iterdir()} == {".key", ".lock", ".sock"}


async def test_a_home_that_cannot_be_written_is_told_without_its_path(tmp_path: Path, open_at: Opener):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotConfigured, match="ALYA_HOME") as raised:
        await open_at(tmp_path / "file" / "home").render(a_job(), Steps())
    assert str(tmp_path) not in str(raised.value)
