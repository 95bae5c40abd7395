"""HTTP of the store process: signed links, health checks, and signed orders to stop."""

import io
import json
import os
import re
import socket
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

from alya_mcp.runtime.daemon import proof, proves
from alya_mcp.storage.folder import StoreFolder
from alya_mcp.storage.handshake import NONCE, StoreHealth, health_words, stop_words
from alya_mcp.storage.signed_links import LinkRefused, SignedLink, judge
from alya_mcp.storage.store import safe_filename

_CONTENT_TYPES: Final = {
    ".png": "image/png",
    ".webp": "image/webp",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".mp4": "video/mp4",
}
_HEALTH = re.compile(rf"/health\?nonce=(?P<nonce>{NONCE})")
_STOP = re.compile(r"/stop\?proof=(?P<proof>[0-9a-f]{64})")
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How long a store process waits, in seconds."""

    grace: float = 60.0
    """How long it stays after the last link has expired, to answer that it has."""
    request: float = 10.0
    """How long a client may take to send one request, and to accept one piece of an answer."""


class LinkServer(Protocol):
    """What a handler needs of its server; see `link_server.StoreServer`."""

    folder: StoreFolder
    secret: bytes
    limits: StoreLimits

    @property
    def closing(self) -> bool:
        """Whether to close each connection after its current answer."""
        ...

    def answering(self) -> AbstractContextManager[None]:
        """Count an unfinished answer while the context lasts."""
        ...

    def health(self) -> StoreHealth:
        """Port, run, version and process id."""
        ...

    def stop(self) -> None:
        """Stop listening, and return when the port is free."""
        ...


class LinkHandler(BaseHTTPRequestHandler):
    """Answers signed links with their pictures, health checks, and signed orders to stop."""

    server: LinkServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        """Read requests through a reader with a deadline."""
        super().setup()
        seconds = self.server.limits.request
        self.connection.settimeout(seconds)
        self.rfile.close()
        self._reader = _PatientReader(self.connection, seconds)
        self.rfile = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        """Answer one request; the last one of a server that is closing ends the connection."""
        self._reader.begin_request()
        super().handle_one_request()
        if self.server.closing:
            self.close_connection = True

    def do_GET(self) -> None:
        """Answer a health check or a link."""
        health = _HEALTH.fullmatch(self.path)
        if health:
            self._answer_health(health["nonce"])
        else:
            self._answer_image(with_body=True)

    def do_HEAD(self) -> None:
        """Answer a link without the body."""
        self._answer_image(with_body=False)

    def do_POST(self) -> None:
        """Obey a signed order to stop."""
        stop = _STOP.fullmatch(self.path)
        if stop is None:
            self._answer_method()
        elif proves(stop["proof"], self.server.secret, *stop_words(self.server.health().instance)):
            with self.server.answering():
                self.server.stop()
                self.close_connection = True
                self._answer_text(200, "The store process ends.")
        else:
            self._answer_text(403, "This order isn't for this process.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer_method
        raise AttributeError(name)

    def version_string(self) -> str:
        """The `Server` header."""
        return "alya-store"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a malformed request and close the connection."""
        del explain
        self.close_connection = True
        self._answer_text(code, message or "The request can't be answered.")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: anyone who reads a signed link can open its picture."""

    def _answer_health(self, nonce: str) -> None:
        health = self.server.health()
        said = {
            "port": health.port,
            "instance": health.instance,
            "version": health.version,
            "pid": health.pid,
            "proof": proof(self.server.secret, *health_words(nonce, health)),
        }
        self._answer(200, "application/json", json.dumps(said).encode())

    def _answer_method(self) -> None:
        self.close_connection = True
        self._answer(
            405, "text/plain; charset=utf-8", b"Pictures can only be read.\n", {"Allow": "GET, HEAD"}
        )

    def _answer_image(self, *, with_body: bool) -> None:
        with self.server.answering():
            try:
                link = judge(self.server.secret, self.path, time.time())
                file = self._open(link)
            except LinkRefused as refusal:
                self._answer_text(refusal.status, str(refusal))
                return
            with file:
                self._send_image(link, file, with_body=with_body)

    def _open(self, link: SignedLink) -> BinaryIO:
        try:
            return (self.server.folder.images / link.key).open("rb")
        except OSError:
            raise LinkRefused(404, "This picture is no longer on this machine.") from None

    def _send_image(self, link: SignedLink, file: BinaryIO, *, with_body: bool) -> None:
        size = os.fstat(file.fileno()).st_size
        span = self._asked_span(size)
        if span is None:
            self._answer(
                416, "text/plain; charset=utf-8", b"No such range.\n", {"Content-Range": f"bytes */{size}"}
            )
            return
        first, length = span
        partial = length != size
        self.send_response(206 if partial else 200)
        self.send_header("Content-Type", _CONTENT_TYPES[Path(link.key).suffix])
        self.send_header("Content-Length", str(length))
        if partial:
            self.send_header("Content-Range", f"bytes {first}-{first + length - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Disposition", f'inline; filename="{safe_filename(link.filename)}"')
        remaining = max(0, link.expires_at - int(time.time()))
        self.send_header("Cache-Control", f"private, max-age={remaining}, immutable")
        self._end_headers()
        if with_body:
            self.wfile.flush()
            self.connection.sendfile(file, first, length)

    def _asked_span(self, size: int) -> tuple[int, int] | None:
        """Start and length of the requested range: all of it if in doubt, None if beyond the end."""
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked is None or "If-Range" in self.headers or asked[0] == "bytes=-":
            return 0, size
        if not asked["first"]:
            length = min(int(asked["last"]), size)
            return (size - length, length) if length else None
        first = int(asked["first"])
        last = min(int(asked["last"] or size - 1), size - 1)
        if asked["last"] and int(asked["last"]) < first:
            return 0, size
        return (first, last - first + 1) if first < size else None

    def _answer_text(self, status: int, text: str) -> None:
        self._answer(status, "text/plain; charset=utf-8", f"{text}\n".encode())

    def _answer(
        self, status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self._end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _end_headers(self) -> None:
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection or self.server.closing:
            self.send_header("Connection", "close")
        self.end_headers()


class _PatientReader(io.RawIOBase):
    """Reads a socket with one deadline for a whole request, so that slow clients can't hold a thread."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        super().__init__()
        self._connection = connection
        self._seconds = seconds
        self._deadline = 0.0

    def begin_request(self) -> None:
        """Start the deadline of the next request."""
        self._deadline = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        self._connection.settimeout(remaining)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._seconds)
