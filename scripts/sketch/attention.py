"""Attention for training: the same sums as diffusers' FLUX attention, with the softmax in float32 under
autocast.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _split(tensor: Tensor, heads: int, norm: nn.Module | None) -> Tensor:
    parts = tensor.float().unflatten(-1, (heads, -1))
    if norm is None:
        return parts
    return parts * torch.rsqrt(parts.square().mean(dim=-1, keepdim=True) + 1e-6) * norm.weight


def _turn(tensor: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    turned = torch.stack([-tensor[..., 1::2], tensor[..., 0::2]], dim=-1).flatten(-2)
    return tensor * cosines[None, :, None] + turned * sines[None, :, None]


class MixedAttention:
    """A processor for FluxAttention; bfloat16 projections, float32 attention (faster here than bfloat16
    attention).
    """

    _attention_backend = None
    _parallel_config = None

    def __call__(
        self,
        attn: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,  # noqa: ARG002 - part of the interface
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        heads = attn.heads
        query = _split(attn.to_q(hidden_states), heads, attn.norm_q)
        key = _split(attn.to_k(hidden_states), heads, attn.norm_k)
        value = _split(attn.to_v(hidden_states), heads, None)
        if encoder_hidden_states is not None:
            query = torch.cat(
                [_split(attn.add_q_proj(encoder_hidden_states), heads, attn.norm_added_q), query], dim=1
            )
            key = torch.cat(
                [_split(attn.add_k_proj(encoder_hidden_states), heads, attn.norm_added_k), key], dim=1
            )
            value = torch.cat([_split(attn.add_v_proj(encoder_hidden_states), heads, None), value], dim=1)
        assert image_rotary_emb is not None
        query, key = _turn(query, *image_rotary_emb), _turn(key, *image_rotary_emb)
        with torch.autocast("cpu", enabled=False):
            mixed = functional.scaled_dot_product_attention(
                query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
            )
        mixed = mixed.transpose(1, 2).flatten(2)
        if encoder_hidden_states is None:
            return mixed
        length = encoder_hidden_states.shape[1]
        return attn.to_out[0](mixed[:, length:]), attn.to_add_out(mixed[:, :length])
