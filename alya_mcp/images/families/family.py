"""The description of a model family: its parts, limits, memory and known models. Imports nothing heavy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

_PICTURE_TOKENS: Final = 4096
"""Tokens of a picture of 1024x1024 pixels, the largest size of a reference."""
_LAYER: Final = re.compile(r"(?:^|\.)layers\.(\d+)\.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """A text encoder: its folder, that of its tokenizer, and what of it is used.

    With `layers` only the first so many of its layers are loaded and run, as `kind`, a class of transformers;
    otherwise the index names the class. `blocks_in` is the attribute that holds the blocks; empty for itself.
    """

    part: str
    tokenizer: str
    kind: str | None = None
    layers: int | None = None
    blocks_in: str = ""

    def uses(self, tensor: str) -> bool:
        """Whether the weight that a file calls `tensor` is one that is loaded."""
        if self.layers is None:
            return True
        layer = _LAYER.search(tensor)
        if layer is None:
            return not tensor.startswith("lm_head.")
        return int(layer[1]) < self.layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models of one architecture, drawn by one pipeline class of diffusers.

    `artist` is the class that computes its pictures, as module:name. The last of `encoders` is the large one,
    which plans may quantise and stream. `blocks` are the transformer's lists of blocks, `fused` those whose
    attention joins its projections. `requires` are entries that the pipeline's index must have, each with
    what the model is without it. `text_tokens` is how many tokens of a prompt it reads, `steps` how many it
    is trained for.

    `step_memory` is the working memory of a step at 1024x1024 in bytes. The shares are the part of a streamed
    module that is on the device at a time: two of its blocks and what isn't a block. `keeps`: weights outside
    the blocks' linear layers, which are never rounded, are so large that plans count them.

    `references` are how many pictures a drawing follows at most. With `strength` there is one, which the
    drawing begins from, and that is how far it is left unless a call says otherwise, as in diffusers.
    """

    pipeline: str
    artist: str
    encoders: tuple[Encoder, ...]
    blocks: tuple[str, ...]
    fused: tuple[str, ...] = ()
    requires: Mapping[str, tuple[Any, str]]
    text_tokens: int
    steps: int
    step_memory: int
    transformer_share: float
    encoder_share: float
    keeps: bool = True
    references: int = 1
    strength: float | None = 0.6

    @property
    def encoder(self) -> Encoder:
        """The large text encoder."""
        return self.encoders[-1]

    def rounds(self, part: str, tensor: str) -> bool:
        """Whether a low precision rounds a weight of the transformer or the large encoder, as plans count."""
        if not self.keeps:
            return True
        if part == self.encoder.part:
            return _LAYER.search(tensor) is not None
        return tensor.partition(".")[0] in self.blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How many numbers each part of a pipeline of `family` holds.

    `encoder` is the large text encoder, as far as it is loaded; `others` the small one and the VAE. What is
    `*_kept` of a part is never rounded. `lengthening` is how many times as many tokens as usual a step takes.
    """

    family: Family
    transformer: int
    encoder: int
    others: int
    transformer_kept: int = 0
    encoder_kept: int = 0
    lengthening: float = 1

    @property
    def all(self) -> int:
        """All numbers."""
        return self.transformer + self.encoder + self.others

    def following(self, references: int) -> Self:
        """The same with the tokens of so many references added to each step."""
        if self.family.strength is not None:  # the reference replaces the noise
            return self
        own = self.family.text_tokens + _PICTURE_TOKENS
        return replace(self, lengthening=1 + references * _PICTURE_TOKENS / own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """The terms of a model's weights, in full at `url`."""

    name: str
    url: str
    commercial: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A known model: the name that results show, what settings call it, where its weights are.

    `size` is the download in bytes, `work` the TFLOP of a picture at 1024x1024, `gated` whether the hub wants
    its terms accepted first.
    """

    name: str
    setting: str
    repository: str
    licence: Licence
    weights: Weights
    size: int
    work: float
    gated: bool

    @property
    def family(self) -> Family:
        """The family that draws it."""
        return self.weights.family
