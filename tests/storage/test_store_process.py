"""The store process: links outlive the server that made them, whatever ends in between."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from pictures import end_store_process, fetch, kept, picture, settings_for, store_process
from raw_client import PATIENCE, eventually
from replay import Reply, Request, replay
from s3_servers import S3Server

from alya_mcp.errors import Unavailable
from alya_mcp.settings import Settings
from alya_mcp.storage import launcher as process
from alya_mcp.storage import link_server as serve
from alya_mcp.storage import resume_links
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.local import LocalStore
from alya_mcp.storage.status import status_words

pytestmark = pytest.mark.anyio

AT_ONCE = serve.StoreLimits(grace=0)

PUT = """
import anyio, sys
from pathlib import Path
from pictures import picture
from alya_mcp.storage.local import LocalStore
home, seed = Path(sys.argv[1]), int(sys.argv[2])
print(anyio.run(lambda: LocalStore(home).put(picture(seed), expires_in=600)).url)
"""


def putting(home: Path, seed: int = 0) -> subprocess.Popen[str]:
    """A process that stores a picture, prints its link and ends."""
    tests = Path(__file__).parents[1] / "support"
    return subprocess.Popen(
        [sys.executable, "-c", PUT, home, str(seed)],
        env=os.environ | {"PYTHONPATH": str(tests), "AWS_SECRET_ACCESS_KEY": "hush"},
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(child: subprocess.Popen[str]) -> str:
    """The link that the process printed."""
    out, _ = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0
    return out.strip()


def kill_store_process(home: Path) -> process.StoreHealth:
    """End the store process as a reboot would."""
    running = store_process(home)
    assert running
    os.kill(running.pid, signal.SIGKILL)
    eventually(lambda: store_process(home) is None, "the end of the store process")
    return running


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


def test_a_link_opens_after_the_process_that_made_it_has_ended(home: Path) -> None:
    url = finish(putting(home))
    assert fetch(url).body == picture().data


def test_the_store_process_is_detached_and_holds_no_credentials(home: Path) -> None:
    finish(putting(home))
    running = store_process(home)
    assert running
    assert os.getsid(running.pid) == running.pid
    if Path("/proc/self").exists():
        proc = Path(f"/proc/{running.pid}")
        assert b"hush" not in (proc / "environ").read_bytes()
        assert (proc / "cwd").readlink() == home
        assert {str((proc / "fd" / name).readlink()) for name in "012"} == {"/dev/null"}


def test_the_store_process_imports_the_standard_library_only(tmp_path: Path) -> None:
    words = ["--run-module", "alya_mcp.storage.link_server", str(tmp_path), "0", "instance", ""]
    code = (
        f"import sys; sys.argv[1:] = {words}; from alya_mcp.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(*{name.partition('.')[0] for name in sys.modules})"
    )
    names = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    own = {"alya_mcp", "__main__", "__mp_main__"}
    foreign = set(names.stdout.split()) - set(sys.stdlib_module_names) - own
    site = subprocess.run(
        [sys.executable, "-P", "-c", "import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert foreign - {name.partition(".")[0] for name in site.stdout.split()} == set()


def test_four_processes_at_once_share_one_store_process(home: Path) -> None:
    urls = [finish(child) for child in [putting(home, seed) for seed in range(4)]]
    assert len({port_of(url) for url in urls}) == 1
    assert [fetch(url).body for url in urls] == [picture(seed).data for seed in range(4)]


async def test_a_killed_store_process_comes_back_on_the_same_port_with_the_next_picture(home: Path) -> None:
    store = LocalStore(home)
    first = await store.put(picture(), expires_in=600)
    killed = kill_store_process(home)
    with pytest.raises(OSError, match="refused"):
        fetch(first.url)
    status = await store.status()
    assert (status.state, status.problem) == ("failing", "links not served")
    second = await store.put(picture(1), expires_in=600)
    assert port_of(second.url) == port_of(first.url)
    assert fetch(first.url).body == picture().data
    running = store_process(home)
    assert running
    assert running.instance != killed.instance


async def test_a_starting_server_revives_links_that_are_still_open(home: Path) -> None:
    stored = await LocalStore(home).put(picture(), expires_in=600)
    kill_store_process(home)
    await resume_links(Settings(home=home))
    assert fetch(stored.url).body == picture().data


async def test_a_starting_server_with_a_bucket_revives_local_links_too(home: Path, rclone: S3Server) -> None:
    stored = await LocalStore(home).put(picture(), expires_in=600)
    kill_store_process(home)
    await resume_links(settings_for(rclone, home))
    assert fetch(stored.url).body == picture().data


async def test_a_starting_server_leaves_a_home_without_open_links_alone(home: Path) -> None:
    await resume_links(Settings(home=home))
    assert not await anyio.Path(home).exists()


async def test_a_running_store_process_is_used_as_it_is(home: Path) -> None:
    store = LocalStore(home)
    await store.put(picture(), expires_in=600)
    before = store_process(home)
    await store.put(picture(1), expires_in=600)
    await resume_links(Settings(home=home))
    assert store_process(home) == before


async def test_the_store_process_ends_after_the_last_link_has_expired(home: Path) -> None:
    folder = StoreFolder(home)
    with folder.locked():
        secret = folder.key_or_new()
        first = int(time.time()) + 1
        folder.extend(first)
        server = serve.StoreServer(folder, secret, port=0, instance="0123456789abcdef", limits=AT_ONCE)
        thread = threading.Thread(target=server.serve)
        thread.start()
        # It doesn't end while the folder is locked, as a link is being made then.
        await anyio.sleep(first + 0.1 - time.time())
        assert process.ask(secret, server.server_port)
        until = int(time.time()) + 2
        folder.extend(until)
    await anyio.to_thread.run_sync(thread.join, PATIENCE)
    assert not thread.is_alive()
    assert time.time() >= until
    server.drain()


async def test_the_store_process_does_not_end_while_a_link_is_being_made(home: Path) -> None:
    folder = StoreFolder(home)
    with folder.locked():
        secret = folder.key_or_new()
        server = serve.StoreServer(folder, secret, port=0, instance="0123456789abcdef", limits=AT_ONCE)
        thread = threading.Thread(target=server.serve)
        thread.start()
        assert process.ask(secret, server.server_port)
        folder.extend(int(time.time()) + 600)
    assert process.ask(secret, server.server_port)
    server.stop()
    server.drain()
    await anyio.to_thread.run_sync(thread.join, PATIENCE)


async def test_a_store_process_whose_folder_is_gone_ends(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "home")
    with folder.locked():
        secret = folder.key_or_new()
        folder.extend(int(time.time()) + 600)
    server = serve.StoreServer(folder, secret, port=0, instance="0123456789abcdef")
    folder.home.rename(tmp_path / "elsewhere")
    serving = threading.Thread(target=server.serve)
    serving.start()
    await anyio.to_thread.run_sync(serving.join, PATIENCE)
    assert not serving.is_alive()
    server.drain()


async def test_another_program_on_the_port_is_not_mistaken_and_the_move_is_told(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = LocalStore(home)
    first = await store.put(picture(), expires_in=600)
    kill_store_process(home)
    with socket.create_server(("127.0.0.1", port_of(first.url))):
        second = await store.put(picture(1), expires_in=600)
        status = await store.status()
    assert port_of(second.url) != port_of(first.url)
    assert fetch(second.url).body == picture(1).data
    assert (status.port, status.moved_from) == (port_of(second.url), port_of(first.url))
    assert f"Port {port_of(first.url)} was taken by another program" in status_words(status)
    assert f"Port {port_of(first.url)} is used by another program" in caplog.text
    third = await store.put(picture(2), expires_in=600)
    assert port_of(third.url) == port_of(second.url)


async def test_a_program_that_repeats_an_old_answer_is_not_mistaken_for_the_store_process(home: Path) -> None:
    store = LocalStore(home)
    stored = await store.put(picture(), expires_in=600)
    recorded = fetch(f"http://127.0.0.1:{port_of(stored.url)}/health?nonce={'0' * 32}").body
    end_store_process(home)

    def repeat(_: Request) -> Reply:
        return Reply(200, recorded)

    secret = StoreFolder(home).key()
    assert secret
    with replay(repeat) as impostor:
        assert process.ask(secret, port_of(impostor.url)) is None


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"[" * 9_000,
        b'{"port": "x"}',
        b"\xff\xfe",
        b'{"port":1,"instance":"\\ud800"}',
    ],
)
def test_an_answer_of_any_other_program_is_not_mistaken(said: bytes) -> None:
    with replay(lambda _: Reply(200, said)) as other:
        assert process.ask(bytes(32), port_of(other.url)) is None


async def test_a_newer_server_replaces_an_older_store_process_and_links_stay_good(home: Path) -> None:
    store = LocalStore(home)
    large = picture(size=30_000_000)
    first = await store.put(large, expires_in=600)
    old = store_process(home)
    assert old
    with socket.create_connection(("127.0.0.1", old.port)) as slow:
        slow.sendall(f"GET {first.url.partition(str(old.port))[2]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = bytearray(slow.recv(1_000))
        second = await LocalStore(home, launcher=process.StoreLauncher(version="999.0.0")).put(
            picture(1), expires_in=600
        )
        new = store_process(home)
        assert new
        assert new.instance != old.instance
        assert port_of(second.url) == port_of(first.url)
        assert fetch(second.url).body == picture(1).data
        while piece := slow.recv(1_000_000):
            received += piece
    assert received.endswith(large.data)
    assert fetch(first.url).body == large.data


async def test_an_older_server_uses_a_newer_store_process(home: Path) -> None:
    await LocalStore(home).put(picture(), expires_in=600)
    before = store_process(home)
    await LocalStore(home, launcher=process.StoreLauncher(version="0.0.1")).put(picture(1), expires_in=600)
    assert store_process(home) == before


async def test_each_home_has_a_store_process_and_a_key_of_its_own(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    try:
        ours = await LocalStore(home).put(picture(), expires_in=600)
        theirs = await LocalStore(other).put(picture(), expires_in=600)
        assert port_of(ours.url) != port_of(theirs.url)
        crossed = ours.url.replace(str(port_of(ours.url)), str(port_of(theirs.url)))
        assert fetch(crossed).status == 403
    finally:
        end_store_process(other)


@pytest.mark.parametrize(("name", "content"), [("key", b"short"), ("server.json", b"{"), ("until", b"soon")])
async def test_a_damaged_file_of_the_store_is_replaced(home: Path, name: str, content: bytes) -> None:
    store = LocalStore(home)
    await store.put(picture(), expires_in=600)
    end_store_process(home)
    await anyio.Path(home, "store", name).write_bytes(content)
    stored = await store.put(picture(1), expires_in=600)
    assert fetch(stored.url).body == picture(1).data


async def test_a_store_process_that_can_not_start_is_told_and_the_picture_kept(home: Path) -> None:
    def broken(*_: object) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit(5)"]

    store = LocalStore(home, launcher=process.StoreLauncher(command=broken))
    with pytest.raises(Unavailable, match=r"\b5\b"):
        await store.put(picture(), expires_in=600)
    assert kept(home, picture()) == picture().data


async def test_an_older_store_process_that_does_not_end_is_used_as_it_is(home: Path) -> None:
    first = await LocalStore(home).put(picture(), expires_in=600)
    before = store_process(home)
    newer = process.StoreLauncher(version="999.0.0", stop=lambda *_: False)
    second = await LocalStore(home, launcher=newer).put(picture(1), expires_in=600)
    assert store_process(home) == before
    assert fetch(first.url).status == fetch(second.url).status == 200
