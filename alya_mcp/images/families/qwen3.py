"""Qwen3 as a text encoder: the conversation that it is shown, as its own template writes it.

A template that comes with a model is a program; this one is Qwen3's, for one message of a user.
"""

from typing import Final

from alya_mcp.images.families.family import Encoder

_MESSAGE: Final = "<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n"
_NO_THOUGHT: Final = "<think>\n\n</think>\n\n"


def qwen3(layers: int) -> Encoder:
    """The text encoder of which only the first `layers` are read."""
    return Encoder(part="text_encoder", tokenizer="tokenizer", kind="Qwen3Model", layers=layers)


def conversation(prompt: str, *, thinks: bool) -> str:
    """What stands before the model when a user has said `prompt` and it is about to answer."""
    return _MESSAGE.replace("{prompt}", prompt) + ("" if thinks else _NO_THOUGHT)
