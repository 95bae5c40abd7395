"""What a server sees of a Ray cluster that answers well, badly or not at all; real HTTP, no Ray."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from stage import PATIENCE, SIDE, Steps, a_job, until

from alya_mcp.errors import Failure, InvalidInput, NotConfigured, Unavailable
from alya_mcp.images import open_engine
from alya_mcp.images.engine import Replicas
from alya_mcp.images.ray import engine as ray_engine
from alya_mcp.images.ray.engine import RayEngine
from alya_mcp.images.wire.frames import pack, unpack
from alya_mcp.images.wire.messages import DrawRequest, read_request
from alya_mcp.settings import Settings, SettingsError

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-at-least-16-characters"
PIXELS = bytes(range(256)) * (3 * SIDE * SIDE // 256)
FRAMES = "application/vnd.alya-mcp.frames"

ACCEPTED = pack({"type": "accepted"})
ALIVE = pack({"type": "alive"})
STEP = pack({"type": "step", "phase": "denoise", "at": 0.5, "until": 1.0, "message": "Step 1 of 2"})
DONE_HEAD: dict[str, Any] = {
    "type": "picture",
    "width": SIDE,
    "height": SIDE,
    "seed": 7,
    "steps": 2,
    "model": "tiny",
    "notice": "not FLUX",
    "timings": {"denoise": 12.5},
    "truncated": True,
    "ignored": ["zorp"],
    "of a later version": 1,
}
DONE = pack(DONE_HEAD, PIXELS)


class Request:
    """What a client asked, and how it is answered."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.line, _, headers = head.decode().partition("\r\n")
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in headers.split("\r\n"))
        }
        self.body = body
        self.writer = writer

    @property
    def ask(self) -> dict[str, Any]:
        return unpack(self.body).head

    def start(self, status: str = "200 OK", kind: str = FRAMES) -> None:
        self.writer.write(
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        )

    async def say(self, *frames: bytes) -> None:
        for frame in frames:
            self.writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
        await self.writer.drain()

    async def finish(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def answer(self, *frames: bytes) -> None:
        self.start()
        await self.say(*frames)
        await self.finish()

    async def plain(self, status: str, body: bytes = b"", kind: str = "text/plain") -> None:
        self.start(status, kind)
        await self.say(*([body] if body else []))
        await self.finish()


Script = Callable[[Request], Awaitable[None]]


class Application:
    """A server that answers each request as the next of `scripts` does; the last one stays."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[Request] = []
        self.left = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = int(Request(head, b"", writer).headers.get("content-length", "0"))
                request = Request(head, await reader.readexactly(size), writer)
                self.requests.append(request)
                script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
                talking = asyncio.create_task(script(request))
                watching = asyncio.create_task(reader.read(1))
                await asyncio.wait({talking, watching}, return_when=asyncio.FIRST_COMPLETED)
                went_on = not watching.done()
                for task in (talking, watching):
                    task.cancel()
                await asyncio.gather(talking, watching, return_exceptions=True)
                if not went_on:
                    self.left.set()
                    return
        except (OSError, EOFError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def answering(*scripts: Script) -> AsyncIterator[tuple[RayEngine, Application]]:
    """An engine and the application that it asks."""
    application = Application(*scripts)
    async with await asyncio.start_server(application.serve, "127.0.0.1", 0) as server:
        application.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        engine = RayEngine(application.url, TOKEN, deadline=PATIENCE)
        try:
            yield engine, application
        finally:
            await engine.aclose()
            server.close()


def saying(*frames: bytes) -> Script:
    return lambda request: request.answer(*frames)


async def drop(request: Request) -> None:
    request.writer.transport.abort()


async def silence(request: Request) -> None:
    request.start()
    await request.say(ACCEPTED, STEP)
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "_PAUSES", (0.0, 0.0))
    monkeypatch.setattr(ray_engine, "_LOOK_AGAIN", 0.01)


# -- good days --------------------------------------------------------------------------------------


async def test_a_picture_comes_with_everything_that_the_cluster_said_of_it():
    async with answering(saying(ACCEPTED, ALIVE, STEP, DONE)) as (engine, application):
        steps = Steps()
        picture = await engine.render(a_job(), steps)
        assert picture.pixels == PIXELS
        assert (picture.width, picture.height, picture.seed, picture.steps) == (SIDE, SIDE, 7, 2)
        assert (picture.model, picture.notice) == ("tiny", "not FLUX")
        assert (picture.truncated, picture.ignored) == (True, ("zorp",))
        assert picture.timings["denoise"] == 12.5
        assert picture.timings["total"] > 0
        assert steps.phases() == ["start", "denoise", "receive"]
        assert [step.done for step in steps] == sorted({step.done for step in steps})
        (request,) = application.requests
        assert request.line == "POST /v3/pictures HTTP/1.1"
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert read_request(unpack(request.body)) == DrawRequest(job=a_job(), client=request.ask["client"])
        await engine.render(a_job(), steps)
        async with answering(saying(ACCEPTED, DONE)) as (other, its):
            await other.render(a_job(), steps)
        clients = [each.ask["client"] for each in (*application.requests, *its.requests)]
        assert clients[0] == clients[1] != clients[2]


async def test_frames_may_be_cut_anywhere():
    async def in_crumbs(request: Request) -> None:
        request.start()
        stream = ACCEPTED + STEP + DONE
        for start in [*range(200), *range(200, len(stream), 50_000)]:
            end = start + 1 if start < 199 else min(len(stream), start + 50_000) if start >= 200 else 200
            await request.say(stream[start:end])
        await request.finish()

    async with answering(in_crumbs) as (engine, _):
        assert (await engine.render(a_job(), Steps())).pixels == PIXELS


async def test_an_application_below_a_path_is_asked_there():
    async with answering(saying(ACCEPTED, DONE)) as (_, application):
        engine = RayEngine(f"{application.url}/images/", TOKEN, deadline=PATIENCE)
        await engine.render(a_job(), Steps())
        await engine.aclose()
        assert application.requests[0].line == "POST /images/v3/pictures HTTP/1.1"


async def test_progress_goes_on_while_the_cluster_says_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("alya_mcp.images.progress.BEAT", 0.01)
    enough = asyncio.Event()

    async def slow(request: Request) -> None:
        request.start()
        await request.say(ACCEPTED)
        await enough.wait()
        await request.say(DONE)
        await request.finish()

    class Counting(Steps):
        async def __call__(self, step) -> None:
            await super().__call__(step)
            if len(self) == 5:
                enough.set()

    async with answering(slow) as (engine, _):
        steps = Counting()
        await engine.render(a_job(), steps)
        assert {step.phase for step in steps[:5]} == {"start"}


async def test_the_status_is_what_the_application_says():
    said = {
        "type": "status",
        "state": "busy",
        "replicas": {"ready": 3, "total": 4, "drawing": 3, "ingresses": 1, "new": 1},
        "waiting": 2,
        "model": "m",
        "device": "cuda",
        "new": 1,
    }

    async def status(request: Request) -> None:
        await request.plain("200 OK", pack(said), FRAMES)

    async with answering(status) as (engine, application):
        found = await engine.status()
        assert found.replicas == Replicas(ready=3, total=4, drawing=3, ingresses=1)
        assert (found.state, found.waiting) == ("busy", 2)
        assert (found.model, found.device) == ("m", "cuda")
        assert application.requests[0].line == "GET /v3/status HTTP/1.1"
        await engine.warm()
        said["model"] = None
        with pytest.raises(Unavailable, match=r"\b3\b.*\b4\b"):
            await engine.warm()


async def test_cancelling_closes_the_request():
    async with answering(silence) as (engine, application):
        reached = asyncio.Event()

        class Watching(Steps):
            async def __call__(self, step) -> None:
                if step.phase == "denoise":
                    reached.set()

        drawing = asyncio.create_task(engine.render(a_job(), Watching()))
        await reached.wait()
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
        await asyncio.wait_for(application.left.wait(), PATIENCE)


async def test_closing_the_engine_ends_the_calls_in_flight():
    async with answering(silence) as (engine, application):
        drawing = asyncio.create_task(engine.render(a_job(), Steps()))
        await until(lambda: application.requests, "a request")
        await engine.aclose()
        with pytest.raises(Unavailable, match="closed"):
            await drawing
        await asyncio.wait_for(application.left.wait(), PATIENCE)
        with pytest.raises(Unavailable, match="closed"):
            await engine.render(a_job(), Steps())


# -- bad days ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Failure, InvalidInput, NotConfigured, Unavailable])
async def test_a_failure_keeps_its_kind_and_words(kind: type[Failure]):
    refused = pack({"type": "failure", "kind": kind.__name__, "message": "what to do"})
    async with answering(saying(ACCEPTED, refused)) as (engine, application):
        with pytest.raises(Failure, match=r"^what to do$") as caught:
            await engine.render(a_job(), Steps())
        assert type(caught.value) is kind
        assert len(application.requests) == 1


@pytest.mark.parametrize(
    "loss",
    [
        drop,
        saying(ACCEPTED, STEP),
        saying(ACCEPTED, STEP, DONE[:-1]),
        lambda request: request.plain("500 Internal Server Error"),
        lambda request: request.plain("503 Service Unavailable"),
    ],
    ids=["reset", "ends early", "torn picture", "500", "503"],
)
async def test_a_lost_picture_is_asked_for_again_and_the_queue_told_so(loss: Script):
    async with answering(loss, loss, saying(ACCEPTED, DONE)) as (engine, application):
        steps = Steps()
        assert (await engine.render(a_job(), steps)).pixels == PIXELS
        assert [request.ask["again"] for request in application.requests] == [False, True, True]
        assert [step.done for step in steps] == sorted({step.done for step in steps})


@pytest.mark.parametrize(
    "not_yet",
    [
        lambda request: request.plain("404 Not Found", b"no such application"),
        lambda request: request.plain("500 Internal Server Error"),
        drop,
    ],
    ids=["404", "500", "reset"],
)
async def test_a_lost_picture_waits_for_an_application_that_restarts(not_yet: Script):
    lost = saying(ACCEPTED, STEP)
    async with answering(lost, *[not_yet] * 9, saying(ACCEPTED, DONE)) as (engine, application):
        assert (await engine.render(a_job(), Steps())).pixels == PIXELS
        assert [request.ask["again"] for request in application.requests] == [False] + [True] * 10


async def test_a_lost_picture_whose_application_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_engine, "_AWAY", 0.1)
    async with answering(drop, lambda request: request.plain("404 Not Found")) as (engine, _):
        with pytest.raises(Unavailable, match=r"lost the image\. .*isn't the Ray application"):
            await engine.render(a_job(), Steps())


async def test_a_cluster_that_cannot_read_the_question_is_of_another_version():
    async with answering(lambda request: request.plain("400 Bad Request")) as (engine, application):
        with pytest.raises(Unavailable, match=r"couldn't read the question.*versions of alya-mcp"):
            await engine.render(a_job(), Steps())
        assert len(application.requests) == 1


async def test_a_picture_that_keeps_getting_lost_is_an_error_in_the_end():
    async with answering(saying(ACCEPTED, STEP)) as (engine, application):
        with pytest.raises(Unavailable, match="lost the image, and again when"):
            await engine.render(a_job(), Steps())
        assert len(application.requests) == 3


async def test_a_cluster_that_says_nothing_any_more_has_lost_the_picture(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_engine, "_SILENCE", 4.0)
    async with answering(silence, saying(ACCEPTED, DONE)) as (engine, application):
        assert (await engine.render(a_job(), Steps())).pixels == PIXELS
        assert len(application.requests) == 2


async def test_a_cluster_that_stops_in_the_middle_is_told_after_the_retries(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_engine, "_AWAY", 0.1)
    async with answering(silence) as (engine, application):
        drawing = asyncio.create_task(engine.render(a_job(), Steps()))
        await until(lambda: application.requests, "a request")
        application.scripts[:] = [drop]
        await drop(application.requests[0])
        with pytest.raises(Unavailable, match="lost the image"):
            await drawing


async def test_a_picture_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch):
    async with answering(silence) as (_, application):
        engine = RayEngine(application.url, TOKEN, deadline=4)
        with pytest.raises(Unavailable, match=r"within 4 s \(last: .*\).*ALYA_IMAGE_DEADLINE"):
            await engine.render(a_job(), Steps())
        await asyncio.wait_for(application.left.wait(), PATIENCE)
        await engine.aclose()


async def test_no_cluster_is_said_at_once_with_what_to_start():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        engine = RayEngine(f"http://127.0.0.1:{holder.getsockname()[1]}", TOKEN, deadline=PATIENCE)
        with pytest.raises(Unavailable, match="ALYA_RAY_URL"):
            await engine.render(a_job(), Steps())
        with pytest.raises(Unavailable, match="ALYA_RAY_URL"):
            await engine.warm()
        status = await engine.status()
        assert status.state == "stuck"
        assert "Nothing answers" in (status.why or "")
        await engine.aclose()


async def test_a_refused_token_is_the_persons_to_set():
    async with answering(lambda request: request.plain("401 Unauthorized")) as (engine, _):
        with pytest.raises(NotConfigured, match="ALYA_RAY_TOKEN") as caught:
            await engine.render(a_job(), Steps())
        assert TOKEN not in str(caught.value)
        status = await engine.status()
        assert status.state == "stuck"
        assert "ALYA_RAY_TOKEN" in (status.why or "")


@pytest.mark.parametrize(
    "stranger",
    [
        lambda request: request.plain("200 OK", b"<html>", "text/html"),
        lambda request: request.plain("404 Not Found", b"no"),
        lambda request: request.plain("302 Found"),
    ],
    ids=["a page", "404", "redirect"],
)
async def test_something_else_at_the_address_is_told_as_that(stranger: Script):
    async with answering(stranger) as (engine, _):
        with pytest.raises(NotConfigured, match="isn't the Ray application"):
            await engine.render(a_job(), Steps())
        assert "isn't the Ray application" in ((await engine.status()).why or "")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 64,
        b"\0\0\0\4\0\0\0\0null",
        pack({"type": "step", "phase": "denoise", "at": "x", "until": 1, "message": ""}),
        pack({"type": "failure", "kind": "Unavailable"}),
        pack(DONE_HEAD | {"width": 2 * SIDE}, PIXELS),
        pack(DONE_HEAD, PIXELS[:-3]),
        pack({"type": "picture"}, PIXELS),
    ],
    ids=["noise", "null", "type", "no words", "width", "pixels", "bare"],
)
async def test_an_answer_that_makes_no_sense_is_never_a_picture(garbage: bytes):
    async with answering(saying(ACCEPTED, garbage)) as (engine, application):
        with pytest.raises(Unavailable, match="can't be read"):
            await engine.render(a_job(), Steps())
        assert len(application.requests) == 1


@pytest.mark.parametrize("body", [b"", b"[]", pack({"type": "status", "state": "dancing"}), ALIVE])
async def test_a_status_that_makes_no_sense_is_told_as_no_answer(body: bytes):
    async with answering(lambda request: request.plain("200 OK", body, FRAMES)) as (engine, _):
        status = await engine.status()
        assert (status.state, status.model) == ("stuck", None)


async def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("alya_mcp.images.ray.connection._MAX_ANSWER", 10_000)

    async def endless(request: Request) -> None:
        request.start()
        while True:
            await request.say(STEP)

    async with answering(endless) as (engine, application):
        with pytest.raises(Unavailable, match="can't be read"):
            await engine.render(a_job(), Steps())
        await asyncio.wait_for(application.left.wait(), PATIENCE)


@pytest.mark.slow
async def test_no_safe_connection_is_told_with_what_to_trust():
    async with answering(saying(ACCEPTED, DONE)) as (_, application):
        engine = RayEngine(application.url.replace("http:", "https:"), TOKEN, deadline=PATIENCE)
        with pytest.raises(NotConfigured, match="SSL_CERT_FILE"):
            await engine.render(a_job(), Steps())
        await engine.aclose()


# -- settings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "given"),
    [("ALYA_RAY_URL", {"ray_token": TOKEN}), ("ALYA_RAY_TOKEN", {"ray_url": "http://h:1"})],
)
def test_what_is_missing_is_named(tmp_path: Path, missing: str, given: dict[str, Any]):
    with pytest.raises(NotConfigured, match=missing):
        open_engine(Settings(home=tmp_path, image_engine="ray", **given))


@pytest.mark.parametrize("token", ["tök€n-of-some-length", "a-line\nand-another"])
def test_a_token_that_no_request_can_carry_is_said_so(tmp_path: Path, token: str):
    settings = Settings(home=tmp_path, image_engine="ray", ray_url="http://h:1", ray_token=token)
    with pytest.raises(NotConfigured, match="ALYA_RAY_TOKEN") as caught:
        open_engine(settings)
    assert token not in str(caught.value)


def test_the_token_is_never_described(tmp_path: Path):
    environment = {"ALYA_HOME": str(tmp_path), "ALYA_RAY_URL": "http://head:8000", "ALYA_RAY_TOKEN": TOKEN}
    described = Settings.from_environment(environment).describe()
    assert described["ALYA_RAY_URL"] == "http://head:8000"
    assert described["ALYA_RAY_TOKEN"] == "(set, hidden)"
    assert TOKEN not in repr(described)


@pytest.mark.parametrize("name", ["ALYA_RAY_URL", "ALYA_S3_ENDPOINT_URL"])
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("head:8000", "takes a web address"),
        ("ftp://head", "takes a web address"),
        ("http://me:pw@head", "password"),
    ],
)
def test_an_address_that_cannot_be_used_ends_the_start(tmp_path: Path, name: str, url: str, words: str):
    with pytest.raises(SettingsError, match=f"{name} .*{words}") as caught:
        Settings.from_environment({"ALYA_HOME": str(tmp_path), name: url})
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("name", ["ALYA_HOME", "ALYA_POLICY", "ALYA_IMAGE_MODEL"])
def test_the_folder_of_a_user_who_is_not_there_ends_the_start(tmp_path: Path, name: str):
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({"ALYA_HOME": str(tmp_path), name: "~nobody-of-this-name/x"})


async def test_a_server_that_draws_on_a_cluster_imports_neither_ray_nor_torch(tmp_path: Path):
    look = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from alya_mcp.images import open_engine\n"
        "from alya_mcp.settings import Settings\n"
        "settings = Settings(home=Path(sys.argv[1]), image_engine='ray', ray_url='http://127.0.0.1:9', "
        "ray_token='t' * 16)\n"
        "async def main():\n"
        "    engine = open_engine(settings)\n"
        "    assert (await engine.status()).state == 'stuck'\n"
        "    await engine.aclose()\n"
        "asyncio.run(main())\n"
        "heavy = {'ray', 'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'starlette'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    looked = await anyio.run_process([sys.executable, "-c", look, str(tmp_path)])
    assert looked.stdout == b"[]\n"
