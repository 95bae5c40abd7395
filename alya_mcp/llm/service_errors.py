"""Errors of a language model's service, in the forms that services send them: with a status, or inside a 200.

OpenAI and most others send `{"error": {"message", "type", "code"}}`, Ollama `{"error": "..."}`, Anthropic
`{"type": "error", "error": {...}}`, older vLLM and Mistral the members themselves, Gemini a list of one. None
of their messages is shown, since one may repeat a key or a question.
"""

import json
import re
from collections.abc import Awaitable
from typing import Any, Final, TypeVar, cast

from alya_mcp.net.answers import Body, SourceFailed, SourceRefused

T = TypeVar("T")

OTHER_MODEL: Final = "the user can set ALYA_LLM_MODEL to one that it has"

_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_MISSING: Final = re.compile(r"model_not_found|invalid_model|not_found_error|NotFoundError")
_MISSING_TEXT: Final = re.compile(
    r"model\b.*\b(?:not found|does(?:n't| not) exist|not a valid model|invalid model)"
    r"|(?:invalid|unknown|no such) model|not a valid model",
    re.IGNORECASE | re.DOTALL,
)


def refuse_error(body: Body) -> None:
    """Raise the error that a response with status 200 holds, if any.

    Raises:
        SourceFailed: it is one.
    """
    error = _error_in(body.data)
    if error is None:
        return
    if _names_no_model(error):
        raise SourceFailed(body.source, "says that it has no such model; the user can check ALYA_LLM_MODEL")
    code = next((code for code in map(_code, (error.get("code"), error.get("type"))) if code), "no code")
    raise SourceFailed(body.source, f"answers with an error ({code}) instead of an answer; call again later")


async def explained(asking: Awaitable[T], model: str, *, remedy: str = OTHER_MODEL) -> T:
    """The result of `asking`; a refusal because there is no such `model` says so, with the `remedy`.

    Raises:
        SourceFailed: as `asking` does.
    """
    try:
        return await asking
    except SourceRefused as refused:
        error = _error_in(refused.body)
        if error is not None and _names_no_model(error):
            problem = f"has no model {model!r}; {remedy}"
        elif refused.status == 404:
            problem = "answers 404 Not Found; the user can check ALYA_LLM_URL and ALYA_LLM_MODEL"
        else:
            raise
        raise SourceRefused(refused.source, problem, status=refused.status) from None


def _error_in(data: bytes) -> dict[str, Any] | None:
    """The error that an answer holds, its message and codes as members."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and found:
        found = cast("list[Any]", found)[0]
    if not isinstance(found, dict):
        return None
    answer = cast("dict[str, Any]", found)
    error: Any = answer.get("error")
    if isinstance(error, str) and error:
        return {"message": error}
    if isinstance(error, dict) and error:
        return cast("dict[str, Any]", error)
    if answer.get("object") == "error" or (isinstance(answer.get("message"), str) and "type" in answer):
        return answer
    return None


def _names_no_model(error: dict[str, Any]) -> bool:
    codes = " ".join(str(error.get(member, "")) for member in ("code", "type"))
    return bool(_MISSING.search(codes) or _MISSING_TEXT.search(str(error.get("message", ""))[:1000]))


def _code(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    return text if _CODE.fullmatch(text) else ""
