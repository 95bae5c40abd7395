"""Qwen3 as a text encoder: tokens, and the states between its layers."""

import importlib
from typing import Any

import torch
from torch import Tensor

from alya_mcp.images.families.qwen3 import conversation
from alya_mcp.images.flux.encodings import Tokens
from alya_mcp.images.flux.pipeline import Artist
from alya_mcp.images.flux.word_tokenizer import word_tokenizer

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }} {{ message.content }}<|im_end|> {% endfor %}"
)
"""The chat template for diffusers' own pipeline, in benchmarks with random weights."""


def tokens_of(artist: Artist, prompt: str, *, thinks: bool) -> Tokens:
    """The ids of `prompt` in its conversation, padded on the right, and their attention mask."""
    tokenizer, limit = artist.pipeline.tokenizer, artist.text_tokens
    text = conversation(prompt, thinks=thinks)
    filled = tokenizer(
        [text],
        max_length=limit,
        padding="max_length",
        padding_side="right",
        truncation=True,
        return_tensors="pt",
    )
    count = len(tokenizer(text).input_ids)
    ids, words = filled.input_ids.to(artist.device), filled.attention_mask.to(artist.device)
    return Tokens((ids, words), min(count, limit), count > limit)


def states_of(encoder: Any, ids: Tensor, words: Tensor) -> tuple[Tensor, ...]:
    """The hidden states before each layer and after the last one, without synchronising."""
    places = torch.arange(ids.shape[1], device=ids.device)
    # The library would read the mask, which synchronises, to find out whether it is needed.
    seen = (places[None, :] <= places[:, None]) & words.bool()[:, None, None, :]
    masks = {"full_attention": seen}
    answer = encoder(input_ids=ids, attention_mask=masks, output_hidden_states=True, use_cache=False)
    states: tuple[Tensor, ...] = answer.hidden_states
    return states


def full_size(width: int, inner: int, layers: int) -> Any:
    """The used layers of Qwen3 in full size, without values."""
    transformers: Any = importlib.import_module("transformers")
    with torch.device("meta"):
        encoder: Any = transformers.Qwen3Model(
            transformers.Qwen3Config(
                vocab_size=151_936,
                hidden_size=width,
                intermediate_size=inner,
                num_hidden_layers=layers,
                num_attention_heads=32,
                num_key_value_heads=8,
                head_dim=128,
            )
        ).to(torch.bfloat16)
    encoder.norm = torch.nn.Identity()
    return encoder


def random_tokenizer() -> Any:
    """A tokenizer for pipelines with random weights."""
    tokenizer = word_tokenizer(512)
    tokenizer.chat_template = _TEMPLATE
    return tokenizer
