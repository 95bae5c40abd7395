"""A call's result in the handshake era: put together here, and the same to the byte as the SDK's."""

import math

import mcp_types as types
import pytest
from mcp_types.methods import serialize_server_result
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from alya_mcp.server.jsonrpc import encode, encode_result
from alya_mcp.server.results import handshake_result

TEXT = types.TextContent(type="text", text='é "quoted"\n')
IMAGE = types.ImageContent(type="image", data="aGk=", mime_type="image/png")
NOTED = types.TextContent(type="text", text="x", annotations=types.Annotations(priority=0.5))
SOUND = types.AudioContent(type="audio", data="aGk=", mime_type="audio/wav")
DATA = {"z": None, "a": [None, 1.0, -0.0, math.inf, {"c": None}], "é": 2**60}
RESULTS = [
    types.CallToolResult(content=[TEXT], structured_content=DATA),
    types.CallToolResult(content=[TEXT, IMAGE], structured_content={}),
    types.CallToolResult(content=[TEXT], is_error=True, _meta={"z": None, "alya/decision": {"rule": "/a"}}),
    types.CallToolResult(content=[]),
    types.CallToolResult(content=[IMAGE, NOTED], structured_content=DATA),
    types.CallToolResult(content=[SOUND], _meta={}),
]


@pytest.mark.parametrize("version", HANDSHAKE_PROTOCOL_VERSIONS)
def test_every_result_is_told_as_the_sdk_tells_it(version: str) -> None:
    for result in RESULTS:
        dumped = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        sdk = serialize_server_result("tools/call", version, dumped)
        line = encode(types.JSONRPCResponse(jsonrpc="2.0", id="é1", result=sdk))
        assert encode_result("é1", handshake_result(result, version)) == line
