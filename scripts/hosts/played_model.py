"""A played model: a loopback server that answers the four interfaces as a story says."""

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast

from interfaces import MODEL, wire_of
from react import React, is_react
from wires import Call, Heard, Wire

Story = Generator[Call | str, Heard, None]
"""Yields what the model says, and gets what the next request holds."""

_OVER: Final = "That is all."
_ASIDE: Final = "A title"
_SEARCH: Final = "ToolSearch"


class PlayedModel:
    """Plays one story; the requests that offer no tool of ours get a few words.

    `tools` are those that it plays with. `asides` counts such requests, `searched` tells that the tools were
    only named and had to be looked up, and `first` is the first request that offers any tool.
    """

    def __init__(self, story: Story, tools: Sequence[str]) -> None:
        self._story = story
        self._tools = tools
        self._mark = tools[0]
        self.searched = False
        self._lock = threading.Lock()
        self._over = False
        self.asides = 0
        self.first: Heard | None = None
        self.requests: list[dict[str, Any]] = []
        next(story)

    @property
    def is_over(self) -> bool:
        """Whether the story has been told to its end."""
        return self._over

    def answer(self, wire: Wire, request: dict[str, Any]) -> tuple[Call | str, Heard]:
        """What to answer to a request."""
        heard = wire.hear(request)
        with self._lock:
            self.requests.append(request)
            if heard.tools and self.first is None:
                self.first = heard
            if self._over:
                return _OVER, heard
            if heard.find(self._mark) is None and heard.find(_SEARCH) and not self.searched:
                self.searched = True
                named = [f"mcp__alya__{each}" for each in self._tools]
                return Call(tool=_SEARCH, arguments={"query": f"select:{','.join(named)}"}), heard
            if heard.find(self._mark) is None:
                self.asides += 1
                return _ASIDE, heard
            try:
                return self._story.send(heard), heard
            except StopIteration:
                self._over = True
                return _OVER, heard


@contextmanager
def serving(model: PlayedModel) -> Generator[str]:
    """The address, without a path, at which `model` answers while the body runs."""

    class Handler(_Handler):
        played = model

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    played: PlayedModel
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        model = {"id": MODEL, "object": "model", "created": 1, "owned_by": "played", "type": "model"}
        self._send({"object": "list", "data": [model]} if self.path.endswith("/models") else model)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        wire = wire_of(path)
        if wire is None:
            counted = {"input_tokens": 10, "totalTokens": 10}
            self._send(counted if "ount" in path else {}, 200 if "ount" in path else 404)
            return
        request = cast("dict[str, Any]", json.loads(body))
        if is_react(request):
            wire = React()
        answer, heard = self.played.answer(wire, request)
        tool = heard.find(answer.tool) if isinstance(answer, Call) else None
        if request.get("stream") is True or path.endswith(":streamGenerateContent"):
            self._stream(wire, answer, tool)
        else:
            self._send(wire.whole(answer, tool))

    def _stream(self, wire: Wire, answer: Call | str, tool: Any) -> None:
        lines: list[str] = []
        for name, data in wire.events(answer, tool):
            lines += [f"event: {name}"] if name else []
            lines += [f"data: {data if isinstance(data, str) else json.dumps(data)}", ""]
        self._write(("\n".join(lines) + "\n").encode(), "text/event-stream", 200)

    def _send(self, answer: dict[str, Any], status: int = 200) -> None:
        self._write(json.dumps(answer).encode(), "application/json", status)

    def _write(self, body: bytes, kind: str, status: int) -> None:
        try:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the host has left

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass
