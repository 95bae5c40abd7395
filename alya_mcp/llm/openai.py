"""OpenAI's chat completions, which most other services and servers speak too.

https://platform.openai.com/docs/api-reference/chat/create; `ALYA_LLM_URL` is the address before
`/chat/completions`. The length of an answer isn't bounded by number: services differ in what they call that.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from alya_mcp.llm.interface import DEADLINE, LLM, Message, whole
from alya_mcp.llm.service_errors import explained, refuse_error
from alya_mcp.net.answers import Body, Shape
from alya_mcp.net.client import Http
from alya_mcp.net.records import Records

_TEXT: Final = frozenset({"text", "output_text"})
OPENAI: Final = replace(LLM, url="https://api.openai.com/v1")


class _Part(Shape):
    """A part of an answer; what a model thought, an image or a reference has no text of its own here."""

    type: str = "text"
    text: str | None = None


class _Message(Shape):
    content: str | Records[_Part] | None = None
    refusal: str | None = None

    @property
    def text(self) -> str:
        """The words of the answer."""
        if not isinstance(self.content, list):
            return self.content or ""
        return "".join(part.text or "" for part in self.content if part.type in _TEXT)


class _Choice(Shape):
    message: _Message
    finish_reason: str | None = None


class _Completion(Shape):
    choices: Annotated[list[_Choice], Field(min_length=1)]


class OpenAi:
    """A model by its name; a local server often needs no key."""

    def __init__(self, http: Http, name: str, key: str | None) -> None:
        self.name = name
        self._http = http
        self._secrets = {} if key is None else {"Authorization": f"Bearer {key}"}

    async def answer(self, system: str, messages: Sequence[Message]) -> str:
        """See `LanguageModel`."""
        asking = self._http.post(
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
        said = await explained(asking, self.name)
        return said.value


def _read(body: Body) -> str:
    refuse_error(body)
    choice = body.json(_Completion).choices[0]
    reason = "refusal" if choice.message.refusal else choice.finish_reason or "stop"
    return whole(body.source, choice.message.text, ended=reason == "stop", because=reason)
