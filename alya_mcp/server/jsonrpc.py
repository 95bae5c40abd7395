"""Encoding and decoding of JSON-RPC messages, one a line, and the errors for malformed lines."""

import json
import logging
import math
import sys
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError
from pydantic_core import to_json

logger = logging.getLogger(__name__)


def encode(message: types.JSONRPCMessage) -> bytes:
    """The line for `message`; an error response with its id if it can't be encoded."""
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except ValueError:
        return _broken(getattr(message, "id", None))


def encode_result(request: types.RequestId, result: Mapping[str, Any]) -> bytes:
    """The line for the response to `request`; the same bytes as from `encode`, in a third of the time."""
    try:
        return to_json({"jsonrpc": "2.0", "id": request, "result": result}, inf_nan_mode="null")
    except ValueError:
        return _broken(request)


def _broken(request: object) -> bytes:
    logger.exception("a message could not be written as JSON")
    error = types.ErrorData(code=types.INTERNAL_ERROR, message="The answer could not be written as JSON")
    broken = types.JSONRPCError(jsonrpc="2.0", id=_writable(request), error=error)
    return broken.model_dump_json(by_alias=True).encode()


def decode(line: bytes) -> types.JSONRPCMessage:
    """The message in `line`.

    Raises:
        MCPError: the line isn't a request, notification or response; the text says why.
    """
    # The adapter tries each of the four types; a line without these members is most likely a request.
    if b'"result"' not in line and b'"error"' not in line and b"\\u" not in line:
        try:
            return types.JSONRPCRequest.model_validate_json(line, by_name=False)
        except ValidationError:
            pass
    try:
        message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        if problem["type"] == "json_invalid":
            why = problem.get("ctx", {}).get("error", "the line is not JSON")
            raise MCPError(types.PARSE_ERROR, f"Parse error: {why}") from None
        if line.lstrip().startswith(b"["):
            why = "batches are not part of MCP; send one message a line"
        else:
            why = "not a JSON-RPC 2.0 message"
        raise MCPError(types.INVALID_REQUEST, f"Invalid request: {why}") from None
    if isinstance(message, types.JSONRPCNotification) and b'"id"' in line and "id" in _loads(line):
        raise MCPError(types.INVALID_REQUEST, "Invalid request: the id must be a string or a whole number")
    return message


def request_id(line: bytes) -> str | int | None:
    """The request id of a malformed line, or None."""
    try:
        value = _loads(line)
        return None if "result" in value or "error" in value else _writable(value["id"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _loads(line: bytes) -> Any:
    """The JSON value in `line`; a number with more digits than Python converts is None."""
    longest = sys.get_int_max_str_digits() or math.inf
    return json.loads(line.decode(), parse_int=lambda digits: int(digits) if len(digits) < longest else None)


def _writable(given: object) -> str | int | None:
    """`given` if it is a request id that can be written as JSON, else None."""
    if isinstance(given, bool) or not isinstance(given, str | int):
        return None
    try:
        str(given).encode()
    except ValueError:
        return None
    return given
