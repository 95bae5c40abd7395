"""Anthropic's messages: https://docs.anthropic.com/en/api/messages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alya_mcp.llm.interface import DEADLINE, LLM, LONGEST_ANSWER, Message, whole
from alya_mcp.llm.service_errors import explained, refuse_error
from alya_mcp.net.answers import Body, Shape
from alya_mcp.net.client import Http

ANTHROPIC: Final = replace(LLM, url="https://api.anthropic.com")
_VERSION: Final = "2023-06-01"
_ENDS: Final = frozenset({"end_turn", "stop_sequence"})


class _Block(Shape):
    type: str
    text: str | None = None


class _Answer(Shape):
    content: list[_Block]
    stop_reason: str | None


class Anthropic:
    """A model by its name."""

    def __init__(self, http: Http, name: str, key: str | None) -> None:
        self.name = name
        self._http = http
        self._secrets = {} if key is None else {"x-api-key": key}

    async def answer(self, system: str, messages: Sequence[Message]) -> str:
        """See `LanguageModel`."""
        asking = self._http.post(
            ANTHROPIC,
            "/v1/messages",
            json={
                "model": self.name,
                "max_tokens": LONGEST_ANSWER,
                "system": system,
                "messages": [message.as_json() for message in messages],
            },
            read=_read,
            headers={"anthropic-version": _VERSION},
            secrets=self._secrets,
            deadline=DEADLINE,
        )
        said = await explained(asking, self.name)
        return said.value


def _read(body: Body) -> str:
    refuse_error(body)
    answer = body.json(_Answer)
    text = "".join(block.text or "" for block in answer.content if block.type == "text")
    reason = answer.stop_reason or "no reason"
    return whole(body.source, text, ended=reason in _ENDS, because=reason)
