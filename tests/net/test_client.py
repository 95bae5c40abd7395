"""The shared client: what it asks, keeps, tries again, follows and refuses."""

import gzip
import logging
import os
import re
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from loopback_source import Asked, LoopbackSource, Reply
from moved import TLS, Clock, moved_here
from raw_client import PATIENCE

from alya_mcp.net import public_addresses as addresses
from alya_mcp.net.answers import (
    Body,
    ChangedShape,
    Fetched,
    Shape,
    SourceFailed,
    SourceRefused,
    first_answer,
    none_answered,
)
from alya_mcp.net.client import Http
from alya_mcp.net.transport import RetryPolicy
from alya_mcp.settings import Settings
from alya_mcp.settings.providers import SOURCES, Source

pytestmark = pytest.mark.anyio
SAMPLE = Source(
    key="sample", title="Sample", url="http://sample.invalid", keys=("ALYA_SAMPLE_KEY",), rate=1e6
)


def unlisted(url: str) -> Source:
    """A source that the table doesn't have and that nobody configured, at `url` itself."""
    return Source(key="unlisted", title="Unlisted", url=url)


class Thing(Shape):
    number: int
    name: str = "none"


@pytest.fixture
async def http(tmp_path: Path, source: LoopbackSource, clock: Clock):
    client = open_client(tmp_path, source, clock)
    yield client
    await client.aclose()


def open_client(home: Path, source: LoopbackSource, clock: Clock, **patience: float) -> Http:
    settings = Settings(
        home=home,
        source_urls={"sample": source.url},
        source_secrets={"ALYA_SAMPLE_KEY": "k-secret-1"},
    )
    return Http(
        settings, clock=clock, patience=RetryPolicy(**{"first": 0.001, "longest": 0.002, **patience}), tls=TLS
    )


def read_thing(body: Body) -> Thing:
    return body.json(Thing)


async def ask(http: Http, path: str = "/thing", **more: object) -> Fetched[Thing]:
    return await http.get(SAMPLE, path, read=read_thing, **more)


async def test_it_says_who_asks_and_what_it_takes(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", {"number": 1, "unread": True})
    answer = await http.get(SAMPLE, "/thing", {"a": "b c", "n": 1e-7, "whole": 5.0}, read=read_thing)
    assert answer.value == Thing(number=1)
    asked = source.asked[0]
    assert asked.query == {"a": "b c", "n": "0.0000001", "whole": "5"}
    assert re.match(r"alya-mcp/[0-9.]+ \(MCP server\)$", asked.headers["user-agent"])
    assert asked.headers["accept"] == "application/json"


async def test_fifty_at_once_are_one_request(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", {"number": 1})
    source.gate.clear()
    answers: list[Fetched[Thing]] = []

    async def one() -> None:
        answers.append(await ask(http))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
        await anyio.to_thread.run_sync(source.arrived.acquire)
        await anyio.wait_all_tasks_blocked()
        source.gate.set()
    assert len(answers) == 50
    assert source.count("/thing") == 1


def damage_cache(home: Path) -> None:
    (kept,) = home.rglob("*.answer")
    kept.write_bytes(b"damaged")


class Held(logging.Handler):
    """Holds the thread that logs until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.free = threading.Event(), threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.reached.set()
        assert self.free.wait(PATIENCE)


async def test_a_caller_that_is_slow_to_see_the_empty_cache_takes_the_answer_that_came_meanwhile(
    http: Http, source: LoopbackSource, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The cache tells of a file that it can't read; there the slow caller is held."""
    source.on("/thing", {"number": 1})
    await ask(http)
    damage_cache(tmp_path)
    source.gate.clear()
    answers: list[Fetched[Thing]] = []
    first_ended, held = anyio.Event(), Held()
    log = logging.getLogger("alya_mcp.net.disk_cache")
    caplog.set_level(logging.INFO, log.name)

    async def one() -> None:
        answers.append(await ask(http))
        first_ended.set()

    async with anyio.create_task_group() as tasks:
        source.arrived.acquire()  # the request before
        tasks.start_soon(one)
        await anyio.to_thread.run_sync(source.arrived.acquire)
        log.addHandler(held)
        try:
            tasks.start_soon(one)
            await anyio.to_thread.run_sync(held.reached.wait, PATIENCE)
            source.gate.set()
            await first_ended.wait()
        finally:
            held.free.set()
            log.removeHandler(held)
    assert [answer.value.number for answer in answers] == [1, 1]
    assert source.count("/thing") == 2


async def test_a_caller_that_gives_up_takes_nothing_from_those_who_wait(
    http: Http, source: LoopbackSource
) -> None:
    source.on("/thing", {"number": 1})
    source.gate.clear()
    scope = anyio.CancelScope()
    answers: list[Fetched[Thing]] = []

    async def hasty() -> None:
        with scope:
            await ask(http)

    async def patient() -> None:
        answers.append(await ask(http))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hasty)
        await anyio.to_thread.run_sync(source.arrived.acquire)
        tasks.start_soon(patient)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        source.gate.set()
    assert [answer.value.number for answer in answers] == [1]


async def test_an_answer_stays_fresh_as_long_as_the_caller_or_the_source_says(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/thing", Reply({"number": 1}, headers={"Cache-Control": "public, max-age=600", "Age": "100"}))
    await ask(http, fresh_for=10)
    clock.ahead = 499
    assert (await ask(http, fresh_for=10)).cached
    clock.ahead = 501
    assert not (await ask(http, fresh_for=10)).cached
    assert source.count("/thing") == 2


async def test_no_source_makes_its_answer_fresh_for_longer_than_one_may_stand_in(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/thing", Reply({"number": 1}, headers={"Cache-Control": "max-age=999999999999"}))
    await ask(http, fresh_for=10, stale_for=3600)
    clock.ahead = 3500
    assert (await ask(http, fresh_for=10, stale_for=3600)).cached
    clock.ahead = 3700
    assert not (await ask(http, fresh_for=10, stale_for=3600)).cached


@pytest.mark.parametrize("date", ["Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "0", "-1", "tomorrow"])
async def test_a_date_that_is_none_says_nothing(
    http: Http, source: LoopbackSource, clock: Clock, date: str
) -> None:
    headers = {"Expires": date, "Date": date, "Last-Modified": date, "Retry-After": date}
    source.on("/thing", Reply({"number": 1}, headers=headers), Reply(status=503, headers=headers))
    await ask(http, fresh_for=10)
    clock.ahead = 100
    kept = await ask(http, fresh_for=10)
    assert (kept.value.number, kept.stale) == (1, True)


async def test_an_answer_that_confirms_what_nobody_has_is_a_failure(
    http: Http, source: LoopbackSource
) -> None:
    source.on("/text", Reply(status=304))
    with pytest.raises(SourceFailed, match="304"):
        await http.get(SAMPLE, "/text", read=lambda body: body.text())


async def test_expires_is_read_against_the_sources_own_clock(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {"Date": format_datetime(then, usegmt=True),
               "Expires": format_datetime(then + timedelta(seconds=300), usegmt=True)}  # fmt: skip
    source.on("/thing", lambda asked: Reply({"number": 1}, headers=headers))
    await ask(http, fresh_for=1)
    clock.ahead = 290
    assert (await ask(http, fresh_for=1)).cached


async def test_an_unchanged_answer_is_confirmed_instead_of_sent_again(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    headers = {"ETag": '"v1"', "Last-Modified": "Wed, 01 Jan 2020 00:00:00 GMT"}

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"v1"':
            assert asked.headers["if-modified-since"] == headers["Last-Modified"]
            return Reply(status=304)
        return Reply({"number": 7}, headers=headers)

    source.on("/thing", answer)
    await ask(http)
    clock.ahead = 100
    confirmed = await ask(http)
    assert (confirmed.value.number, confirmed.age, confirmed.stale) == (7, 0.0, False)
    clock.ahead = 150
    assert (await ask(http)).cached
    assert source.count("/thing") == 2


async def test_what_must_not_be_kept_is_not_kept(http: Http, source: LoopbackSource, tmp_path: Path) -> None:
    source.on("/thing", Reply({"number": 1}, headers={"Cache-Control": "no-store"}))
    await ask(http)
    assert not (await ask(http)).cached
    assert not list((tmp_path / "cache").rglob("*.answer"))


async def test_kept_answers_are_for_their_owner_and_hold_no_secret(
    http: Http, source: LoopbackSource, tmp_path: Path
) -> None:
    source.on("/thing", {"number": 1})
    await http.get(
        SAMPLE, "/thing", {"api_key": "k/secret=2"}, read=read_thing, secrets={"X-Key": "k-secret-1"}
    )
    assert source.asked[0].headers["x-key"] == "k-secret-1"
    (kept,) = (tmp_path / "cache").rglob("*.answer")
    assert b"secret" not in kept.read_bytes()
    if os.name == "posix":
        assert kept.stat().st_mode & 0o777 == 0o600


async def test_two_keys_share_no_answer(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", {"number": 1}, {"number": 2})
    one = await ask(http, secrets={"X-Key": "one"})
    two = await ask(http, secrets={"X-Key": "two"})
    assert (one.value.number, two.value.number) == (1, 2)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [(b'"number": 1', b'"number": 9'), (b'"fresh_until": 1', b'"fresh_until": 9')],
)
async def test_a_damaged_kept_answer_is_fetched_again(
    http: Http, source: LoopbackSource, tmp_path: Path, whole: bytes, damaged: bytes
) -> None:
    source.on("/thing", {"number": 1})
    await ask(http)
    (kept,) = (tmp_path / "cache").rglob("*.answer")
    assert whole in kept.read_bytes()
    kept.write_bytes(kept.read_bytes().replace(whole, damaged))
    assert (await ask(http)).value.number == 1
    assert source.count("/thing") == 2


async def test_a_cache_that_cant_be_written_costs_nothing(
    source: LoopbackSource, clock: Clock, tmp_path: Path
) -> None:
    source.on("/thing", {"number": 1})
    (tmp_path / "cache").write_text("a file where the folder should be")
    http = open_client(tmp_path, source, clock)
    assert (await ask(http)).value.number == 1
    await http.aclose()


async def test_a_clock_that_went_back_makes_nothing_fresh(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/thing", {"number": 1})
    await ask(http)
    clock.ahead = -1000
    assert not (await ask(http)).cached


async def test_it_tries_again_what_may_be_over_soon(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", Reply(status=503), Reply(length=50, then="reset"), {"number": 1})
    assert (await ask(http)).value.number == 1
    assert source.count("/thing") == 3


async def test_it_gives_up_after_three_tries_and_says_why(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", Reply(status=502))
    with pytest.raises(SourceFailed, match="502"):
        await ask(http)
    assert source.count("/thing") == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_it_waits_as_long_as_the_source_asks(http: Http, source: LoopbackSource, form: str) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {"Retry-After": "1"}
    if form == "date":
        headers = {"Date": format_datetime(then, usegmt=True),
                   "Retry-After": format_datetime(then + timedelta(seconds=1), usegmt=True)}  # fmt: skip
    source.on("/thing", Reply(status=429, headers=headers), {"number": 1})
    began = anyio.current_time()
    assert (await ask(http)).value.number == 1
    assert anyio.current_time() - began >= 0.9


async def test_a_long_pause_is_told_at_once_and_kept_for_every_request(
    http: Http, source: LoopbackSource
) -> None:
    source.on("/thing", Reply(status=429, headers={"Retry-After": "120"}))
    with pytest.raises(SourceFailed) as failed:
        await ask(http)
    assert (failed.value.status, failed.value.wait) == (429, 120)
    with pytest.raises(SourceFailed) as failed:
        await ask(http, "/other")
    assert failed.value.wait == pytest.approx(119, abs=1)
    assert len(source.asked) == 1


async def test_a_post_is_tried_again_only_when_that_does_no_harm(http: Http, source: LoopbackSource) -> None:
    source.on("/send", Reply(status=503), {"number": 1})
    with pytest.raises(SourceFailed):
        await http.post(SAMPLE, "/send", json={"a": 1}, read=read_thing)
    assert source.count("/send") == 1
    source.on("/send", Reply(status=503), {"number": 1})
    answer = await http.post(SAMPLE, "/send", json={"a": "ğ"}, read=read_thing, repeatable=True)
    assert answer.value.number == 1
    assert source.asked[-1].json == {"a": "ğ"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_plain_no_is_not_tried_again_nor_covered_up(
    http: Http, source: LoopbackSource, clock: Clock, status: int
) -> None:
    source.on("/thing", {"number": 1}, Reply({"reason": "no such thing"}, status))
    await ask(http)
    clock.ahead = 100
    with pytest.raises(SourceRefused) as refused:
        await ask(http)
    assert refused.value.status == status
    assert refused.value.body == b'{"reason": "no such thing"}'
    assert "no such thing" not in str(refused.value)
    assert len(source.asked) == 2


async def test_a_changed_shape_is_named_and_not_kept(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/thing", {"number": 1}, {"number": "many"})
    await ask(http)
    clock.ahead = 100
    stale = await ask(http)
    assert (stale.value.number, stale.stale) == (1, True)
    assert stale.problem is not None
    assert stale.problem.startswith("changed its shape: field number: ")
    clock.ahead = 90_000
    with pytest.raises(SourceFailed, match="number"):
        await ask(http)


@pytest.mark.parametrize("error", [OverflowError, RecursionError, ZeroDivisionError, KeyError])
async def test_an_answer_that_no_reader_foresaw_is_the_sources_failure(
    http: Http, source: LoopbackSource, clock: Clock, error: type[Exception]
) -> None:
    def read(body: Body) -> str:
        if b"odd" in body.data:
            raise error("odd")
        return body.text()

    source.on("/text", Reply("fine"), Reply("odd"))
    await http.get(SAMPLE, "/text", read=read)
    clock.ahead = 100
    kept = await http.get(SAMPLE, "/text", read=read)
    assert (kept.value, kept.stale) == ("fine", True)
    with pytest.raises(SourceFailed, match=r"^Sample"):
        await http.post(SAMPLE, "/text", json={}, read=read)


@pytest.mark.parametrize("key", ["k\u20acy", "two\nlines", "bell\a"])
async def test_a_key_that_cant_be_sent_is_said_and_not_shown(
    http: Http, source: LoopbackSource, key: str
) -> None:
    with pytest.raises(SourceRefused, match=r"^Sample") as refused:
        await ask(http, secrets={"X-Key": key})
    assert key not in str(refused.value)
    assert not source.asked


async def test_text_is_read_in_its_own_encoding(http: Http, source: LoopbackSource) -> None:
    source.on("/t", Reply("İstanbul ğ".encode("iso-8859-9"), content_type="text/html; charset=iso-8859-9"))
    source.on("/none", Reply(status=204))
    assert (await http.get(SAMPLE, "/t", read=Body.text)).value == "İstanbul ğ"
    assert (await http.get(SAMPLE, "/none", read=Body.text)).value == ""


async def test_what_came_of_the_last_request_to_each_source_is_known(
    tmp_path: Path, source: LoopbackSource, clock: Clock
) -> None:
    usgs, emsc = SOURCES["usgs"], SOURCES["emsc"]
    http = moved_here(tmp_path, source, clock)
    assert http.seen == []
    source.on("/good", {"number": 1})
    source.on("/bad", Reply(status=500))
    await http.get(usgs, "/good", read=read_thing)
    for path in ("/bad", "/good", "/bad"):
        try:
            await http.get(emsc, path, read=read_thing)
        except SourceFailed:
            pass
    with pytest.raises(SourceFailed):
        await http.get(unlisted("http://127.1:9/"), read=Body.text)
    assert [(each.source, each.problem) for each in http.seen] == [
        (emsc, "answers 500 Internal Server Error; call again later"),
        (usgs, None),
    ]
    await http.aclose()


async def test_a_request_that_was_given_up_says_nothing_of_its_source(
    tmp_path: Path, source: LoopbackSource, clock: Clock
) -> None:
    http = moved_here(tmp_path, source, clock)
    source.on("/thing", {"number": 1})
    source.gate.clear()

    async with anyio.create_task_group() as tasks:

        async def asked() -> None:
            await http.get(SOURCES["usgs"], "/thing", read=read_thing)

        tasks.start_soon(asked)
        await anyio.to_thread.run_sync(source.arrived.acquire)
        tasks.cancel_scope.cancel()
    source.gate.set()
    assert http.seen == []
    await http.aclose()


async def test_no_cookie_comes_back(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", Reply({"number": 1}, headers={"Set-Cookie": "track=1; Path=/"}))
    await ask(http)
    await ask(http, secrets={"X-Other": "1"})
    assert len(source.asked) == 2
    assert "cookie" not in source.asked[1].headers


async def test_a_reader_is_called_once_per_answer_whatever_it_is(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", {"number": 1})
    read: list[Body] = []

    def noting(body: Body) -> Thing:
        read.append(body)
        return body.json(Thing)

    assert (await http.get(SAMPLE, "/thing", read=noting)).value.number == 1
    assert len(read) == 1


async def test_a_named_reader_isnt_called_again_for_a_kept_answer(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/thing", {"number": 1}, {"number": 2})
    first, again = await ask(http), await ask(http)
    assert again.value is first.value
    by_lambda = await http.get(SAMPLE, "/thing", read=lambda body: len(body.data))
    assert by_lambda.value == len(b'{"number": 1}')
    clock.ahead = 100
    assert (await ask(http)).value.number == 2


async def test_the_decompressed_size_counts(http: Http, source: LoopbackSource) -> None:
    packed = gzip.compress(b'{"number": 1' + b" " * 100_000 + b"}")
    source.on("/thing", Reply(packed, headers={"Content-Encoding": "gzip"}, content_type="application/json"))
    with pytest.raises(SourceFailed, match="50,000"):
        await ask(http, largest=50_000)
    assert (await ask(http, largest=200_000)).value.number == 1


@pytest.mark.parametrize("silent", ["before", "midway"])
async def test_silence_ends_at_the_deadline(http: Http, source: LoopbackSource, silent: str) -> None:
    if silent == "before":
        source.gate.clear()
    source.on("/thing", Reply(b"{", length=10, then="stall"))
    with pytest.raises(SourceFailed, match=r"\b0\.2\b"):
        await ask(http, deadline=0.2)


async def test_a_redirect_on_the_same_host_is_followed_with_the_key(
    http: Http, source: LoopbackSource
) -> None:
    source.on("/thing", Reply(status=301, headers={"Location": "/new"}))
    source.on("/new", {"number": 3})
    assert (await ask(http, secrets={"X-Key": "k"})).value.number == 3
    assert source.asked[1].headers["x-key"] == "k"


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest", "http://127.0.0.1:1/", "http://localhost:9/", "http://[::1]:9/",
     "http://[::ffff:10.0.0.1]/", "http://[fe80::1]/", "http://0x7f.1/", "http://2130706433/", "http://10.1.2.3/",
     "http://224.0.0.1/", "http://0.0.0.0/", "http://100.64.0.1/", "http://[64:ff9b::7f00:1]/"],
)  # fmt: skip
async def test_a_redirect_never_leads_inside(http: Http, source: LoopbackSource, target: str) -> None:
    source.on("/thing", Reply(status=302, headers={"Location": target}))
    with pytest.raises(SourceFailed, match=r"^Sample"):
        await ask(http)
    assert len(source.asked) == 1


@pytest.mark.parametrize("target", ["ftp://example.org/", "file:///etc/passwd", "http://a:b@example.org/"])
async def test_a_redirect_leads_to_plain_web_addresses_only(
    http: Http, source: LoopbackSource, target: str
) -> None:
    source.on("/thing", Reply(status=302, headers={"Location": target}))
    with pytest.raises(SourceFailed, match=r"^Sample"):
        await ask(http)
    assert len(source.asked) == 1


async def test_redirects_in_a_circle_end(http: Http, source: LoopbackSource) -> None:
    source.on("/thing", Reply(status=302, headers={"Location": "/thing"}))
    with pytest.raises(SourceFailed, match=r"\b5\b"):
        await ask(http)


async def test_a_source_is_asked_only_by_a_plain_public_address(http: Http, source: LoopbackSource) -> None:
    for url in (
        f"http://127.1:{source.server_port}/thing",
        f"http://[::ffff:127.0.0.1]:{source.server_port}/thing",
        "file:///etc/passwd",
        "nonsense",
        "http://u:p@a.example/",
    ):
        with pytest.raises(SourceRefused):
            await http.get(unlisted(url), read=Body.text)
    assert not source.asked


async def test_a_public_source_is_asked_by_its_name(
    tmp_path: Path, source: LoopbackSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loopback interface stands in for the public internet, which a test can't ask."""
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    found = socket.getaddrinfo("127.0.0.1", source.server_port, type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    source.on("/page", Reply("<p>hello", content_type="text/html"))
    http = Http(Settings(home=tmp_path), tls=TLS)
    page = await http.get(unlisted(f"http://public.example:{source.server_port}/page"), read=Body.text)
    await http.aclose()
    assert (page.value, page.source.title) == ("<p>hello", "Unlisted")
    assert source.asked[0].headers["host"] == f"public.example:{source.server_port}"


async def test_a_public_name_that_leads_inside_is_not_connected_to(tmp_path: Path) -> None:
    """A default address is held to the public internet too; only a person's own setting isn't."""
    rebound = Source(key="rebound", title="Rebound", url="http://127.1:9")
    http = Http(Settings(home=tmp_path), tls=TLS)
    with pytest.raises(SourceRefused, match=r"127\.1"):
        await http.get(rebound, "/", read=read_thing)
    await http.aclose()


PASSING = SourceFailed(SAMPLE, "answers 500")
WAITING = SourceFailed(SAMPLE, "answers 429; retry in 3600 s", status=429, wait=3600)
REFUSING = SourceRefused(SAMPLE, "answers 403", status=403)


@pytest.mark.parametrize(
    ("failures", "again"),
    [
        ([PASSING, WAITING], "Call again in a minute."),
        ([WAITING, REFUSING], "Call again in 60 minutes."),
        ([REFUSING, ChangedShape(SAMPLE, "changed its shape")], None),
    ],
)
def test_the_advice_fits_what_each_said(failures: list[SourceFailed], again: str | None) -> None:
    said = str(none_answered("Nobody answered", failures, otherwise="Or ask another."))
    assert re.findall(r"Call again[^.]*\.", said) == ([again] if again else [])
    assert said.startswith("Nobody answered: Sample ")
    assert said.endswith("Or ask another.")


@pytest.mark.parametrize(
    ("keys", "secrets", "helps"),
    [
        ((), {}, "refuses requests from here"),
        (("ALYA_SAMPLE_KEY",), {}, "set ALYA_SAMPLE_KEY"),
        (("ALYA_SAMPLE_KEY",), {"X-Key": "k"}, "key may be wrong"),
    ],
)
async def test_a_403_speaks_of_a_key_only_where_there_is_one(
    http: Http, source: LoopbackSource, keys: tuple[str, ...], secrets: dict[str, str], helps: str
) -> None:
    source.on("/thing", Reply(status=403))
    with pytest.raises(SourceRefused) as refused:
        await http.get(replace(SAMPLE, keys=keys), "/thing", read=read_thing, secrets=secrets)
    assert refused.value.problem.endswith(helps)
    assert ("key" in refused.value.problem.lower()) == bool(keys)


async def test_a_kept_answer_of_the_best_source_stands_in_for_no_better_one(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/a", {"number": 1}, Reply(status=500))
    source.on("/b", Reply(status=404))
    await ask(http, "/a")
    clock.ahead = 100
    kept = await first_answer([lambda: ask(http, "/a"), lambda: ask(http, "/b")], otherwise="Wait")
    assert (kept.value.number, kept.stale, kept.passed_over) == (1, True, ())
    assert kept.problem is not None
    assert re.fullmatch(r"answers 500 .*; Sample answers 404 Not Found.*", kept.problem)


async def test_sources_asked_in_turn_give_the_first_fresh_answer_else_the_youngest_kept_one(
    http: Http, source: LoopbackSource, clock: Clock
) -> None:
    source.on("/a", {"number": 1}, Reply(status=500))
    source.on("/b", {"number": 2}, {"number": 3}, Reply(status=500))

    async def asked() -> Fetched[Thing]:
        return await first_answer(
            [lambda: ask(http, "/a"), lambda: ask(http, "/b")], otherwise="Or set up a third."
        )

    assert (await asked()).value.number == 1
    clock.ahead = 100
    await ask(http, "/b")
    clock.ahead = 200
    second = await asked()
    assert (second.value.number, second.stale, second.passed_over) == (
        3, False, ("Sample answers 500 Internal Server Error; call again later",)
    )  # fmt: skip
    clock.ahead = 300
    kept = await asked()
    assert (kept.value.number, kept.stale, len(kept.passed_over)) == (3, True, 1)
    clock.ahead = 200_000
    with pytest.raises(SourceFailed.__base__, match=r"^No source answered: .* in a minute\. Or set"):
        await asked()
