"""A prompt's tokens and its encoding, and the cache of encodings."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from torch import Tensor

_CAPACITY: Final = 32
"""Encodings in the cache (2 MB each for FLUX.1)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A prompt's tokens.

    `inputs` are the text encoders' arguments, `count` the tokens of the prompt itself. `truncated` if the
    prompt is longer than the model reads.
    """

    inputs: tuple[Tensor, ...]
    count: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """The text encoders' output for a prompt; `truncated` if they read only its beginning."""

    parts: tuple[Tensor, ...]
    truncated: bool


class EncodingCache:
    """The encodings of the latest prompts; the least recently used one is evicted."""

    def __init__(self) -> None:
        self._encodings: OrderedDict[str, EncodedPrompt] = OrderedDict()

    def get(self, prompt: str) -> EncodedPrompt | None:
        """The encoding of `prompt`, or None."""
        known = self._encodings.get(prompt)
        if known is not None:
            self._encodings.move_to_end(prompt)
        return known

    def put(self, prompt: str, encoded: EncodedPrompt) -> None:
        """Keep the encoding of `prompt`."""
        self._encodings[prompt] = encoded
        if len(self._encodings) > _CAPACITY:
            self._encodings.popitem(last=False)

    def forget(self, prompt: str) -> None:
        """Drop the encoding of `prompt`, if there is one."""
        self._encodings.pop(prompt, None)
