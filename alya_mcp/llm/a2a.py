"""A question to an agent that speaks A2A (1.0 and 0.3)."""

import uuid
from typing import Any, Final

from pydantic import Field, ValidationError

from alya_mcp.net.answers import Body, ChangedShape, Fetched, Shape, SourceFailed, SourceRefused, made_here
from alya_mcp.net.client import Http
from alya_mcp.settings.providers import SOURCES

A2A: Final = SOURCES["a2a"]
_DEADLINE: Final = 60.0
_OLDER: Final = frozenset({-32601, -32600, -32602, -32004, -32009})
"""What agents that speak 0.3 or older answer a method of 1.0: it depends on their SDK and its version."""
_DONE: Final = frozenset({"TASK_STATE_COMPLETED", "completed"})
_WHY_NOT: Final = {
    "TASK_STATE_INPUT_REQUIRED": "wants to be told more",
    "input-required": "wants to be told more",
    "TASK_STATE_AUTH_REQUIRED": "wants its person to sign in",
    "auth-required": "wants its person to sign in",
    "TASK_STATE_REJECTED": "declines the question",
    "rejected": "declines the question",
}


class _Part(Shape):
    text: str | None = None


class _Message(Shape):
    parts: list[_Part] = Field(default_factory=list[_Part])

    @property
    def text(self) -> str:
        """Its text."""
        return "\n".join(part.text for part in self.parts if part.text)


class _Status(Shape):
    state: str
    message: _Message | None = None


class _Task(Shape):
    status: _Status
    artifacts: list[_Message] = Field(default_factory=list[_Message])


class _Error(Shape):
    code: int
    message: str = ""


class _Response(Shape):
    result: dict[str, Any] | None = None
    error: _Error | None = None


async def ask(http: Http, question: str, *, key: str | None) -> Fetched[str]:
    """Ask the agent at ALYA_A2A_URL, by A2A 1.0 or, if it doesn't support that, 0.3.

    Raises:
        SourceFailed: it doesn't answer, or its task didn't come to an end.
    """
    secrets = {} if key is None else {"Authorization": f"Bearer {key}"}
    message: dict[str, Any] = {
        "messageId": str(uuid.uuid4()),
        "role": "ROLE_USER",
        "parts": [{"text": question}],
    }
    answer = await _call(http, "SendMessage", {"message": message}, {"A2A-Version": "1.0"}, secrets)
    error = answer.value.error
    if error is not None and error.code in _OLDER:
        older = {
            **message,
            "kind": "message",
            "role": "user",
            "parts": [{"kind": "text", "text": question}],
        }
        params = {"message": older, "configuration": {"blocking": True}}
        older_answer = await _call(http, "message/send", params, {}, secrets)
        if older_answer.value.error is None or older_answer.value.error.code not in _OLDER:
            answer = older_answer  # else it speaks 1.0, and what it said first is the reason
    return answer.map(_said)


async def _call(
    http: Http, method: str, params: dict[str, Any], headers: dict[str, str], secrets: dict[str, str]
) -> Fetched[_Response]:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    try:
        return await http.post(
            A2A, json=request, read=_response, headers=headers, secrets=secrets, deadline=_DEADLINE
        )
    except SourceRefused as refused:
        answer = _error_in(refused)
        if answer is None:
            raise
        return made_here(answer, A2A)


def _error_in(refused: SourceRefused) -> _Response | None:
    """The JSON-RPC error that came with a status of its own, as some servers send it."""
    try:
        answer = Body(A2A, refused.body, "application/json").json(_Response)
    except ChangedShape:
        return None
    return answer if answer.error is not None else None


def _response(body: Body) -> _Response:
    answer = body.json(_Response)
    if answer.error is None and answer.result is None:
        raise ChangedShape(A2A, "changed its shape: it has neither field result nor error")
    return answer


def _said(answer: _Response) -> str:
    if answer.error is not None or answer.result is None:
        code = answer.error.code if answer.error else 0
        raise SourceFailed(A2A, f"answers with the JSON-RPC error {code}; its operator may know why")
    result = answer.result
    try:
        if "message" in result or result.get("kind") == "message":
            text = _Message.model_validate(result.get("message", result)).text
        else:
            text = _finished(_Task.model_validate(result.get("task", result)))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))[:80]
        raise ChangedShape(A2A, f"changed its shape: field result.{where}") from None
    if not text.strip():
        raise SourceFailed(A2A, "answers without words; ask it in another way")
    return text.strip()


def _finished(task: _Task) -> str:
    if task.status.state not in _DONE:
        why = _WHY_NOT.get(task.status.state, "didn't finish its task")
        raise SourceFailed(A2A, f"{why} ({task.status.state[:40]})")
    texts = [artifact.text for artifact in task.artifacts]
    return "\n\n".join(filter(None, texts)) or (task.status.message.text if task.status.message else "")
