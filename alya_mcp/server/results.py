"""MCP types for the client: tools for `tools/list`; replies, denials and failures as results."""

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any, cast

import mcp_types as types
from mcp_types.methods import serialize_server_result
from pydantic import BaseModel

from alya_mcp.gate import Decision, UnfitResult
from alya_mcp.gate.decision import INVALID_ARGUMENTS, NO_POLICY
from alya_mcp.toolkit.fitting import LARGEST_ANSWER, fitted
from alya_mcp.toolkit.models import Output
from alya_mcp.toolkit.reply import Image, Reply
from alya_mcp.toolkit.services import LARGEST_RESULT, Hub
from alya_mcp.toolkit.tool import Tool

_LONGEST_FAILURE = 10_000
_LONGEST_LINE = 2_000


def describe(tool: Tool) -> types.Tool:
    """The tool as `tools/list` shows it."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema,
        output_schema=tool.outline,
        annotations=types.ToolAnnotations.model_validate(tool.annotations),
        _meta={"alya/category": tool.category, "alya/risk": tool.risk, "alya/priceUsd": tool.price},
    )


def result(reply: Reply[Output], hub: Hub) -> types.CallToolResult:
    """The result for a tool's reply.

    Raises:
        UnfitResult: the result is larger than clients accept.
    """
    data, text = hub.clean(reply.data.model_dump(mode="json", by_alias=True))
    if 4 * len(text) > LARGEST_ANSWER:  # a character takes at most four bytes
        data = dict(fitted(data))
        text = _compact(data)
    if reply.links:
        urls = {hub.clean_text(each.url): each.title for each in reply.links}
        shown = "\n".join(f"[{title}]({url})" for url, title in urls.items())
        text = f"{shown}\n{_in_lines(_without(data, urls))}"
    elif len(text) > _LONGEST_LINE:
        text = _in_lines(data)
    content: list[types.ContentBlock] = [
        types.TextContent(type="text", text=text),
        *(_block(each) for each in reply.attachments),
    ]
    result = types.CallToolResult(content=content, structured_content=data)
    # The data is sent once as structured content, and once more, escaped, as text.
    if reply.attachments or 3 * len(text) > LARGEST_RESULT:
        size = len(result.model_dump_json(by_alias=True))
        if size > LARGEST_RESULT:
            raise UnfitResult(
                f"the result has {size:,} characters; at most {LARGEST_RESULT:,} can be sent, so ask for less"
            )
    return result


def _without(data: Mapping[str, Any], urls: Collection[str]) -> dict[str, Any]:
    """`data` without members whose value is one of `urls`, also in the objects of its lists."""
    rest = {name: each for name, each in data.items() if not (isinstance(each, str) and each in urls)}
    for name, value in rest.items():
        if isinstance(value, list):
            items = cast("list[Any]", value)
            rest[name] = [
                _without(cast("dict[str, Any]", each), urls) if isinstance(each, dict) else each
                for each in items
            ]
    return rest


def handshake_result(result: object, version: str) -> dict[str, Any]:
    """The result of a call as a client of the handshake era gets it, in the SDK's form for `version`.

    The common form is built here; it is the same in every version of that era.
    """
    made = result if isinstance(result, types.CallToolResult) else None
    blocks = [] if made is None else [*map(_plain, made.content)]
    if made is None or None in blocks:
        dumped = cast("BaseModel", result).model_dump(by_alias=True, mode="json", exclude_none=True)
        return serialize_server_result("tools/call", version, dumped)
    told: dict[str, Any] = {"content": blocks, "isError": made.is_error}
    if made.meta is not None:
        told = {"_meta": made.meta, **told}
    if made.structured_content is not None:
        told["structuredContent"] = made.structured_content
    return told


def _plain(block: types.ContentBlock) -> dict[str, Any] | None:
    """A text or image block without annotations; None for any other block."""
    if not isinstance(block, types.TextContent | types.ImageContent):
        return None
    if block.annotations is not None or block.meta is not None:
        return None
    if isinstance(block, types.TextContent):
        return {"text": block.text, "type": "text"}
    return {"data": block.data, "mimeType": block.mime_type, "type": "image"}


def _in_lines(data: Mapping[str, Any]) -> str:
    """JSON with a line for each member, and for each item of a list: hosts cut long lines, or hide them."""
    lines: list[str] = []
    for name, value in data.items():
        if isinstance(value, list) and value:
            items = ",\n".join(map(_compact, cast("list[object]", value)))
            lines.append(f"{_compact(name)}:[\n{items}\n]")
        else:
            lines.append(f"{_compact(name)}:{_compact(cast('object', value))}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _block(image: Image) -> types.ContentBlock:
    data = base64.b64encode(image.data).decode("ascii")
    return types.ImageContent(type="image", data=data, mime_type=image.content_type)


def refusal(decision: Decision, hub: Hub) -> types.CallToolResult:
    """The result of a call that the gate denied, with the decision for programs in `_meta`."""
    text = decision.message
    if decision.decision == "deny" and decision.retry_after is None and decision.rule != INVALID_ARGUMENTS:
        text = f"{text.removesuffix('.')}. Tell the user instead of trying again."
    if hub.gate.policy_error is not None and decision.rule != NO_POLICY:
        # The error itself may quote parts of the file that the model must not see: hidden tools, patterns.
        text += " (The policy file has an error and is not in force; `alya-mcp doctor` tells the user which.)"
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=hub.clean_text(text))],
        is_error=True,
        _meta={"alya/decision": hub.clean(decision.as_meta())[0]},
    )


def failure(text: str) -> types.CallToolResult:
    """The result of a call that failed; `text` is for the model, truncated if it is long."""
    if len(text) > _LONGEST_FAILURE:
        text = f"{text[:_LONGEST_FAILURE]}… ({len(text):,} characters, cut here)"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)
