"""The trained parts: text encoders and transformer, and the extra heads that training uses and the package
does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers import FluxTransformer2DModel
from drawing import CHANNELS, TARGETS
from meaning import BACKDROP_HEADS, MAX_THINGS, THING_HEADS
from text import CLIP_WIDTH, T5_WIDTH, encoders
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, T5EncoderModel

GRID = 16
HEAD = 32
WIDTH = 224
DOUBLE, SINGLE = 2, 6


def transformer() -> FluxTransformer2DModel:
    """An untrained transformer of the FLUX architecture: 256 image tokens, 64 numbers each."""
    model = FluxTransformer2DModel(
        in_channels=4 * CHANNELS,
        num_layers=DOUBLE,
        num_single_layers=SINGLE,
        attention_head_dim=HEAD,
        num_attention_heads=WIDTH // HEAD,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=CLIP_WIDTH,
        axes_dims_rope=(4, 14, 14),
        guidance_embeds=False,
    )
    for name, parameter in model.named_parameters():
        if ".norm" in name and name.endswith("linear.weight"):
            nn.init.normal_(parameter, std=0.02)
        elif ".norm" in name and name.endswith("linear.bias"):
            nn.init.zeros_(parameter)
            parts = parameter.shape[0] // WIDTH
            for gate in {6: (2, 5), 3: (2,)}.get(parts, ()):
                parameter.data[gate * WIDTH : (gate + 1) * WIDTH] = 0.6
    for block in model.transformer_blocks:
        _aim(block.attn)
    nn.init.zeros_(model.proj_out.weight)
    nn.init.zeros_(model.proj_out.bias)
    return model


@torch.no_grad()
def _aim(attn: nn.Module) -> None:
    """Start a double block with heads that are useful at once.

    Image tokens have no position but through the rotary embedding. Most heads ask the text a constant
    question, whose answer then depends on the token's place alone; in the last three the text asks for the
    first image token, whose noise decides what the prompt leaves open.
    """
    half = WIDTH - 3 * HEAD
    attn.to_q.weight[:half] *= 0.1
    attn.to_q.bias[:half] = torch.randn(half)
    attn.to_k.weight[half:] *= 0.1
    attn.add_q_proj.weight[half:] *= 0.1
    energy = torch.full((HEAD,), 0.1)
    for start in (4, 18):
        energy[start : start + 4] = 1.0
    for head in range(3):
        rows = slice(half + head * HEAD, half + (head + 1) * HEAD)
        direction = torch.randn(HEAD).sign() * energy
        attn.to_k.bias[rows] = direction
        attn.add_q_proj.bias[rows] = direction
    attn.norm_q.weight.fill_(1.4)
    attn.norm_added_q.weight.fill_(2.0)
    attn.norm_k.weight.fill_(1.6)


class Heads(nn.Module):
    """Linear read-outs for the extra losses: the parse, the decided objects, the token's place."""

    def __init__(self) -> None:
        super().__init__()
        self.backdrop = nn.Linear(T5_WIDTH, sum(BACKDROP_HEADS.values()))
        self.thing = nn.Linear(T5_WIDTH, sum(THING_HEADS.values()))
        self.pooled = nn.Linear(CLIP_WIDTH, sum(BACKDROP_HEADS.values()))
        self.decided = nn.Linear(WIDTH, TARGETS)
        self.where = nn.Linear(WIDTH, 2 * GRID)


def parse_loss(heads: Heads, encoded: Tensor, pooled: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of the parse and the share of captions parsed without a mistake."""
    groups: list[tuple[Tensor, list[int], int]] = [
        (heads.backdrop(encoded[:, 0]), list(BACKDROP_HEADS.values()), 0)
    ]
    for slot in range(MAX_THINGS):
        offset = len(BACKDROP_HEADS) + slot * len(THING_HEADS)
        groups.append((heads.thing(encoded[:, 1 + slot]), list(THING_HEADS.values()), offset))
    loss = torch.zeros((), device=labels.device)
    right = torch.ones(labels.shape[0], dtype=torch.bool, device=labels.device)
    for logits, sizes, offset in groups:
        for index, part in enumerate(logits.split(sizes, dim=1)):
            target = labels[:, offset + index]
            loss = loss + functional.cross_entropy(part, target)
            right &= part.argmax(dim=1) == target
    for index, part in enumerate(heads.pooled(pooled).split(list(BACKDROP_HEADS.values()), dim=1)):
        loss = loss + 0.3 * functional.cross_entropy(part, labels[:, index])
    return loss, right.float().mean()


@dataclass
class Parts:
    """Everything with weights."""

    clip: CLIPTextModel
    five: T5EncoderModel
    flow: FluxTransformer2DModel
    heads: Heads

    @staticmethod
    def new(vocabulary: int) -> Parts:
        clip, five = encoders(vocabulary)
        return Parts(clip, five, transformer(), Heads())

    def modules(self) -> dict[str, nn.Module]:
        return {"clip": self.clip, "five": self.five, "flow": self.flow, "heads": self.heads}

    def parameters(self) -> list[nn.Parameter]:
        return [parameter for module in self.modules().values() for parameter in module.parameters()]
