"""The interface of language models."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from alya_mcp.net.answers import SourceFailed
from alya_mcp.settings.providers import SOURCES, Source

LLM: Final = SOURCES["llm"]
LONGEST_ANSWER: Final = 1024
"""Tokens that an answer may have."""
_MOST_LETTERS: Final = 8000
"""Characters of an answer that are looked at: more than so many tokens have."""
DEADLINE: Final = 45.0
"""Seconds that an answer may take."""

_THOUGHT: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    text: str

    def as_json(self) -> dict[str, str]:
        """The form that all services share."""
        return {"role": self.role, "content": self.text}


class LanguageModel(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """Its name, as the user gave it."""
        ...

    async def answer(self, system: str, messages: Sequence[Message]) -> str:
        """Answer `messages` under the instructions `system`; always a complete answer.

        Raises:
            SourceFailed: it doesn't answer, refuses, or was cut off at its longest answer.
        """
        ...


def whole(source: Source, text: str | None, *, ended: bool, because: str) -> str:
    """The answer without the reasoning that a model puts before it.

    Raises:
        SourceFailed: it is empty, far too long, or didn't end by itself but `because` of something.
    """
    if not ended:
        raise SourceFailed(source, f"gave no whole answer ({because[:40]}); ask for less or call again")
    said = _THOUGHT.sub("", text or "").strip()
    if not said:
        raise SourceFailed(source, "answered nothing; call again later")
    if len(said) > _MOST_LETTERS:
        raise SourceFailed(
            source, f"gave {len(said):,} characters, and an answer has {_MOST_LETTERS:,} at most"
        )
    return said
