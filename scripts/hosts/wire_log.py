"""What went between a host and its servers, by the tap's notes."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, cast

Json = dict[str, Any]

_ID: Final = re.compile(r'"id":("[^"]*"|\d+)')
_MODERN: Final = "io.modelcontextprotocol/"


@dataclass(slots=True, kw_only=True)
class WireLog:
    """How the servers were opened, asked and answered.

    `listed` is the seconds from the first server's start to its answer to `tools/list`, `forms` the ways in
    which the user was asked, `form_answers` what the host said to that, `cancelled` why it cancelled calls.
    """

    servers: int = 0
    opens: list[str] = field(default_factory=list[str])
    listed: float | None = None
    calls: int = 0
    progress_tokens: int = 0
    cancelled: list[str] = field(default_factory=list[str])
    forms: list[str] = field(default_factory=list[str])
    form_answers: list[str] = field(default_factory=list[str])


def read_wire(folder: Path) -> Json:
    """Read the notes of one story."""
    log = WireLog()
    for file in sorted(folder.glob("*.jsonl")):
        log.servers += 1
        _read_server(log, [json.loads(line) for line in file.read_text().splitlines()])
    return asdict(log)


def _read_server(log: WireLog, notes: list[Json]) -> None:
    began = notes[0]["at"]
    listing: str | None = None
    for note in notes:
        line = str(note["line"])
        if note["who"] == "host":
            message = _message(line)
            if message.get("method") == "tools/list":
                listing = json.dumps(message.get("id"))
            _hear_host(log, message)
        elif note["who"] == "server":
            found = _ID.search(line)
            if log.listed is None and found is not None and found[1] == listing:
                log.listed = round(note["at"] - began, 2)
            marks = {"input_required": '"inputRequests"', "elicitation": '"elicitation/create"'}
            form = next((name for name, mark in marks.items() if mark in line), None)
            if form is not None and form not in log.forms:
                log.forms.append(form)


def _hear_host(log: WireLog, message: Json) -> None:
    params: Json = message.get("params") or {}
    match message.get("method"):
        case "initialize" | "server/discover" as method if log.servers == 1:
            log.opens.append(_opening(method, params))
        case "tools/call":
            log.calls += 1
            log.progress_tokens += "progressToken" in _object(params, "_meta")
            log.form_answers += [
                str(each.get("action")) for each in _object(params, "inputResponses").values()
            ]
        case "notifications/cancelled":
            log.cancelled.append(str(params.get("reason")))
        case None if "action" in (message.get("result") or {}):
            log.form_answers.append(str(message["result"]["action"]))
        case _:
            pass


def _opening(method: str, params: Json) -> str:
    meta = _object(params, "_meta")
    version = params.get("protocolVersion") or meta.get(f"{_MODERN}protocolVersion")
    capabilities = _object(params, "capabilities") or _object(meta, f"{_MODERN}clientCapabilities")
    return f"`{method}` {version}; {', '.join(_declared(capabilities)) or 'nothing'}"


def _declared(capabilities: Json) -> Iterator[str]:
    for name, value in capabilities.items():
        modes = "+".join(value) if name == "elicitation" else ""
        yield f"{name} {modes}" if modes else name


def _object(holder: Json, name: str) -> Json:
    return holder.get(name) or {}


def _message(line: str) -> Json:
    """A line as JSON; one that the tap cut has nothing that is looked for."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return cast("Json", message) if isinstance(message, dict) else {}
