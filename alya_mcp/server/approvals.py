"""Asks the user for approval by elicitation, in the form of the client's protocol era.

A client of the handshake era answers while the call waits. One of the modern era gets the question as the
result of the call, and repeats the call with the answer and the state.
"""

from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from alya_mcp.gate import Answer, ApprovalNeeded, Question
from alya_mcp.gate.call import Said
from alya_mcp.toolkit.services import Hub

_QUESTION: Final = "approval"
_FIELD: Final = "approve"
_FORM: Final[types.ElicitRequestedSchema] = {
    "type": "object",
    "properties": {
        _FIELD: {
            "type": "string",
            "title": "Allow this call?",
            "description": "yes lets the call run; no refuses it.",
            "enum": ["no", "yes"],  # a client that preselects the first entry preselects the refusal
        }
    },
    "required": [_FIELD],
}
"""Some hosts accept by themselves a form that needs no input; the yes is in a field that has no default."""

RequestContext = ServerRequestContext[Any, Any]


def can_elicit(ctx: RequestContext) -> bool:
    """Whether the client declared support for forms, in this request or in the handshake."""
    declared = ctx.session.client_capabilities
    elicitation = None if declared is None else declared.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def is_modern(ctx: RequestContext) -> bool:
    """Whether the client repeats a call with its answers, and can't be asked in between."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


async def ask(ctx: RequestContext, question: Question) -> Said:
    """Ask the user of a client of the handshake era, and wait; an error counts as no answer."""
    try:
        answer = await ctx.session.elicit_form(question.message, _FORM, related_request_id=ctx.request_id)
    except (MCPError, ValidationError):
        return "cancel"
    return _said(answer)


def question_result(needed: ApprovalNeeded, hub: Hub) -> types.InputRequiredResult:
    """The result that makes a client of the modern era ask its user and repeat the call."""
    form = types.ElicitRequestFormParams(message=needed.question.message, requested_schema=_FORM)
    return types.InputRequiredResult(
        input_requests={_QUESTION: types.ElicitRequest(params=form)},
        request_state=needed.state,
        _meta={"alya/decision": hub.clean(needed.decision.as_meta())[0]},
    )


def answer_in(params: types.CallToolRequestParams) -> Answer | None:
    """The answer in a repeated call; None in a first call, and if the answer or the state is missing."""
    answer = (params.input_responses or {}).get(_QUESTION)
    if params.request_state is None or not isinstance(answer, types.ElicitResult):
        return None
    return Answer(params.request_state, _said(answer))


def accepted() -> types.ElicitResult:
    """The answer of a user who says yes."""
    return types.ElicitResult(action="accept", content={_FIELD: "yes"})


def _said(answer: types.ElicitResult) -> Said:
    """The user's answer; a form without its field was not filled in by a user, so it counts as cancelled."""
    if answer.action != "accept":
        return answer.action
    said = (answer.content or {}).get(_FIELD)
    return "accept" if said == "yes" else "decline" if said == "no" else "cancel"
