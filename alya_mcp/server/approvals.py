"""How a client's person is asked: by elicitation, in the way of the client's era, if the client can at all.

A client of the handshake era answers while the call waits. One of the modern era gets the question as the
call's result, and makes the call again with the answer and the state that came with it.
"""

from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from alya_mcp.gate import Answer, ApprovalNeeded, Question
from alya_mcp.gate.call import Said
from alya_mcp.toolkit.services import Hub

_QUESTION = "approval"
_YES_ALONE: types.ElicitRequestedSchema = {"type": "object", "properties": {}}

RequestContext = ServerRequestContext[Any, Any]


def can_elicit(ctx: RequestContext) -> bool:
    """Whether the client declared that it shows forms to its person: in this request, or at its start."""
    declared = ctx.session.client_capabilities
    elicitation = None if declared is None else declared.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def is_modern(ctx: RequestContext) -> bool:
    """Whether the client repeats a call with its answers, and can't be asked in between."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


async def ask(ctx: RequestContext, question: Question) -> Said:
    """Ask the person of a client of the handshake era, and wait; an error in an answer's place is none."""
    try:
        answer = await ctx.session.elicit_form(
            question.message, _YES_ALONE, related_request_id=ctx.request_id
        )
    except (MCPError, ValidationError):
        return "cancel"
    return answer.action


def question_result(needed: ApprovalNeeded, hub: Hub) -> types.InputRequiredResult:
    """The result that has a client of the modern era ask its person and make the call again."""
    form = types.ElicitRequestFormParams(message=needed.question.message, requested_schema=_YES_ALONE)
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
    return Answer(params.request_state, answer.action)
