"""The protocol as clients see it, in both eras, over a real pipe."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from raw_client import LEGACY, MODERN, RawClient, Servers, envelope, eventually
from scene import write_policy

from alya_mcp import __version__

ERAS = ("legacy", MODERN)
LARGEST_RESULT = 1_048_576


@pytest.mark.parametrize("version", [HANDSHAKE_PROTOCOL_VERSIONS[0], HANDSHAKE_PROTOCOL_VERSIONS[-1]])
def test_initialize_agrees_on_the_oldest_and_the_newest_version_of_the_handshake_era(
    start_server: Servers, version: str
) -> None:
    with start_server() as client:
        result = client.initialize(version)
        assert result["protocolVersion"] == version
        assert result["serverInfo"]["name"] == "alya-mcp"
        assert result["serverInfo"]["version"] == __version__
        assert result["capabilities"]["tools"] is not None
        assert "policy" in result["instructions"]
        assert len(result["instructions"]) <= 2048
        assert client.request("ping")["result"] == {}


def test_initialize_with_an_unknown_version_offers_the_newest_of_the_handshake_era(
    start_server: Servers,
) -> None:
    with start_server() as client:
        assert client.initialize("1999-01-01")["protocolVersion"] == LEGACY


def test_discover_opens_the_modern_era(start_server: Servers) -> None:
    with start_server() as client:
        result = client.request("server/discover", {"_meta": envelope()})["result"]
        assert MODERN in result["supportedVersions"]
        assert result["resultType"] == "complete"
        listed = client.request("tools/list", {"_meta": envelope()})["result"]
        assert listed["ttlMs"] > 0
        assert listed["cacheScope"] == "private"
        late = client.request("initialize", {
            "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"},
        })  # fmt: skip
        assert late["error"]["code"] == -32022
        assert client.request("tools/list", {"_meta": envelope()})["result"] == listed


def test_a_probe_that_the_client_gave_up_does_not_decide_the_era(start_server: Servers) -> None:
    with start_server() as client:
        probe = client.post("server/discover", {"_meta": envelope()})
        assert client.initialize()["protocolVersion"] == LEGACY
        assert client.request("tools/list")["result"]["tools"]
        assert [message for message in client.messages if message.get("id") == probe] == []


def test_only_ping_is_answered_before_initialize(start_server: Servers) -> None:
    with start_server() as client:
        assert client.request("ping")["result"] == {}
        assert client.request("tools/list")["error"]["code"] < 0
        assert client.initialize()["protocolVersion"] == LEGACY


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ERAS)
async def test_the_official_client_lists_and_calls(connect: Any, mode: str) -> None:
    async with connect(mode) as client:
        listed = await client.list_tools()
        assert [tool.name for tool in listed.tools][:1] == ["image_gen"]
        result = await client.call_tool("alya_status", {})
        assert not result.is_error, result.content
        schema = next(tool.output_schema for tool in listed.tools if tool.name == "alya_status")
        Draft202012Validator(schema).validate(result.structured_content)
        assert json.loads(result.content[0].text) == result.structured_content
        with pytest.raises(MCPError) as raised:
            await client.call_tool("no_such_tool", {})
        assert raised.value.code == -32602
        assert raised.value.message == "Unknown tool: no_such_tool"


@pytest.mark.anyio
async def test_the_official_client_negotiates_the_modern_era_by_itself(connect: Any) -> None:
    async with connect("auto") as client:
        assert client.protocol_version == MODERN
        assert (await client.list_tools()).tools


def test_tools_list_is_the_same_in_every_process_and_era(start_server: Servers) -> None:
    def listed(client: RawClient, **params: Any) -> Any:
        return client.request("tools/list", params)["result"]["tools"]

    with start_server() as first, start_server() as second, start_server() as modern:
        first.initialize()
        second.initialize("2025-06-18")
        assert json.dumps(listed(first)) == json.dumps(listed(first)) == json.dumps(listed(second))
        assert listed(modern, _meta=envelope()) == listed(first)


def test_every_tool_says_all_that_a_client_shows(shared: RawClient) -> None:
    for tool in shared.request("tools/list")["result"]["tools"]:
        assert tool["title"]
        assert 40 <= len(tool["description"]) <= 2048
        hints = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
        assert {name for name in hints if isinstance(tool["annotations"][name], bool)} == hints
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"
        assert tool["inputSchema"]["additionalProperties"] is False
        for part in tool["inputSchema"].get("properties", {}).values():
            assert part["description"]


def test_no_schema_holds_a_subschema_that_accepts_anything(shared: RawClient) -> None:
    def bare(schema: Any, path: str) -> list[str]:
        found: list[str] = []
        for key in ("properties", "$defs", "patternProperties"):
            for name, part in schema.get(key, {}).items():
                found += (
                    [f"{path}/{key}/{name}"] if part in (True, {}) else bare(part, f"{path}/{key}/{name}")
                )
        for key in ("items", "additionalProperties", "not"):
            if key in schema:
                part = schema[key]
                found += [f"{path}/{key}"] if part in (True, {}) else bare(part or {}, f"{path}/{key}")
        for key in ("anyOf", "oneOf", "allOf"):
            for index, part in enumerate(schema.get(key, [])):
                found += (
                    [f"{path}/{key}/{index}"] if part in (True, {}) else bare(part, f"{path}/{key}/{index}")
                )
        return found

    for tool in shared.request("tools/list")["result"]["tools"]:
        assert bare(tool["inputSchema"], tool["name"]) == []
        assert bare(tool["outputSchema"], tool["name"]) == []


@pytest.mark.parametrize("tool", ["alya_status", "alya_usage"])
def test_a_result_fits_its_schema_and_its_text_is_the_same_json(shared: RawClient, tool: str) -> None:
    tools = shared.request("tools/list")["result"]["tools"]
    schema = next(each["outputSchema"] for each in tools if each["name"] == tool)
    result = shared.call(tool)["result"]
    assert result.get("isError", False) is False, result
    Draft202012Validator(schema).validate(result["structuredContent"])
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    assert len(json.dumps(result)) < LARGEST_RESULT


def test_tools_list_fits_every_clients_limit(shared: RawClient) -> None:
    assert len(json.dumps(shared.request("tools/list"))) < LARGEST_RESULT


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param({}, ["prompt", "required"], id="missing"),
        pytest.param({"prompt": "x", "promt": "y"}, ["promt", "prompt", "seed", "steps"], id="unknown"),
        pytest.param({"prompt": 7}, ["prompt", "7", "string", "2000"], id="wrong type"),
        pytest.param({"prompt": ""}, ["prompt", '""', "1 to 2000"], id="empty"),
        pytest.param({"prompt": "x" * 2001}, ["prompt", "1 to 2000"], id="too long"),
        pytest.param({"prompt": "x", "steps": 0}, ["steps", "0", "from 1 to 8"], id="too small"),
        pytest.param({"prompt": "x", "steps": "9"}, ["steps", "9", "from 1 to 8"], id="number as text"),
        pytest.param({"prompt": "x", "steps": "four"}, ["steps", '"four"', "integer"], id="text as number"),
        pytest.param({"prompt": "x", "steps": True}, ["steps", "true", "integer"], id="bool as number"),
        pytest.param({"prompt": "x", "steps": 1.5}, ["steps", "1.5", "integer"], id="fraction"),
        pytest.param({"prompt": "x", "seed": -1}, ["seed", "-1", "from 0 to 4294967295"], id="negative"),
        pytest.param({"prompt": "x", "seed": 2**70}, ["seed", "from 0 to 4294967295"], id="too large"),
        pytest.param(
            {"prompt": "x", "format": "gif"}, ["format", '"gif"', "png, webp, jpeg"], id="not a choice"
        ),
        pytest.param({"prompt": "x", "expiresIn": 59}, ["expiresIn", "59", "from 60 to 604800"], id="expiry"),
        pytest.param({"prompt": None, "steps": 9}, ["prompt", "null", "steps", "9"], id="two at once"),
        pytest.param({"prompt": "x", "expires_in": 60}, ["expires_in", "expiresIn"], id="wrong case"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it_what_it_got_and_what_it_takes(
    shared: RawClient, arguments: dict[str, Any], names: list[str]
) -> None:
    result = shared.call("image_gen", arguments)["result"]
    assert result["isError"] is True
    text = result["content"][0]["text"]
    assert [name for name in names if name not in text] == [], text
    assert len(text) < 2000


def test_arguments_that_are_no_object_are_a_protocol_error(shared: RawClient) -> None:
    for wrong in ([], "text", 7, True):
        answer = shared.request("tools/call", {"name": "alya_status", "arguments": wrong})
        assert answer["error"]["code"] == -32602
    for right in ({}, None):
        result = shared.request("tools/call", {"name": "alya_status", "arguments": right})["result"]
        assert not result.get("isError")
    assert not shared.request("tools/call", {"name": "alya_status"})["result"].get("isError")


def test_nan_in_an_argument_is_refused_by_name(shared: RawClient) -> None:
    for number in ("NaN", "Infinity", "-Infinity", "1e400"):
        shared.send(
            b'{"jsonrpc":"2.0","id":"n-%s","method":"tools/call","params":{"name":"image_gen","arguments":'
            b'{"prompt":"x","steps":%s}}}\n' % (number.encode(), number.encode())
        )
        answer = shared.answer(f"n-{number}")
        assert "error" in answer or "steps" in answer["result"]["content"][0]["text"]


def test_an_unknown_and_a_hidden_tool_are_refused_in_the_same_words(
    start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, {"version": "1", "default": "allow", "hide": ["alya_status"]})
    with start_server() as client:
        client.initialize()
        names = [tool["name"] for tool in client.request("tools/list")["result"]["tools"]]
        assert "alya_status" not in names
        assert "alya_usage" in names
        hidden = client.call("alya_status")["error"]
        unknown = client.call("alya_statuz")["error"]
        assert hidden == {"code": -32602, "message": "Unknown tool: alya_status"}
        assert unknown == {"code": -32602, "message": "Unknown tool: alya_statuz"}
        # Also with arguments that would be wrong: nothing shows that the tool exists.
        assert client.call("alya_status", {"x": 1})["error"] == hidden
        write_policy(alya_home, {"version": "1", "default": "allow", "hide": ["*"]})
        eventually(lambda: client.request("tools/list")["result"]["tools"] == [], "an empty list")
        assert client.call("alya_usage")["error"]["message"] == "Unknown tool: alya_usage"


def test_an_unknown_tools_name_is_cut_in_the_answer(shared: RawClient) -> None:
    error = shared.call("x" * 1_000_000)["error"]
    assert error["code"] == -32602
    assert len(error["message"]) < 200


def test_help_and_wrong_options_leave_the_protocol_alone(start_server: Servers) -> None:
    client = start_server("serve", "--nonsense", reading=False)
    assert client.exit_code() == 2
    assert client.process.stdout
    assert client.process.stdout.read() == b""
    assert "--nonsense" in client.stderr()


def test_an_unusable_setting_ends_the_start_with_its_name_and_value(start_server: Servers) -> None:
    client = start_server(extra={"ALYA_IMAGE_PRECISION": "fp3"}, reading=False)
    assert client.exit_code() == 2
    assert "ALYA_IMAGE_PRECISION" in client.stderr()
    assert "fp3" in client.stderr()
    assert "Traceback" not in client.stderr()
