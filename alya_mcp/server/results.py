"""What a client is told: tools as the SDK lists them, replies, refusals and failures as results."""

import base64

import mcp_types as types

from alya_mcp.gate import Decision, UnfitResult
from alya_mcp.gate.decision import NO_POLICY
from alya_mcp.toolkit.services import LARGEST_RESULT, Hub
from alya_mcp.toolkit.tool import Image, Link, Output, Reply, Tool

_LONGEST_FAILURE = 10_000


def describe(tool: Tool) -> types.Tool:
    """The tool as `tools/list` shows it."""
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations.model_validate({"title": tool.title, **tool.annotations}),
        _meta={"alya/category": tool.category, "alya/risk": tool.risk, "alya/priceUsd": tool.price},
    )


def result(reply: Reply[Output], hub: Hub) -> types.CallToolResult:
    """What the client gets of a reply.

    Raises:
        UnfitResult: when it is larger than clients take.
    """
    data, text = hub.clean(reply.data.model_dump(mode="json", by_alias=True))
    content: list[types.ContentBlock] = [
        types.TextContent(type="text", text=text),
        *(_block(each, hub) for each in reply.attachments),
    ]
    result = types.CallToolResult(content=content, structured_content=data)
    if reply.attachments or 3 * len(text) > LARGEST_RESULT:  # as data, and escaped once more as text
        size = len(result.model_dump_json(by_alias=True))
        if size > LARGEST_RESULT:
            raise UnfitResult(
                f"the result has {size:,} characters; at most {LARGEST_RESULT:,} can be sent, so ask for less"
            )
    return result


def _block(attachment: Link | Image, hub: Hub) -> types.ContentBlock:
    if isinstance(attachment, Link):
        return types.ResourceLink(
            type="resource_link",
            uri=hub.clean_text(attachment.url),
            name=hub.clean_text(attachment.name),
            title=hub.clean_text(attachment.title),
            mime_type=attachment.content_type,
            size=attachment.size,
        )
    data = base64.b64encode(attachment.data).decode("ascii")
    return types.ImageContent(type="image", data=data, mime_type=attachment.content_type)


def refusal(decision: Decision, hub: Hub) -> types.CallToolResult:
    """The result of a call that the gate denied, with the decision for programs in `_meta`."""
    text = decision.message
    if hub.gate.policy_error is not None and decision.rule != NO_POLICY:
        # What is wrong would quote the file, which the model may not know: names of hidden tools, patterns.
        text += " (The policy file has an error and is not in force; `alya-mcp doctor` tells the user which.)"
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=hub.clean_text(text))],
        is_error=True,
        _meta={"alya/decision": hub.clean(decision.as_meta())[0]},
    )


def failure(text: str) -> types.CallToolResult:
    """The result of a call that failed; `text` is for the model, who gets the beginning of a long one."""
    if len(text) > _LONGEST_FAILURE:
        text = f"{text[:_LONGEST_FAILURE]}… ({len(text):,} characters, cut here)"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)
