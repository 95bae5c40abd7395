"""Ollama, local models: https://docs.ollama.com/api/chat."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alya_mcp.llm.interface import LLM, LONGEST_ANSWER, Message, whole
from alya_mcp.llm.service_errors import explained, refuse_error
from alya_mcp.net.answers import Body, Shape
from alya_mcp.net.client import Http

OLLAMA: Final = replace(LLM, url="http://127.0.0.1:11434", keys=())
_DEADLINE: Final = 90.0
"""Seconds; a model that isn't in memory is loaded first."""


class _Message(Shape):
    content: str


class _Answer(Shape):
    message: _Message
    done: bool
    done_reason: str | None = None


class Ollama:
    """A model that was pulled there, by its name."""

    def __init__(self, http: Http, name: str) -> None:
        self.name = name
        self._http = http

    async def answer(self, system: str, messages: Sequence[Message]) -> str:
        """See `LanguageModel`."""
        asking = self._http.post(
            OLLAMA,
            "/api/chat",
            json={
                "model": self.name,
                "stream": False,
                "options": {"num_predict": LONGEST_ANSWER},
                "messages": [
                    {"role": "system", "content": system},
                    *(message.as_json() for message in messages),
                ],
            },
            read=_read,
            deadline=_DEADLINE,
        )
        said = await explained(asking, self.name, remedy=f"get it with: ollama pull {self.name}")
        return said.value


def _read(body: Body) -> str:
    refuse_error(body)
    answer = body.json(_Answer)
    reason = answer.done_reason or "stop"
    return whole(body.source, answer.message.content, ended=answer.done and reason == "stop", because=reason)
