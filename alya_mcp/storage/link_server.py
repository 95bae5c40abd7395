"""The store process: serves this user's local pictures on 127.0.0.1 until the last link has expired.

Started by `process`, with the arguments HOME PORT INSTANCE MOVED_FROM. It imports the standard library only,
outlives the servers that give links away, and ends by itself.
"""

import errno
import io
import json
import os
import random
import re
import selectors
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Final, NoReturn

from alya_mcp import __version__
from alya_mcp.runtime.daemon import proof, proves
from alya_mcp.runtime.locks import LockTimeout
from alya_mcp.storage.folder import Listener, StoreFolder
from alya_mcp.storage.handshake import NONCE, StoreHealth, health_words, stop_words
from alya_mcp.storage.signed_links import HOST, LinkRefused, SignedLink, judge
from alya_mcp.storage.store import safe_filename

PORT_TAKEN: Final = 3
"""The exit status that says that another program has the port."""
GRACE_SECONDS: Final = 60.0
"""How long the process goes on after the last link has expired, to say so to whoever opens it."""
REQUEST_SECONDS: Final = 10.0
"""How long a client may take to send one request, and to accept one piece of an answer."""

_PORTS: Final = range(20_000, 32_000)  # below the ports that systems give to outgoing connections
_CONNECTIONS: Final = 256
_DRAIN_SECONDS: Final = 30.0
_LONGEST_SLEEP: Final = 30.0
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


def main() -> NoReturn:
    """Serve until nothing is left to serve; the exit status is 0, or `PORT_TAKEN`."""
    sys.exit(_serve(*sys.argv[1:]))


def _serve(home: str, port: str, instance: str, moved_from: str) -> int:
    os.chdir(home)
    folder = StoreFolder(Path(home))
    secret = folder.key()
    if secret is None:
        return 1
    try:
        server = StoreServer(folder, secret, port=int(port), instance=instance)
    except OSError as error:
        if error.errno in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
            return PORT_TAKEN
        raise
    with server:
        folder.note_listener(
            Listener(
                port=server.server_port, instance=instance, moved_from=int(moved_from) if moved_from else None
            )
        )
        server.serve()
    server.drain()
    return 0


class StoreServer(ThreadingHTTPServer):
    """The listening socket and the life of the process. `port` 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128
    timeout = 0  # of `handle_request`, called when a client is there
    allow_reuse_address = os.name != "nt"  # there it would let two programs share the port

    def __init__(self, folder: StoreFolder, secret: bytes, *, port: int, instance: str) -> None:
        self.folder = folder
        self.secret = secret
        self._instance = instance
        self._wake, self._woken = socket.socketpair()
        self._connections = threading.BoundedSemaphore(_CONNECTIONS)
        self._answering = 0
        self._idle = threading.Condition()
        self._stopped = threading.Event()
        super().__init__((HOST, port), _Handler, bind_and_activate=False)
        try:
            self._bind(port)
            self.server_activate()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Bind the socket. The base class also asks for the host's full name, which can stall."""
        if sys.platform == "win32":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        socketserver.TCPServer.server_bind(self)
        self.socket.setblocking(False)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def serve(self) -> None:
        """Answer requests until told to stop or until the last link has expired."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            end = self._end()
            while True:
                pause = min(max(end - time.time(), 0.1), _LONGEST_SLEEP)
                ready = [key.fileobj for key, _ in selector.select(pause)]
                if self._woken in ready:
                    break
                if self.socket in ready:
                    self.handle_request()
                if not ready or time.time() >= end:
                    end = self._end()
                if time.time() >= end and self._end_for_good():
                    break
        self.server_close()

    def stop(self) -> None:
        """Stop listening; when this returns the port is free for another process."""
        if not self.closing:
            self._wake.send(b"x")
        self._stopped.wait(_DRAIN_SECONDS)

    def drain(self) -> None:
        """Wait until every answer that has begun is sent, at most half a minute, and let go of everything."""
        with self._idle:
            self._idle.wait_for(lambda: self._answering == 0, _DRAIN_SECONDS)
        self._wake.close()
        self._woken.close()

    def server_close(self) -> None:
        """Close the listening socket."""
        super().server_close()
        self._stopped.set()

    @property
    def closing(self) -> bool:
        """Whether connections are to be closed after their current answer."""
        return self._stopped.is_set()

    @contextmanager
    def answering(self) -> Generator[None]:
        """Count an answer that `drain` waits for."""
        with self._idle:
            self._answering += 1
        try:
            yield
        finally:
            with self._idle:
                self._answering -= 1
                self._idle.notify_all()

    def health(self) -> StoreHealth:
        """What this process says of itself."""
        return StoreHealth(
            port=self.server_port, instance=self._instance, version=__version__, pid=os.getpid()
        )

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread of its own, or close it when there are too many."""
        if not self._connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._connections.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent about clients that go away; anything else is reported as the base class does."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _bind(self, port: int) -> None:
        if port:
            self.server_bind()
            return
        for candidate in (*random.sample(_PORTS, 20), 0):
            self.server_address = (HOST, candidate)
            try:
                self.server_bind()
            except OSError:
                if candidate == 0:
                    raise
            else:
                return

    def _end(self) -> float:
        return self.folder.open_until() + GRACE_SECONDS

    def _end_for_good(self) -> bool:
        """Whether nothing is left to serve; nobody can add a link while that is found out."""
        if not self.folder.home.is_dir():
            return True
        try:
            with self.folder.locked(wait=0):
                if time.time() < self._end():
                    return False
                self.server_close()
                return True
        except LockTimeout:
            return False


class _Handler(BaseHTTPRequestHandler):
    server: StoreServer  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"
    timeout = REQUEST_SECONDS

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._reader = _PatientReader(self.connection)
        self.rfile = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        self._reader.begin_request()
        super().handle_one_request()
        if self.server.closing:
            self.close_connection = True

    def do_GET(self) -> None:
        health = _HEALTH.fullmatch(self.path)
        if health:
            self._answer_health(health["nonce"])
        else:
            self._answer_image(with_body=True)

    def do_HEAD(self) -> None:
        self._answer_image(with_body=False)

    def do_POST(self) -> None:
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
        return "alya-store"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        del explain
        self.close_connection = True
        self._answer_text(code, message or "The request can't be answered.")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is logged: a signed link opens the picture for whoever reads it."""

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
        """Where the asked part begins and how long it is: the whole if in doubt, None if beyond the end."""
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
    """Reads a socket with one deadline for a whole request, however slowly its bytes trickle in."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = 0.0

    def begin_request(self) -> None:
        """Start the time of the next request."""
        self._deadline = time.monotonic() + REQUEST_SECONDS

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
            self._connection.settimeout(REQUEST_SECONDS)
