"""The rig that runs real hosts: its model speaks four interfaces, its tap passes everything on."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

RIG = Path(__file__).resolve().parents[2] / "scripts" / "hosts"
MODULES = ("catalogue", "played_model", "react", "interfaces", "table", "wire_log", "wires")


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The rig's modules by name."""
    monkeypatch.syspath_prepend(str(RIG))
    loaded = {name: __import__(name) for name in MODULES}
    yield loaded
    for name in MODULES:
        del sys.modules[name]


def post(url: str, body: Any) -> str:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


SCHEMA = {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}, "required": ["size"]}
FUNCTION = {"name": "mcp_alya_draw", "description": "Draws", "parameters": SCHEMA}
REACT = "`next_tool_name`\n(1) mcp_alya_draw, whose description is <desc>Draws</desc>.\n"
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": (
        "/v1/chat/completions",
        {
            "tools": [{"type": "function", "function": FUNCTION}],
            "messages": [{"role": "user", "content": "NEW"}],
        },
    ),
    "responses": ("/v1/responses", {"tools": [{"type": "function", **FUNCTION}], "input": "NEW"}),
    "namespace": (
        "/v1/responses",
        {
            "tools": [{"type": "namespace", "name": "alya", "tools": [FUNCTION]}],
            "input": [
                {"type": "function_call", "name": "x"},
                {"type": "function_call_output", "output": "NEW"},
            ],
        },
    ),
    "messages": (
        "/v1/messages",
        {
            "tools": [{"name": "mcp_alya_draw", "input_schema": SCHEMA}],
            "messages": [{"role": "assistant", "content": "old"}, {"role": "user", "content": "NEW"}],
        },
    ),
    "gemini": (
        "/v1beta/models/x:generateContent",
        {
            "tools": [{"functionDeclarations": [FUNCTION]}],
            "contents": [{"role": "model", "parts": []}, {"role": "user", "parts": [{"text": "NEW"}]}],
        },
    ),
    "react": (
        "/v1/chat/completions",
        {"messages": [{"role": "system", "content": REACT}, {"role": "user", "content": "NEW"}]},
    ),
}


_JPEG = "/9j/" + "A" * 300


@pytest.mark.parametrize(
    ("part", "came"),
    [
        ({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_JPEG}"}}, "image"),
        ({"type": "input_image", "image_url": f"data:image/jpeg;base64,{_JPEG}"}, "image"),
        ({"type": "image", "source": {"type": "base64", "data": _JPEG}}, "image"),
        ({"functionResponse": {"parts": [{"inlineData": {"data": _JPEG}}]}}, "image"),
        ({"functionResponse": {"response": {"content": [{"type": "image", "data": _JPEG}]}}}, "text"),
        ({"text": json.dumps({"type": "image", "data": _JPEG})}, "text"),
        ({"text": "It was drawn"}, "none"),
    ],
)
def test_what_is_a_picture_to_a_model_is_told_from_one_in_text(rig: Any, part: Any, came: str) -> None:
    assert rig["wires"].Heard(tools=[], new=[part], at=0.0).picture == came


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("interface", REQUESTS)
def test_a_story_is_played_over_each_interface(rig: Any, interface: str, stream: bool) -> None:
    heard: list[Any] = []

    def story() -> Any:
        heard.append((yield ""))
        heard.append((yield rig["wires"].Call(tool="draw", arguments={"what": "a boat"})))

    path, body = REQUESTS[interface]
    model = rig["played_model"].PlayedModel(story(), ["draw"])
    with rig["played_model"].serving(model) as address:
        url = address + (path.replace("generate", "streamGenerate") if stream else path)
        post(url, {"messages": [{"role": "user", "content": "a title, please"}]})
        called = post(url, {**body, "stream": stream})
        over = post(url, {**body, "stream": stream})
    assert "mcp_alya_draw" in called
    assert "a boat" in called
    assert ("data: " in called) is stream
    assert "That is all" in over or "finish" in over
    assert ["NEW" in each.text and "old" not in each.text for each in heard] == [True, True]
    assert [each.find("draw").name for each in heard] == ["mcp_alya_draw"] * 2
    assert (model.asides, model.is_over) == (1, True)
    if interface != "react":
        assert "size" in called


def test_the_tap_passes_everything_on_and_notes_how_a_host_opens(rig: Any, tmp_path: Path) -> None:
    lines = [
        {"id": 0, "method": "initialize", "params": {"protocolVersion": "v", "capabilities": {"roots": {}}}},
        {"id": 1, "method": "tools/list"},
        {"id": 2, "method": "tools/call", "params": {"_meta": {"progressToken": 1}}},
    ]
    sent = "".join(json.dumps(each) + "\n" for each in lines)
    echo = [sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read())"]
    command = [sys.executable, str(RIG / "tap.py"), str(tmp_path), *echo]
    ran = subprocess.run(command, input=sent, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == sent
    log = rig["wire_log"].read_wire(tmp_path)
    assert (log["servers"], log["opens"], log["calls"]) == (1, ["`initialize` v; roots"], 1)
    assert log["progress_tokens"] == 1


def test_the_list_names_every_host_and_what_cannot_be_run_is_refused(rig: Any, tmp_path: Path) -> None:
    command = [sys.executable, str(RIG / "run.py")]
    env = {**os.environ, "ALYA_HOSTS": str(tmp_path)}
    listed = subprocess.run([*command, "--list"], env=env, capture_output=True, text=True, check=True).stdout
    names = [host.name for host in rig["catalogue"].HOSTS]
    assert [line.split()[0] for line in listed.splitlines()] == names
    assert listed.count("never run") == len(names)
    for given, named in ((["no-such-host"], "no-such-host"), (["agno", "--story", "slow"], "--story usual")):
        refused = subprocess.run([*command, *given], env=env, capture_output=True, text=True, check=False)
        assert refused.returncode == 2
        assert named in refused.stderr


def test_every_host_has_its_driver_and_its_row(rig: Any, tmp_path: Path) -> None:
    hosts = rig["catalogue"].HOSTS
    drivers = {path.name for path in (RIG / "drivers").iterdir() if path.stem != "given" and path.suffix}
    assert {host.driver for host in hosts} == drivers
    assert all(host.limit and host.approvals for host in hosts)
    page = (RIG.parents[1] / "docs" / "hosts.md").read_text()
    assert [host.title for host in hosts if f"| {host.title} " not in page] == []
    document = tmp_path / "hosts.md"
    document.write_text(page)
    rig["table"].write_table(document, [(hosts[0], {"version": "1.2", "date": "2026-12-01"})])
    assert "stopped: it said nothing" in document.read_text()
    assert document.read_text().startswith(page.partition("<!--")[0])
