"""A YouTube on a loopback port: Google's device flow, the Data API's quota and errors, resumable uploads.

It answers as the real one is documented to, its oddities included: a video that an unaudited project uploads
stays private, a channel without videos has no uploads playlist, counts are text, and a cut upload keeps whole
blocks of 256 KiB. Bad days are put into `faults`, one for each request of an upload session.
"""

import io
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BLOCK = 256 * 1024
UNITS = {"list": 1, "update": 50, "thumbnails": 50, "captions": 400}


@dataclass
class Fault:
    """A bad day of one request to an upload session.

    `after`: the bytes of its body that are read before it comes. `status` answers that, `lose` does all that
    was asked and answers nothing, `expire` forgets the session; none of them resets the connection. With
    `pause` it waits before, until the client is gone.
    """

    after: int = 0
    status: int | None = None
    reason: str = "backendError"
    lose: bool = False
    expire: bool = False
    pause: bool = False


@dataclass
class Session:
    metadata: dict[str, Any]
    size: int
    data: bytearray = field(default_factory=bytearray)
    video: str | None = None
    expired: bool = False


@dataclass
class Posted:
    """A video as the channel has it."""

    metadata: dict[str, Any]
    data: bytes
    published_at: str
    thumbnails: list[bytes] = field(default_factory=list)
    captions: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)

    @property
    def privacy(self) -> str:
        return self.metadata["status"]["privacyStatus"]


class LoopbackYoutube(ThreadingHTTPServer):
    """`log` has a line per request; `token_answers` are those of /token before the tokens come.

    A call in `stalls` is done once, and its answer kept until the client is gone.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.RLock()
        self.log: list[str] = []
        self.sessions: dict[str, Session] = {}
        self.videos: dict[str, Posted] = {}
        self.faults: list[Fault | None] = []
        self.stalls: list[str] = []
        self.refusals: dict[str, list[tuple[int, str]]] = {}
        self.searches: dict[str, list[dict[str, Any]]] = {}
        self.channel: dict[str, Any] | None = {"id": "UC_mine", "title": "Tea & more"}
        self.audited = False
        self.token_answers: list[tuple[int, str]] = []
        self.tokens = {"access-1"}
        self.issued = 1
        self.revoked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.interval = 0.05
        self.paused = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a server here."""
        return {
            "ALYA_YOUTUBE_URL": self.url,
            "ALYA_GOOGLE_OAUTH_URL": self.url,
            "ALYA_YOUTUBE_CLIENT_ID": "client-of-the-tests",
            "ALYA_YOUTUBE_CLIENT_SECRET": "secret-of-the-client",
        }

    def refuse(self, call: str, *answers: tuple[int, str]) -> None:
        """Answer the next requests of `call`, such as `POST /upload/youtube/v3/captions`, with these."""
        self.refusals[call] = list(answers)

    def count(self, start: str) -> int:
        """How many requests began so."""
        return sum(line.startswith(start) for line in self.log)

    def shutdown_request(self, request: Any) -> None:
        """Close without a word of goodbye, which would come before a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is nothing to tell."""


@contextmanager
def running() -> Iterator[LoopbackYoutube]:
    server = LoopbackYoutube()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackYoutube
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        pass

    # -- requests

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        server = self.server
        call = f"{self.command} {parts.path}"
        if self.command == "PUT" and parts.path == "/upload/youtube/v3/videos":
            with server.lock:
                server.log.append(f"{call} {self.headers['Content-Range']}")
            if self._authorised():
                self._session()
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with server.lock:
            server.log.append(call)
            refusals = server.refusals.get(call)
            handler = _ROUTES.get(call)
            if refusals:
                self._refuse(*refusals.pop(0))
                return
            if handler is None:
                self._refuse(404, "notFound")
                return
            if not parts.path.startswith(("/device", "/token", "/revoke")) and not self._authorised():
                return
            if call not in server.stalls:
                handler(self)
                return
            server.stalls.remove(call)
            self.wfile, answer = io.BytesIO(), self.wfile
            handler(self)
            self.wfile = answer
        self._outwait()

    def _outwait(self) -> None:
        """Tell that the client waits, and wait until it is gone."""
        self.server.paused.release()
        self.connection.settimeout(60)
        try:
            while self.connection.recv(1 << 16):
                pass
        except OSError:
            pass
        self.close_connection = True

    def _authorised(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token in self.server.tokens or self.headers.get("X-Goog-Api-Key") == "key-of-the-tests":
            return True
        self.rfile.read(int(self.headers.get("Content-Length", 0)) if self.command == "PUT" else 0)
        self._refuse(401, "authError")
        return False

    def _send(self, status: int, value: Any = None, **headers: str) -> None:
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, reason: str) -> None:
        domain = {"quotaExceeded": "youtube.quota", "uploadLimitExceeded": "youtube.video"}.get(
            reason, "global"
        )
        error = {"message": "no", "domain": domain, "reason": reason}
        self._send(status, {"error": {"code": status, "message": "no", "errors": [error]}})

    # -- sign-in

    def device_code(self) -> None:
        form = self._form()
        if "force-ssl" in form["scope"] and self.server.refusals.get("force-ssl"):
            self._send(400, {"error": "invalid_scope"})
            return
        self._send(
            200,
            {
                "device_code": "device-code-secret",
                "user_code": "ABCD-EFGH",
                "verification_url": "https://www.google.com/device",
                "expires_in": 60,
                "interval": self.server.interval,
            },
        )

    def token(self) -> None:
        server, form = self.server, self._form()
        if server.token_answers:
            status, error = server.token_answers.pop(0)
            self._send(status, {"error": error})
            return
        server.issued += 1
        token = f"access-{server.issued}"
        server.tokens.add(token)
        tokens = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        if form["grant_type"] != "refresh_token":
            tokens |= {
                "refresh_token": "refresh-token-secret",
                "scope": "https://www.googleapis.com/auth/youtube",
            }
        self._send(200, tokens)

    def revoke(self) -> None:
        self.server.revoked.append(self._form()["token"])
        self._send(200, {})

    def _form(self) -> dict[str, str]:
        form = {name: values[-1] for name, values in parse_qs(self.body.decode()).items()}
        self.server.forms.append(form)
        return form

    # -- reading

    def channels(self) -> None:
        mine = self.server.channel
        if "id" in self.query:
            items = [
                {"id": each, "statistics": {"subscriberCount": str(1000 * (number + 1))}}
                for number, each in enumerate(self.query["id"].split(","))
            ]
            self._send(200, {"items": items})
        elif mine is None:
            self._send(200, {"pageInfo": {"totalResults": 0}})
        else:
            snippet = {"title": mine["title"]}
            content = {"relatedPlaylists": {"uploads": "UU_mine"}}
            self._send(200, {"items": [{"id": mine["id"], "snippet": snippet, "contentDetails": content}]})

    def videos(self) -> None:
        found = []
        known = {each["id"]: each for results in self.server.searches.values() for each in results}
        for video in self.query["id"].split(","):
            if video in known:
                found.append(known[video])
            elif video in self.server.videos:
                posted = self.server.videos[video]
                snippet = {**posted.metadata["snippet"], "publishedAt": posted.published_at}
                status = {"uploadStatus": "uploaded", "license": "youtube", **posted.metadata["status"]}
                found.append({"id": video, "snippet": snippet, "status": status})
        self._send(200, {"items": found})

    def playlist_items(self) -> None:
        if not self.server.videos:
            self._refuse(404, "playlistNotFound")
            return
        items = [
            {
                "snippet": {
                    "title": posted.metadata["snippet"]["title"],
                    "description": posted.metadata["snippet"]["description"],
                    "publishedAt": posted.published_at,
                },
                "contentDetails": {"videoId": video},
            }
            for video, posted in reversed(self.server.videos.items())
        ]
        self._send(200, {"items": items})

    def search(self) -> None:
        found = self.server.searches.get(self.query["q"], [])
        items = [
            {
                "id": {"kind": "youtube#video", "videoId": each["id"]},
                "snippet": {"title": "&#39;escaped&#39;"},
            }
            for each in found
        ]
        self._send(200, {"items": items, "pageInfo": {"totalResults": 1_000_000}})

    def captions_list(self) -> None:
        posted = self.server.videos[self.query["videoId"]]
        items = [{"id": str(n), "snippet": meta["snippet"]} for n, (meta, _) in enumerate(posted.captions)]
        self._send(200, {"items": items})

    # -- writing

    def begin(self) -> None:
        server = self.server
        metadata = json.loads(self.body)
        if not server.audited:
            metadata["status"]["privacyStatus"] = "private"
        name = f"s{len(server.sessions) + 1}"
        server.sessions[name] = Session(metadata, int(self.headers["X-Upload-Content-Length"]))
        address = f"{server.url}/upload/youtube/v3/videos?uploadType=resumable&upload_id={name}"
        self._send(200, Location=address)

    def update(self) -> None:
        asked = json.loads(self.body)
        posted = self.server.videos[asked["id"]]
        status = asked["status"]
        if not self.server.audited:
            status = {**status, "privacyStatus": "private"}
        posted.metadata["status"] = status
        self._send(200, {"id": asked["id"], "status": status})

    def thumbnail(self) -> None:
        self.server.videos[self.query["videoId"]].thumbnails.append(self.body)
        self._send(200, {"items": []})

    def captions(self) -> None:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        boundary = re.search(r"boundary=(\w+)", self.headers["Content-Type"])
        assert boundary is not None
        first = BytesParser().parsebytes(head + self.body).get_payload()
        assert len(first) == 2
        metadata = json.loads(first[0].get_payload())  # type: ignore[union-attr]
        data = self.body.split(b"\r\n\r\n", 2)[2].rpartition(f"\r\n--{boundary[1]}--".encode())[0]
        self.server.videos[metadata["snippet"]["videoId"]].captions.append((metadata, data))
        self._send(200, {"id": "caption", "snippet": metadata["snippet"]})

    # -- an upload session

    def _session(self) -> None:
        server = self.server
        with server.lock:
            session = server.sessions.get(self.query.get("upload_id", ""))
            fault = server.faults.pop(0) if server.faults else None
        length = int(self.headers.get("Content-Length", 0))
        if session is None or session.expired:
            self.rfile.read(length)
            self._refuse(404, "notFound")
            return
        span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers["Content-Range"])
        taken = length if fault is None or fault.lose else min(length, fault.after)
        data = self.rfile.read(taken)
        if fault is not None and fault.status is not None:
            self.rfile.read(length - taken)
        with server.lock:
            if span is not None:
                self._take(session, int(span[1]), data, whole=taken == length)
        if fault is not None:
            self._fail(session, fault)
            return
        self._tell(session)

    def _take(self, session: Session, first: int, data: bytes, *, whole: bool) -> None:
        assert first == len(session.data), "a part that doesn't begin at the kept byte"
        kept = data if whole else data[: len(data) // BLOCK * BLOCK]
        session.data += kept
        assert len(session.data) == session.size or len(session.data) % BLOCK == 0, "an odd part"
        if len(session.data) == session.size and session.video is None:
            session.video = f"video{len(self.server.videos) + 1}"
            now = datetime.now(UTC).isoformat()
            self.server.videos[session.video] = Posted(session.metadata, bytes(session.data), now)

    def _tell(self, session: Session) -> None:
        if session.video is not None:
            self._send(201, {"id": session.video, "kind": "youtube#video"})
        elif session.data:
            self._send(308, Range=f"bytes=0-{len(session.data) - 1}")
        else:
            self._send(308)

    def _fail(self, session: Session, fault: Fault) -> None:
        if fault.pause:
            self._outwait()
        if fault.expire:
            session.expired = True
        if fault.status is not None:
            self._refuse(fault.status, fault.reason)
            return
        if not fault.pause:
            # Closing with the time to linger at nothing resets the connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # a client that is gone


_ROUTES = {
    "POST /device/code": _Handler.device_code,
    "POST /token": _Handler.token,
    "POST /revoke": _Handler.revoke,
    "GET /youtube/v3/channels": _Handler.channels,
    "GET /youtube/v3/videos": _Handler.videos,
    "PUT /youtube/v3/videos": _Handler.update,
    "GET /youtube/v3/playlistItems": _Handler.playlist_items,
    "GET /youtube/v3/search": _Handler.search,
    "GET /youtube/v3/captions": _Handler.captions_list,
    "POST /upload/youtube/v3/videos": _Handler.begin,
    "POST /upload/youtube/v3/thumbnails/set": _Handler.thumbnail,
    "POST /upload/youtube/v3/captions": _Handler.captions,
}
