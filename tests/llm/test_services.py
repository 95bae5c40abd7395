"""What services of language models answer: in parts, with an error inside a 200, without the model."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import loopback_source
import pytest
from loopback_source import LoopbackSource, Reply
from moved import SECRET, Clock, moved_here

from alya_mcp.llm import LanguageModel, Message
from alya_mcp.llm.anthropic import Anthropic
from alya_mcp.llm.ollama import Ollama
from alya_mcp.llm.openai import OpenAi
from alya_mcp.net.answers import ChangedShape, SourceFailed, SourceRefused
from alya_mcp.net.client import Http

pytestmark = pytest.mark.anyio
PATHS = {"openai": "/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with loopback_source.running() as server:
        yield server


@pytest.fixture
async def http(tmp_path: Path, source: LoopbackSource) -> AsyncIterator[Http]:
    client = moved_here(tmp_path, source, Clock())
    yield client
    await client.aclose()


def model(kind: str, http: Http) -> LanguageModel:
    if kind == "ollama":
        return Ollama(http, "small-model")
    return (OpenAi if kind == "openai" else Anthropic)(http, "small-model", SECRET)


def completion(content: Any, **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": content} | message}]}


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "It is "}, {"type": "text", "text": "so."}],
        [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
            {"type": "text", "text": "It is so."},
        ],
        [{"type": "reasoning", "text": "Hm."}, {"type": "output_text", "text": "It is so."}, None],
    ],
)
async def test_the_parts_of_an_answer_are_put_together_without_what_was_thought(
    content: Any, http: Http, source: LoopbackSource
) -> None:
    source.on(PATHS["openai"], completion(content))
    assert await model("openai", http).answer("Be brief.", [Message("user", "Is it?")]) == "It is so."


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("openai", {"error": {"code": 502, "message": f"down, {SECRET}"}, "user_id": "u"}),
        ("openai", completion(None, refusal="I would rather not.")),
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": f"down, {SECRET}"}}),
        ("ollama", {"error": f"down, {SECRET}"}),
    ],
)
async def test_an_error_inside_a_200_is_told_as_one(
    kind: str, body: Any, http: Http, source: LoopbackSource
) -> None:
    source.on(PATHS[kind], body)
    with pytest.raises(SourceFailed) as failed:
        await model(kind, http).answer("Be brief.", [Message("user", "Is it?")])
    assert not isinstance(failed.value, ChangedShape)
    assert SECRET not in str(failed.value)


NO_MODEL = "The model `small-model` does not exist"


@pytest.mark.parametrize(
    ("kind", "status", "body", "helps"),
    [
        ("openai", 404, {"error": {"code": "model_not_found", "message": NO_MODEL}}, "ALYA_LLM_MODEL"),
        ("openai", 400, {"error": {"code": 400, "message": "x is not a valid model ID"}}, "ALYA_LLM_MODEL"),
        ("openai", 404, {"object": "error", "type": "NotFoundError", "message": NO_MODEL}, "ALYA_LLM_MODEL"),
        ("openai", 404, [{"error": {"code": 404, "message": NO_MODEL}}], "ALYA_LLM_MODEL"),
        ("openai", 404, {"detail": "Not Found"}, "ALYA_LLM_URL"),
        (
            "anthropic",
            404,
            {"type": "error", "error": {"type": "not_found_error", "message": "model: small-model"}},
            "ALYA_LLM_MODEL",
        ),
        (
            "ollama",
            404,
            {"error": 'model "small-model" not found, try pulling it first'},
            "ollama pull small-model",
        ),
    ],
)
async def test_a_model_that_isnt_there_is_told_with_what_helps(
    kind: str, status: int, body: Any, helps: str, http: Http, source: LoopbackSource
) -> None:
    source.on(PATHS[kind], Reply(body, status))
    with pytest.raises(SourceRefused) as refused:
        await model(kind, http).answer("Be brief.", [Message("user", "Is it?")])
    assert helps in str(refused.value)
    assert refused.value.status == status
    assert [seen.problem is None for seen in http.seen] == [False]
