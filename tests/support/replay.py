"""A loopback server that answers as AWS documents its errors: the XML, the status and the headers."""

import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Replay:
    url: str
    seen: list[Request]


def error(status: int, code: str, message: str | None = "", extra: str = "", **headers: str) -> Reply:
    """An S3 error document. Some stores leave its message empty (None here)."""
    told = "<Message/>" if message is None else f"<Message>{message}</Message>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>{told}{extra}</Error>'
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, body.encode(), {"Content-Type": "application/xml"} | names)


@contextmanager
def replay(answer: Callable[[Request], Reply], tls: ssl.SSLContext | None = None) -> Generator[Replay]:
    """Serve what `answer` says, and note each request; over TLS as https://localhost when `tls` is given."""
    seen: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            request = Request(self.command, self.path, self.headers, body)
            seen.append(request)
            reply = answer(request)
            self.send_response_only(reply.status)
            length = len(reply.body) if self.command != "HEAD" else 0
            for name, value in ({"Content-Length": str(length)} | dict(reply.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def log_message(self, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None: ...

    with Server(("127.0.0.1", 0), Handler) as server:
        origin = (
            f"https://localhost:{server.server_port}" if tls else f"http://127.0.0.1:{server.server_port}"
        )
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield Replay(origin, seen)
        finally:
            server.shutdown()
            thread.join()
