"""An outside source on the loopback interface: documented answers by path, and bad days on request."""

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came in; `query` has the last value of each name, `headers` are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What goes back. A `body` that is no text or bytes is sent as JSON; `length` may lie about its size."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    length: int | None = None
    then: str = ""
    """`reset` or `stall` after the body; `drip` sends it byte by byte and never ends."""

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, bytes):
            return self.body, self.content_type or "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), self.content_type or "text/plain; charset=utf-8"
        return json.dumps(self.body).encode(), self.content_type or "application/json"


Answer = Reply | Callable[[Asked], Reply]

BAD_DAYS: dict[str, Reply] = {
    "429 with Retry-After": Reply(b"slow down", 429, {"Retry-After": "120"}),
    "500": Reply(b"<h1>oops</h1>", 500, content_type="text/html"),
    "reset": Reply(b"", length=100, then="reset"),
    "ten megabytes": Reply(b" " * (10 << 20), content_type="application/json"),
    "a bomb": Reply(
        gzip.compress(b" " * (64 << 20)),
        headers={"Content-Encoding": "gzip"},
        content_type="application/json",
    ),
    "truncated": Reply(b'{"type": "FeatureColl', content_type="application/json"),
    "cut off": Reply(b'{"type": "FeatureColl', content_type="application/json", length=5000),
    "a web page": Reply("<!doctype html><title>Sign in</title>", content_type="text/html"),
    "another shape": Reply({"surprise": [1, 2, 3]}),
    "slow drip": Reply(b'{"type": "Feature"', content_type="application/json", then="drip"),
    "redirect inside": Reply(b"", 302, {"Location": "http://169.254.169.254/latest/meta-data/"}),
    "empty": Reply(b""),
}
"""What every source has to live through; each answers all requests."""


class LoopbackSource(ThreadingHTTPServer):
    """Any number of sources at one address.

    `routes` answers by path; of a list of replies each is used once, the last one for good. A path that
    ends in `*` stands for all that begin so. `bad_day` answers everything instead. `asked` is what came in.
    `gate` holds every answer back while it is clear.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.routes: dict[str, list[Answer]] = {}
        self.bad_day: Reply | None = None
        self.asked: list[Asked] = []
        self.arrived = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def on(self, path: str, *answers: Any) -> None:
        """Answer `path` with these, in turn: a `Reply`, a function of what was asked, or a body."""
        self.routes[path] = [
            each if isinstance(each, Reply) or callable(each) else Reply(each) for each in answers
        ]

    def count(self, path: str) -> int:
        """How many requests came for `path`."""
        return sum(asked.path == path for asked in self.asked)

    def reply_to(self, asked: Asked) -> Reply:
        if self.bad_day is not None:
            return self.bad_day
        answers = self.routes.get(asked.path) or next(
            (
                found
                for path, found in self.routes.items()
                if path.endswith("*") and asked.path.startswith(path[:-1])
            ),
            None,
        )
        if not answers:
            return Reply({"error": f"nothing is scripted for {asked.path}"}, 404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return answer if isinstance(answer, Reply) else answer(asked)

    def shutdown_request(self, request: Any) -> None:
        """Close without a word of goodbye, which would come before a reset."""
        self.close_request(request)


@contextmanager
def running() -> Iterator[LoopbackSource]:
    """A source that serves while the context lasts."""
    server = LoopbackSource()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackSource
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server = self.server
        parts = urlsplit(self.path)
        asked = Asked(
            self.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        server.asked.append(asked)
        server.arrived.release()
        server.gate.wait()
        reply = server.reply_to(asked)
        body, content_type = reply.encoded()
        self.send_response_only(reply.status)
        headers = {"Date": self.date_time_string(), "Content-Type": content_type, **reply.headers}
        if reply.status not in {204, 304}:
            headers["Content-Length"] = str(1 << 20 if reply.then == "drip" else reply.length or len(body))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.status in {204, 304}:
            return
        if reply.then == "drip":
            self._drip(body)
        self.wfile.write(body)
        self.wfile.flush()
        if reply.then == "stall":
            server.ending.wait()
        if reply.then == "reset":
            # Closing with the time to linger at nothing resets the connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = bool(reply.then) or (reply.length is not None and reply.length != len(body))

    def _drip(self, body: bytes) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
        while not self.server.ending.wait(0.02):
            self.wfile.write(b" ")

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # a connection that was reset

    def log_message(self, *args: object) -> None:
        pass
