"""The first answers, given before the SDK is there, are those that the SDK gives.

A server whose standard input is a regular file answers by the SDK alone; one on a pipe by its document.
"""

import json
import os
import runpy
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from forking_server import forked
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from raw_client import LEGACY, Servers, envelope, environment
from scene import write_policy

from alya_mcp.server.opening import DOCUMENT, Opening
from alya_mcp.tools import OUTLINES

CLIENT = {"name": "c", "version": "1"}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(method: str, params: Any = None, request_id: Any = 1) -> dict[str, Any]:
    message = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return message if params is None else {**message, "params": params}


def initialize(version: str = LEGACY, **params: Any) -> dict[str, Any]:
    return request(
        "initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT, **params}, "i"
    )


def meta(**more: Any) -> dict[str, Any]:
    return {"_meta": {**envelope(), **more}}


LEVEL = {"io.modelcontextprotocol/logLevel": "info"}
CAPABLE = {"roots": {"listChanged": True}, "sampling": {}, "elicitation": {"form": {}, "url": {}},
           "experimental": {"x": {"y": [1]}}, "extensions": {"e/x": {}}}  # fmt: skip
PAGES = {"extensions": {"io.modelcontextprotocol/ui": {"mimeTypes": ["text/html;profile=mcp-app"]}}}
MODERN_PAGES = {**envelope(), "io.modelcontextprotocol/clientCapabilities": PAGES}
CONVERSATIONS: dict[str, list[Any]] = {
    **{
        version: [initialize(version), READY, request("tools/list")]
        for version in HANDSHAKE_PROTOCOL_VERSIONS
    },
    "unknown version": [initialize("1999-01-01"), request("tools/list", {}), request("ping", request_id=2)],
    "capable": [
        initialize(capabilities=CAPABLE),
        READY,
        request("tools/list", {"_meta": {"progressToken": 7}}),
    ],
    "pages": [initialize(capabilities=PAGES), READY, request("tools/list")],
    "modern pages": [
        request("server/discover", {"_meta": MODERN_PAGES}, 0),
        request("tools/list", {"_meta": MODERN_PAGES}),
        request("tools/list", meta(), 2),
        request("resources/read", {"uri": "ui://alya-mcp/nothing", "_meta": MODERN_PAGES}, 3),
    ],
    "modern": [request("server/discover", meta(), 0), request("tools/list", meta(progressToken="p"), "é/\n")],
    "modern with a log level": [request("tools/list", meta(**LEVEL)), request("ping", meta(**LEVEL), 2)],
    "a wrong log level": [request("tools/list", meta(**{**LEVEL, next(iter(LEVEL)): "loud"}))],
    "modern list first": [request("tools/list", meta()), request("server/discover", meta(), 2)],
    "initialize after modern": [request("tools/list", meta()), initialize()],
    "modern after initialize": [initialize(), request("tools/list", meta())],
    "list before initialize": [request("tools/list"), request("ping", request_id=2), initialize()],
    "a wrong capability": [initialize(capabilities={"roots": []}), request("tools/list")],
    "a wrong client": [initialize(clientInfo={"name": 7}), request("tools/list")],
    "no envelope": [request("server/discover", {}), initialize()],
    "a wrong version": [request("server/discover", {"_meta": {**envelope("2027-01-01")}})],
    "initialize twice": [initialize(), request("ping"), initialize(request_id="j") | {"id": "j"}],
    "a cursor": [initialize(), request("tools/list", {"cursor": "x"})],
    "an unknown method": [initialize(), request("no/such"), request("tools/list", request_id=2)],
    "a call": [initialize(), request("tools/list"), request("tools/call", {"name": "nothing"}, 2)],
    "not JSON": ["broken", initialize(), request("tools/list")],
}


def served(home: Path, incoming: int) -> list[bytes]:
    """The lines that a server with `home` writes before it ends, which has to be well, in a fixed order."""
    with os.fdopen(incoming) as source:
        ended = subprocess.run(
            forked("-m", "alya_mcp"), stdin=source, stdout=subprocess.PIPE, env=environment(home), check=True
        )
    return sorted(ended.stdout.splitlines())


def piped(text: bytes) -> int:
    """A pipe that holds all of `text` from the beginning."""
    incoming, outgoing = os.pipe()
    assert len(text) < 4096, "the least that a pipe may hold"
    os.write(outgoing, text)
    os.close(outgoing)
    return incoming


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_nothing_differs_on_the_wire(alya_home: Path, tmp_path: Path, name: str) -> None:
    write_policy(alya_home, {"version": "1", "default": "allow", "hide": ["alya_status"]})
    lines = [each if isinstance(each, str) else json.dumps(each) for each in CONVERSATIONS[name]]
    script = tmp_path / "input.jsonl"
    script.write_text("".join(f"{line}\n" for line in lines))
    by_pipe = served(alya_home, piped(script.read_bytes()))
    assert by_pipe == served(alya_home, os.open(script, os.O_RDONLY))
    assert by_pipe
    assert b'alya_status"' not in b"".join(by_pipe)


def test_the_document_is_what_the_sdk_answers() -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "first_answers.py"))
    made = script["text"](anyio.run(script["document"]))
    assert DOCUMENT.read_text("utf-8") == made, "run: python scripts/first_answers.py"
    assert OUTLINES.read_text("utf-8") == script["outlines"](), "run: python scripts/first_answers.py"


@pytest.mark.parametrize("policy", ["not JSON", '{"version": "1", "default": "deny", "hide": ["*"]}'])
def test_a_policy_is_obeyed_from_the_first_list_on(
    start_server: Servers, alya_home: Path, policy: str
) -> None:
    (alya_home / "policy.json").write_text(policy)
    with start_server() as client:
        client.initialize()
        listed = client.request("tools/list")["result"]["tools"]
        assert bool(listed) is (policy == "not JSON")
        assert client.call("alya_usage").get("error" if not listed else "result")


def opened(*messages: dict[str, Any]) -> tuple[Opening, bytes]:
    """What is left after `messages` came on a pipe and nothing else did, and what was answered."""
    (theirs, to), (fro, ours) = os.pipe(), os.pipe()
    os.write(to, b"".join(json.dumps(each).encode() + b"\n" for each in messages))
    opening = Opening(theirs, ours, lambda names: names)
    opening.run(until_idle=True)
    os.close(ours)
    with os.fdopen(fro, "rb") as reading:
        answered = reading.read()
    os.close(to)
    os.close(theirs)
    return opening, answered


def test_the_usual_first_requests_are_answered_without_the_sdk() -> None:
    for messages, count in (
        ((initialize(capabilities=CAPABLE), READY, request("tools/list")), 2),
        ((request("server/discover", meta()), request("tools/list", meta(), 2)), 2),
        ((request("tools/list", meta(**LEVEL)),), 1),
    ):
        opening, answered = opened(*messages)
        assert (opening.listed, opening.finished, opening.unread) == (True, False, b"")
        assert len(answered.splitlines()) == count


def test_a_call_and_what_follows_is_left_for_the_sdk() -> None:
    calls = [request("tools/call", {"name": "alya_usage"}, number) for number in (2, 3)]
    opening, answered = opened(initialize(), *calls)
    assert opening.finished
    assert [json.loads(line) for line in opening.unread.splitlines()] == calls
    assert [json.loads(line)["id"] for line in answered.splitlines()] == ["i"]


def test_a_probe_decides_the_era_only_once_something_modern_follows(start_server: Servers) -> None:
    for follow in ("initialize", "tools/list"):
        with start_server() as client:
            assert client.request("server/discover", {"_meta": envelope()})["result"]["supportedVersions"]
            if follow == "initialize":
                assert client.initialize()["protocolVersion"] == LEGACY
                assert client.request("tools/list")["result"]["tools"]
            else:
                assert client.request("tools/list", {"_meta": envelope()})["result"]["ttlMs"]
                assert client.request("tools/call", {"name": "x"})["error"]["code"] == -32602
