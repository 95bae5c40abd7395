"""Asks the user for approval by elicitation, in the form of the client's protocol era.

A client of the handshake era answers while the call waits. One of the modern era gets the question as the
call's result, and makes the call again with the answer and the state that came with it.
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
    """Whether the client declared that it shows forms to its user: in this request, or at its start."""
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
    """The result that has a client of the modern era ask its user and make the call again."""
    form = types.ElicitRequestFormParams(message=needed.question.message, requested_schema=_FORM)
    return types.InputRequiredResult(
        input_requests={_QUESTION: types.ElicitRequest(params=form)},
        request_state=needed.state,
        _meta={"alya/decision": hub.clean(needed.decision.as_meta())[0]},
    )


def answer_in(params: types.CallToolRequestParams) -> Answer | None:
    """What a repeated call brings; None for a first one, and where answer or state is missing: ask anew."""
    answer = (params.input_responses or {}).get(_QUESTION)
    if params.request_state is None or not isinstance(answer, types.ElicitResult):
        return None
    return Answer(params.request_state, _said(answer))


def accepted() -> types.ElicitResult:
    """The answer of a user who says yes."""
    return types.ElicitResult(action="accept", content={_FIELD: "yes"})


def _said(answer: types.ElicitResult) -> Said:
    """What the user said: a form that comes back without its field was filled in by nobody."""
    if answer.action != "accept":
        return answer.action
    said = (answer.content or {}).get(_FIELD)
    return "accept" if said == "yes" else "decline" if said == "no" else "cancel"
