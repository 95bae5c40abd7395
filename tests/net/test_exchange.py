"""Exchanges: one request and its answer whatever the status, at the source's own host, counted before."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import loopback_source
import pytest
from loopback_source import LoopbackSource, Reply
from moved import SECRET, Clock, moved_here

from alya_mcp.errors import Unavailable
from alya_mcp.net.addresses import address as request_address
from alya_mcp.net.answers import SourceFailed
from alya_mcp.net.client import Http
from alya_mcp.settings.providers import SOURCES

pytestmark = pytest.mark.anyio
YOUTUBE = SOURCES["youtube"]


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with loopback_source.running() as server:
        yield server


@pytest.fixture
async def http(tmp_path: Path, source: LoopbackSource) -> AsyncIterator[Http]:
    client = moved_here(tmp_path, source, Clock())
    yield client
    await client.aclose()


@pytest.mark.parametrize("status", [201, 308, 404, 429, 503])
async def test_an_answer_is_given_back_whatever_its_status_and_asked_for_once(
    status: int, http: Http, source: LoopbackSource
) -> None:
    source.on("/a", Reply("x", status, {"Range": "bytes=0-9", "Location": "http://elsewhere.example/"}))
    answer = await http.exchange(YOUTUBE, "POST", "/a", {"b": 1}, content=b"body", secrets={"X-Key": SECRET})
    assert (answer.status, answer.headers["range"]) == (status, "bytes=0-9")
    (asked,) = source.asked
    assert (asked.body, asked.query, asked.headers["x-key"]) == (b"body", {"b": "1"}, SECRET)
    (seen,) = http.seen
    assert (seen.problem is None) == (status < 500)


async def test_no_answer_is_a_failure_that_names_the_source(http: Http, source: LoopbackSource) -> None:
    source.on("/a", Reply(b"", length=100, then="reset"))
    with pytest.raises(SourceFailed, match="YouTube"):
        await http.exchange(YOUTUBE, "POST", "/a", content=b"")
    assert len(source.asked) == 1


async def test_what_counts_a_request_is_called_before_each_and_can_refuse_it(
    http: Http, source: LoopbackSource
) -> None:
    counted: list[int] = []

    async def charge() -> None:
        counted.append(len(source.asked))
        if len(counted) > 2:
            raise Unavailable("that is enough")

    source.on("/a", Reply("", 503))
    with pytest.raises(Unavailable, match="enough"):
        await http.get(YOUTUBE, "/a", read=bytes, charge=charge)
    assert counted == [0, 1, 2]
    with pytest.raises(Unavailable, match="enough"):
        await http.exchange(YOUTUBE, "GET", "/a", charge=charge)
    assert len(source.asked) == 2


async def test_an_address_that_a_source_gave_is_asked_at_its_own_host_only(
    http: Http, source: LoopbackSource
) -> None:
    source.on("/session", Reply("", 308))
    for own in (f"{source.url}/session", "/session"):
        assert (await http.exchange(YOUTUBE, "POST", own, content=b"")).status == 308
    for foreign in ("http://127.0.0.1:1/session", "https://www.googleapis.com/x", "ftp://a.example/"):
        with pytest.raises(SourceFailed):
            await http.exchange(YOUTUBE, "POST", foreign, content=b"", secrets={"X-Key": SECRET})
    assert len(source.asked) == 2


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("https://www.googleapis.com/upload?upload_id=1", True),
        ("https://youtube.googleapis.com/upload?upload_id=1", True),
        ("http://www.googleapis.com/upload", False),
        ("https://googleapis.com.evil.example/", False),
        ("https://evilgoogleapis.com/", False),
        ("https://name:word@www.googleapis.com/", False),
        ("https://www.googleapis.com:444/", True),
    ],
)
def test_siblings_by_https_may_be_asked_and_nobody_else(address: str, fine: bool) -> None:
    if fine:
        assert request_address(YOUTUBE, YOUTUBE.url, address, None) == httpx2.URL(address)
    else:
        with pytest.raises(SourceFailed):
            request_address(YOUTUBE, YOUTUBE.url, address, None)
