"""OpenAI's chat completions, which most other services and servers speak too.

https://platform.openai.com/docs/api-reference/chat/create; `ALYA_LLM_URL` is the address before
`/chat/completions`. The length of an answer isn't bounded by number: services differ in what they call that.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from alya_mcp.llm.interface import DEADLINE, LLM, Message, whole
from alya_mcp.net.answers import Body, Shape
from alya_mcp.net.client import Http

OPENAI: Final = replace(LLM, url="https://api.openai.com/v1")


class _Message(Shape):
    content: str | None = None


class _Choice(Shape):
    message: _Message
    finish_reason: str | None = None


class _Completion(Shape):
    choices: Annotated[list[_Choice], Field(min_length=1)]


class OpenAi:
    """A model by its name; a server of one's own often wants no key."""

    def __init__(self, http: Http, name: str, key: str | None) -> None:
        self.name = name
        self._http = http
        self._secrets = {} if key is None else {"Authorization": f"Bearer {key}"}

    async def answer(self, system: str, messages: Sequence[Message]) -> str:
        """See `LanguageModel`."""
        said = await self._http.post(
            OPENAI,
            "/chat/completions",
            json={
                "model": self.name,
                "messages": [
                    {"role": "system", "content": system},
                    *(message.as_json() for message in messages),
                ],
            },
            read=_read,
            secrets=self._secrets,
            deadline=DEADLINE,
        )
        return said.value


def _read(body: Body) -> str:
    choice = body.json(_Completion).choices[0]
    reason = choice.finish_reason or "stop"
    return whole(body.source, choice.message.content, ended=reason == "stop", because=reason)
