"""The interface of a voice."""

from dataclasses import dataclass
from typing import Protocol


class VoiceFailed(Exception):
    """A voice can't speak; the text says why, for the user."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A spoken sentence: 16-bit samples in this machine's byte order, one channel, `rate` a second."""

    samples: bytes
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / 2 / self.rate


class Voice(Protocol):
    """A voice."""

    name: str

    async def speak(self, sentence: str) -> Spoken:
        """Speak one sentence; when cancelled, nothing goes on.

        Raises:
            VoiceFailed: it can't.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what was loaded."""
        ...
