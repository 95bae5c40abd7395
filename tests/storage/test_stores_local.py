"""Local links and files: what opens, what doesn't, and what happens when a file can't be written."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from pictures import fetch, picture
from raw_client import PATIENCE, eventually

from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.runtime.locks import LockTimeout, exclusive
from alya_mcp.runtime.private_files import write_private
from alya_mcp.storage import link_server as serve
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.link_handler import StoreLimits
from alya_mcp.storage.local import LocalStore, write_picture
from alya_mcp.storage.signed_links import LinkRefused, SignedLink, judge, sign
from alya_mcp.storage.status import status_words
from alya_mcp.storage.store import Stored

SECRET = bytes(range(32))
NOW = 1_795_000_000
LINK = SignedLink(key=picture().key, signed_at=NOW, expires_in=60, filename="a.png")


def test_a_signed_link_is_read_back() -> None:
    assert judge(SECRET, sign(SECRET, LINK), NOW) == LINK


def test_a_link_is_open_in_its_last_second_and_not_in_the_next() -> None:
    target = sign(SECRET, LINK)
    assert judge(SECRET, target, NOW + 59.999) == LINK
    with pytest.raises(LinkRefused, match="expired at") as caught:
        judge(SECRET, target, NOW + 60)
    assert caught.value.status == 403


def test_every_changed_character_breaks_a_link() -> None:
    target = sign(SECRET, LINK)
    for place, character in enumerate(target):
        for other in "0a.&/":
            if other != character:
                with pytest.raises(LinkRefused):
                    judge(SECRET, target[:place] + other + target[place + 1 :], NOW)


def test_a_link_signed_with_another_key_does_not_open() -> None:
    with pytest.raises(LinkRefused, match="changed"):
        judge(bytes(32), sign(SECRET, LINK), NOW)


@pytest.mark.parametrize("seconds", [0, 604_801, 999_999])
def test_a_link_that_lives_too_long_does_not_open_even_when_signed(seconds: int) -> None:
    link = SignedLink(key=LINK.key, signed_at=NOW, expires_in=seconds, filename="a.png")
    with pytest.raises(LinkRefused, match="lives"):
        judge(SECRET, sign(SECRET, link), NOW)


def test_a_signature_is_judged_before_the_expiry() -> None:
    """Whoever forges a link learns nothing of its dates."""
    target = sign(SECRET, LINK)
    with pytest.raises(LinkRefused, match="changed"):
        judge(SECRET, target[:-1] + ("0" if target[-1] != "0" else "1"), NOW + 10_000)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/images",
        "/images/",
        "/images/../store/key",
        "/images/%2e%2e/store/key",
        "/images/2026-11-22/../../store/key",
        "//etc/passwd",
        "/store/key",
        "/images/2026-11-22/" + "0" * 64 + ".svg",
        "/images/2026-11-22/" + "0" * 64 + ".png/..",
        "/images/2026-11-22/" + "A" * 64 + ".png",
        "/images/\uff12026-11-22/" + "0" * 64 + ".png",
        "http://127.0.0.1/images/x",
        "/health",
        "/health?nonce=1",
    ],
)
def test_what_is_not_a_picture_is_not_found(target: str) -> None:
    with pytest.raises(LinkRefused) as caught:
        judge(SECRET, target, NOW)
    assert caught.value.status == 404


@pytest.fixture
def served(home: Path) -> Generator[str]:
    """The link of a picture, served by this process."""
    with serving(home, StoreLimits()) as link:
        yield link


@contextmanager
def serving(home: Path, limits: StoreLimits) -> Generator[str]:
    folder = StoreFolder(home)
    with folder.locked():
        secret = folder.key_or_new()
        folder.extend(int(time.time()) + 600)
    upload = picture()
    write_picture(folder, upload)
    server = serve.StoreServer(folder, secret, port=0, instance="0123456789abcdef", limits=limits)
    thread = threading.Thread(target=server.serve)
    thread.start()
    link = SignedLink(key=upload.key, signed_at=int(time.time()), expires_in=600, filename=upload.filename)
    yield f"http://127.0.0.1:{server.server_port}{sign(secret, link)}"
    server.stop()
    server.drain()
    thread.join()


def speak(url: str, request: bytes) -> bytes:
    """Everything that the server at `url` answers to these bytes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while piece := connection.recv(65_536):
                answer += piece
        except ConnectionResetError:
            pass
        return answer


def test_a_picture_comes_with_headers_that_keep_it_a_picture(served: str) -> None:
    answer = fetch(served)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Server"] == "alya-store"
    assert int(answer.headers["Content-Length"]) == len(picture().data)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=70000-", 70_000, 70_007),
        ("bytes=-8", 70_000, 70_007),
        ("bytes=70007-99999", 70_007, 70_007),
    ],
)
def test_a_part_of_a_picture_can_be_asked_for(served: str, asked: str, first: int, last: int) -> None:
    answer = fetch(served, Range=asked)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/70008"
    assert answer.body == picture().data[first : last + 1]


@pytest.mark.parametrize(
    "asked", ["bytes=", "bytes=-", "bytes=9-1", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-99999"]
)
def test_a_range_that_means_nothing_gives_the_whole(served: str, asked: str) -> None:
    answer = fetch(served, Range=asked)
    assert (answer.status, answer.body) == (200, picture().data)


@pytest.mark.parametrize("asked", ["bytes=70008-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(served: str, asked: str) -> None:
    answer = fetch(served, Range=asked)
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */70008"


def test_a_head_request_gives_the_headers_only(served: str) -> None:
    answer = fetch(served, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(picture().data)
    assert fetch(served[:-1] + "!", method="HEAD").status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"])
def test_nothing_but_reading_is_allowed(served: str, method: str) -> None:
    answer = fetch(served, method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_an_order_to_end_without_the_key_is_refused(served: str) -> None:
    root = served.partition("/images")[0]
    assert fetch(f"{root}/stop?proof={'0' * 64}", method="POST").status == 403
    assert fetch(served).status == 200


def test_a_picture_that_was_deleted_is_not_found(served: str, home: Path) -> None:
    (home / "images" / picture().key).unlink()
    assert fetch(served).status == 404


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET /images/../store/key HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /images/..%2fstore%2fkey HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /images/\xff\x00 HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
)
def test_hostile_requests_get_nothing_and_do_no_harm(served: str, home: Path, request_bytes: bytes) -> None:
    answer = speak(served, request_bytes)
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert StoreFolder(home).key() not in answer.partition(b"\r\n\r\n")
    assert b"Traceback" not in answer
    assert fetch(served).status == 200


def test_one_connection_may_ask_twice(served: str) -> None:
    target = served.partition("127.0.0.1")[2].partition("/")[2]
    request = f"GET /{target} HTTP/1.1\r\nHost: x\r\n".encode()
    answer = speak(served, request + b"\r\n" + request + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.count(picture().data) == 2


def test_a_client_that_trickles_its_request_is_sent_away(home: Path) -> None:
    """The time is for the whole request: each byte comes well within it."""
    with serving(home, StoreLimits(request=0.5)) as served:
        parts = urlsplit(served)
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as connection:
            connection.settimeout(0.05)

            def sent_away() -> bool:
                try:
                    connection.sendall(b"G")
                    return connection.recv(1) == b""
                except TimeoutError:
                    return False
                except ConnectionError:
                    return True

            eventually(sent_away, "the end of the connection")
        assert fetch(served).status == 200


def test_idle_clients_do_not_keep_others_waiting(served: str) -> None:
    parts = urlsplit(served)
    idle = [socket.create_connection((parts.hostname or "", parts.port or 0)) for _ in range(50)]
    assert fetch(served).status == 200
    for connection in idle:
        connection.close()


def test_files_and_folders_are_private(home: Path, served: str) -> None:
    assert fetch(served).status == 200
    modes = {path.relative_to(home): stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*")}
    assert {mode for path, mode in modes.items() if (home / path).is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if (home / path).is_dir()} == {0o700}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_file_is_replaced_whole_and_nothing_is_left_when_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    write_private(path, b"old")
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(path, b"newer")
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_is_held_by_one_and_let_go_at_the_end(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        exclusive(lock, wait=0),
        pytest.raises(LockTimeout, match="stayed taken"),
        exclusive(lock, wait=0.05),
    ):
        pass
    with exclusive(lock, wait=0):
        pass


def run_limited(home: Path, preparation: str) -> subprocess.CompletedProcess[str]:
    """Put a picture in a process of its own, after `preparation`; it prints the failure."""
    code = f"""
import anyio, os, resource, sys
from pathlib import Path
from pictures import picture
from alya_mcp.errors import Failure
from alya_mcp.storage.local import LocalStore
home = Path({str(home)!r})
upload = picture(size=1_500_000)
anyio.run(LocalStore(home).status)
{preparation}
try:
    anyio.run(lambda: LocalStore(home).put(upload, expires_in=60))
except Failure as failure:
    print(type(failure).__name__, failure)
"""
    tests = Path(__file__).parents[1] / "support"
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )


def test_a_full_disk_is_told_with_figures_and_leaves_nothing_half_written(home: Path) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))"
    told = run_limited(home, limit).stdout
    assert told.startswith(f"{Unavailable.__name__} The image of 1.5 MB can't be written: the disk")
    assert "GB free" in told
    assert str(home) not in told
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_folder_that_may_not_be_written_is_told() -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        home.chmod(0o755)
        (home / "images").mkdir(mode=0o555)
        told = run_limited(home, "if os.geteuid() == 0: os.seteuid(65534)").stdout
    assert told.startswith(
        f"{NotConfigured.__name__} The image of 1.5 MB can't be written: ALYA_HOME/images is not"
    )
    assert str(home) not in told


@pytest.mark.anyio
async def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_bytes(b"")
    store = LocalStore(home)
    with pytest.raises(Unavailable, match="ALYA_HOME/images"):
        await store.put(picture(), expires_in=60)
    status = await store.status()
    assert (status.state, status.problem) == ("failing", "not writable")


@pytest.mark.anyio
async def test_an_unused_store_is_healthy_and_makes_nothing(home: Path) -> None:
    status = await LocalStore(home).status()
    assert (status.state, status.port, status.until) == ("ok", None, None)
    assert "no link is open" in status_words(status)
    assert not await anyio.Path(home).exists()


def test_the_date_of_a_link_is_the_time_of_its_signature() -> None:
    assert f"X-Amz-Date={datetime.fromtimestamp(NOW, UTC):%Y%m%dT%H%M%SZ}&" in sign(SECRET, LINK).replace(
        "X-Alya-", "X-Amz-"
    )


@pytest.mark.parametrize("key", ["../../secret.png", "/etc/hostname", "", "2026-11-22/../2026-11-22/a.png"])
def test_nothing_but_a_picture_s_key_is_linked(home: Path, key: str) -> None:
    home.mkdir()
    (home.parent / "secret.png").write_bytes(b"secret")

    async def link() -> Stored | None:
        return await LocalStore(home).link(key, size=6, filename="a.png", expires_in=60)

    assert anyio.run(link) is None
