"""The first answers of a server, read from a generated document before the MCP SDK is imported.

Some hosts wait for one second, and importing the SDK takes as long. `Opening` answers `initialize`,
`server/discover`, `tools/list` and `ping` as the SDK would, if they have their usual form. Any other line
ends it: the SDK then gets the streams, and the messages that it must process too. `scripts/first_answers.py`
writes the document.
"""

import json
import os
import select
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.server.app_extension import declares_apps

Json = dict[str, Any]

DOCUMENT: Final = Path(__file__).with_name("first_answers.json")
_META: Final = "io.modelcontextprotocol/"
_LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
_PROBE_SECONDS: Final = 0.02
_IDLE_SECONDS: Final = 0.1
_LONGEST: Final = 64 * 1024
_DEEPEST: Final = 16
_CAPABILITIES: Final[Mapping[str, Mapping[str, type] | None]] = {
    "roots": {"listChanged": bool},
    "sampling": {"tools": dict, "context": dict},
    "elicitation": {"form": dict, "url": dict},
    "experimental": None,
    "extensions": None,
}


class Unusual(Exception):
    """The line doesn't have the usual form, so the SDK answers it."""


class Opening:
    """Answers the first lines on two descriptors; its attributes then have the rest for the SDK's session.

    `visible` returns those of the given tool names that the caller may see.
    """

    def __init__(self, incoming: int, outgoing: int, visible: Callable[[list[str]], list[str]]) -> None:
        self._incoming, self._outgoing, self._visible = incoming, outgoing, visible
        self._document: Json = json.loads(DOCUMENT.read_text("utf-8"))
        self._era: str | None = None
        self._shows_pages = False
        self._wake = os.pipe()
        self.finished = False
        """Whether nothing more can be answered here."""
        self.answered = False
        self.listed = False
        self.unread: bytes = b""
        """Bytes that were read and not answered."""
        self.unsent: bytes = b""
        """Bytes of answers that the client hasn't taken yet."""
        self.replay: list[bytes] = []
        """Lines that were answered, and that the SDK must process too."""
        self.probe: bytes | None = None
        """A `server/discover` that was answered; it decides the era unless `initialize` follows."""

    def run(self, *, until_idle: bool) -> None:
        """Answer lines of the usual form; with `until_idle` at most until the client has its list."""
        os.set_blocking(self._outgoing, False)
        while not self.finished:
            line, newline, _ = self.unread.partition(b"\n")
            if not newline:
                if not self._read(_IDLE_SECONDS if until_idle else None):
                    return
                continue
            try:
                answer = self._answer(line)
            except Exception:  # noqa: BLE001 - whatever the error is, the SDK answers
                self.finished = True
                return
            self.unread = self.unread[len(line) + 1 :]
            if answer is not None:
                self._write(answer)
            if self.listed and until_idle:
                return

    def stop(self) -> None:
        """Make a `run` in another thread return."""
        os.write(self._wake[1], b"x")

    def _read(self, seconds: float | None) -> bool:
        """Read the input; False if nothing came in time, or `stop` was called."""
        ready = select.select([self._incoming, self._wake[0]], [], [], seconds)[0]
        if self._incoming not in ready or self._wake[0] in ready:
            return False
        data = os.read(self._incoming, _LONGEST)
        self.unread += data
        self.finished = not data or len(self.unread) > _LONGEST
        return True

    def _write(self, answer: bytes) -> None:
        self.answered = True
        rest = answer + b"\n"
        try:
            while rest:
                rest = rest[os.write(self._outgoing, rest) :]
        except BlockingIOError:
            self.unsent, self.finished = rest, True
        except OSError:
            self.finished = True  # the session finds the same, and ends

    def _answer(self, line: bytes) -> bytes | None:
        """The answer to a line; None for one that has none.

        Raises:
            Unusual, ValueError: the line is for the SDK.
        """
        if not line or line.isspace():
            return None
        if b"\\u" in line:
            raise Unusual
        message = _object(json.loads(line.decode(), parse_constant=_refuse))
        method = message.get("method")
        params = _object(message.get("params", {}))
        if message.get("jsonrpc") != "2.0" or not message.keys() <= {"jsonrpc", "id", "method", "params"}:
            raise Unusual
        if "id" not in message:
            return self._take_note(str(method), params, line)
        request = message["id"]
        if isinstance(request, bool) or not isinstance(request, str | int) or len(str(request)) > 64:
            raise Unusual
        if method == "server/discover" and self._era is None:
            return self._discover(request, params, line)
        if method == "initialize" and self._era in {None, "probed"}:
            return self._initialize(request, params, line)
        if method == "ping" and self._era in self._document["initialize"]:
            _check_meta(params)
            return _result(request, {})
        if method == "tools/list":
            return self._list(request, params, message)
        raise Unusual

    def _take_note(self, method: str, params: Json, line: bytes) -> None:
        """Accept a notification that needs no action, or that the SDK will process."""
        if method == "notifications/initialized" and self._era in self._document["initialize"]:
            _check_meta(params)
            if len(self.replay) > 1:
                raise Unusual
            self.replay.append(line + b"\n")
        elif not (method == "notifications/cancelled" and self._era == "probed"):
            raise Unusual

    def _discover(self, request: str | int, params: Json, line: bytes) -> bytes | None:
        _check_envelope(params, self._document["modern"])
        if b"\n" not in self.unread[len(line) + 1 :]:
            self._read(_PROBE_SECONDS)
            self.finished = False
        following = self.unread[len(line) + 1 :].partition(b"\n")[0]
        if b'"initialize"' in following:
            return None  # the client has abandoned the probe
        self._era = "probed"
        self.probe = line + b"\n"
        found = self._document["discover"]
        if _shows_pages(params):
            found = {**found, "capabilities": self._document["pages"]["discover"]}
        return _result(request, found)

    def _initialize(self, request: str | int, params: Json, line: bytes) -> bytes:
        version = params.get("protocolVersion")
        if params.keys() != {"protocolVersion", "capabilities", "clientInfo"} or not isinstance(version, str):
            raise Unusual
        _check_capabilities(params["capabilities"])
        _check_client(params["clientInfo"])
        known = self._document["initialize"]
        self._era = version if version in known else self._document["latest"]
        self._shows_pages = declares_apps(params["capabilities"].get("extensions"))
        self.probe = None
        self.replay.append(line + b"\n")
        greeting = known[self._era]
        if self._shows_pages:
            greeting = {**greeting, "capabilities": self._document["pages"]["initialize"][self._era]}
        return _result(request, greeting)

    def _list(self, request: str | int, params: Json, message: Json) -> bytes:
        modern = self._document["modern"]
        if self._era in self._document["initialize"]:
            _check_meta(params)
        else:
            _check_envelope(params, modern)
            self._shows_pages = _shows_pages(params)
        version = self._era if self._era in self._document["initialize"] else modern
        listing = self._document["tools/list"][version]
        tools = self._document["listings"][listing["tools"]]
        names = set(self._visible([tool["name"] for tool in tools]))
        pages: Json = self._document["pages"]["tools"] if self._shows_pages else {}
        if version != self._era:
            opening = json.dumps({**message, "method": "server/discover"}).encode() + b"\n"
            self.replay.append(self.probe or opening)
            self._era, self.probe = version, None
        self.listed = True
        shown: list[Json] = [
            {**each, "_meta": pages[each["name"]]} if each["name"] in pages else each
            for each in tools
            if each["name"] in names
        ]
        return _result(request, {**listing, "tools": shown})


def _result(request: str | int, result: Json) -> bytes:
    answer = {"jsonrpc": "2.0", "id": request, "result": result}
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _object(value: object) -> Json:
    if not isinstance(value, dict):
        raise Unusual
    return cast("Json", value)


def _refuse(constant: str) -> object:
    raise Unusual(constant)


def _check_meta(params: Json) -> None:
    """Refuse parameters of the handshake era other than a progress token."""
    if not params.keys() <= {"_meta"}:
        raise Unusual
    meta = _object(params.get("_meta", {}))
    token = meta.get("progressToken", 0)
    if not meta.keys() <= {"progressToken"} or isinstance(token, bool) or not isinstance(token, str | int):
        raise Unusual


def _check_envelope(params: Json, version: str) -> None:
    """Refuse anything but the modern era's envelope."""
    if params.keys() != {"_meta"}:
        raise Unusual
    meta = dict(_object(params["_meta"]))
    _check_capabilities(meta.pop(f"{_META}clientCapabilities", None))
    if (client := meta.pop(f"{_META}clientInfo", None)) is not None:
        _check_client(client)
    if meta.pop(f"{_META}protocolVersion", None) != version:
        raise Unusual
    if meta.pop(f"{_META}logLevel", "info") not in _LOG_LEVELS:
        raise Unusual
    _check_meta({"_meta": meta})


def _shows_pages(params: Json) -> bool:
    """Whether a checked envelope declares MCP Apps."""
    return declares_apps(params["_meta"][f"{_META}clientCapabilities"].get("extensions"))


def _check_client(info: object) -> None:
    info = _object(info)
    if not {"name", "version"} <= info.keys() <= {"name", "version", "title", "description", "websiteUrl"}:
        raise Unusual
    if not all(isinstance(value, str) for value in info.values()):
        raise Unusual


def _check_capabilities(capabilities: object) -> None:
    for name, value in _object(capabilities).items():
        members = _object(value)
        if name not in _CAPABILITIES:
            raise Unusual
        kinds = _CAPABILITIES[name]
        for member, inner in members.items():
            if not isinstance(inner, dict if kinds is None else kinds.get(member, ())):
                raise Unusual
        if _deep(members):
            raise Unusual


def _deep(value: object, left: int = _DEEPEST) -> bool:
    """Whether a value nests deeper than a client's usual one."""
    if isinstance(value, dict):
        members = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        members = cast("list[object]", value)
    else:
        return False
    return left == 0 or any(_deep(each, left - 1) for each in members)
