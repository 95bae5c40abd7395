"""A model hub on the loopback interface: answers as the Hugging Face hub does, with bad days on request."""

import hashlib
import json
import os
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40
LARGE = 2 << 20
"""Bytes; a file is written in pieces of 256 KiB, so a part of this one reaches the disk."""


class Hub(ThreadingHTTPServer):
    """A hub with one repository, `them/model`.

    `refusal` answers every request, `gate` only those for files, each of `moods` the next of those. `broken`
    resets the connection after each of these counts of bytes of a file, once; `cut` ends it early each time;
    `stall` stops midway and waits; `swapped` serves other bytes. `storage` is the address that has the large
    files. `sent` counts bytes.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = pipeline(os.urandom(200_000))
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.gate: tuple[int, dict[str, str]] | None = None
        self.moods: list[tuple[int, dict[str, str]]] = []
        self.broken: dict[str, list[int]] = {}
        self.cut: dict[str, int] = {}
        self.stall: str | None = None
        self.stalled = threading.Event()
        self.swapped: dict[str, bytes] = {}
        self.storage: str | None = None
        self.metadata = True
        self.ranges = True
        self.commit = COMMIT
        self.tokens: set[str | None] = set()
        self.served: list[str] = []
        self.sent: Counter[str] = Counter()

    def shutdown_request(self, request: Any) -> None:
        """Close without a word of goodbye, which would come before a reset."""
        self.close_request(request)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def pipeline(tensors: bytes) -> dict[str, bytes]:
    """A pipeline of one part with these bytes as its weights, and files that nobody should fetch."""
    index = {"_class_name": "FluxPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    return {
        "model_index.json": json.dumps(index).encode(),
        "vae/config.json": b"{}",
        "vae/model.safetensors": safetensors(tensors),
        "vae/model.bin": b"a pickle",
        "everything.safetensors": b"a copy in one file",
        "code.py": b"raise SystemExit",
    }


def safetensors(tensors: bytes) -> bytes:
    """A safetensors file with one tensor of bytes."""
    entry = {"dtype": "U8", "shape": [len(tensors)], "data_offsets": [0, len(tensors)]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "tensor": entry}).encode()
    return struct.pack("<Q", len(header)) + header + tensors


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that serves while the context lasts."""
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        hub = self.server
        hub.tokens.add(self.headers.get("Authorization"))
        path = self.path.partition("?")[0]
        if hub.refusal is not None:
            status, headers = hub.refusal
            self._send(status, b"{}", headers, body=body)
        elif path.startswith("/api/models/them/model/revision/") or path == "/api/models/them/model":
            self._send(200, json.dumps(self._info()).encode(), {}, body=body)
        elif path.startswith("/them/model/resolve/"):
            self._file(path.split("/", 5)[5], body=body)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body=body)

    def _info(self) -> dict[str, object]:
        siblings = [self._sibling(name, data) for name, data in self.server.files.items()]
        return {"id": "them/model", "modelId": "them/model", "sha": self.server.commit, "siblings": siblings}

    def _sibling(self, name: str, data: bytes) -> dict[str, object]:
        if not self.server.metadata:
            return {"rfilename": name}
        listed: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": git_blob(data)}
        if name.endswith(".safetensors"):
            listed["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
        return listed

    def _file(self, name: str, *, body: bool) -> None:
        hub = self.server
        data = hub.files.get(name)
        refusal = hub.moods.pop(0) if hub.moods else hub.gate
        if refusal is not None:
            status, headers = refusal
            self._send(status, b"", headers, body=body)
            return
        if data is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, body=body)
            return
        large = name.endswith(".safetensors")
        headers = {"ETag": f'"{sha256(data) if large else git_blob(data)}"', "X-Repo-Commit": COMMIT}
        if hub.storage is not None and large:
            linked = {"X-Linked-ETag": headers["ETag"], "X-Linked-Size": str(len(data))}
            self._send(302, b"", {**headers, **linked, "Location": hub.storage + self.path}, body=body)
            return
        if body:
            hub.served.append(name)
        self._content(name, hub.swapped.get(name, data), headers, body=body)

    def _content(self, name: str, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        hub, start = self.server, 0
        asked = self.headers.get("Range")
        if asked is not None and hub.ranges:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        for key, value in {"Content-Length": str(len(data) - start), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return
        breaks = hub.broken.get(name, [])
        ends = [
            len(data),
            breaks[0] if breaks else None,
            hub.cut.get(name),
            len(data) // 2 if hub.stall == name else None,
        ]
        end = max(start, min(end for end in ends if end is not None))
        hub.sent[name] += end - start  # first: a client that gives up may ask again before this returns
        self.wfile.write(data[start:end])
        self.wfile.flush()
        if hub.stall == name:
            hub.stalled.set()
            self.rfile.read(1)
        if breaks:
            breaks.pop(0)
            # Closing with the time to linger at nothing resets the connection.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = end < len(data)

    def _send(self, status: int, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            pass  # a connection that was reset

    def log_message(self, *args: object) -> None:
        pass


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
