"""Linear layers with weights in 8 or 4 bits, which replace a model's own.

Weights are rounded to nearest, with a scale for each output channel (8 bits) or each group of 64 inputs
(4 bits). With `activations`, inputs are rounded to 8 bits too, a scale for each row, and multiplied in 8
bits, which is faster where the device can; without, weights are widened as they are used, which only saves
memory.
"""

from collections.abc import Iterator
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from alya_mcp.settings.precisions import ROUNDED, Precision

FP8: Final = torch.float8_e4m3fn
_GROUP: Final = 64
_FEW_ROWS: Final = 17
"""Below this many rows an 8-bit product isn't faster, and CUDA's integer one isn't defined."""
_products: Any = torch
"""Products of 8-bit matrices, which have no public name in all supported versions of PyTorch."""


class _EightBitLinear(nn.Module):
    """A linear layer with weights in 8 bits, `limit` being the largest number that they hold."""

    limit: float

    def __init__(self, linear: nn.Linear, *, activations: bool) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.activations = activations
        wide = linear.weight.detach().float()
        scale = wide.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / self.limit
        self.weight = nn.Parameter(self._rounded(wide / scale), requires_grad=False)
        self.scale = nn.Parameter(scale, requires_grad=False)
        self.bias: nn.Parameter | None = linear.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's product, in the inputs' type."""
        rows = inputs.reshape(-1, self.in_features)
        if not self.activations or rows.shape[0] < _FEW_ROWS:
            return _widened(inputs, self.weight, self.scale, self.bias)
        scale = rows.abs().amax(dim=1, keepdim=True).float().clamp(min=1e-12) / self.limit
        product = self._product(self._rounded(rows / scale), scale, inputs.dtype)
        return product.reshape(*inputs.shape[:-1], self.out_features)

    def _rounded(self, numbers: Tensor) -> Tensor:
        """Numbers within the limit in 8 bits; what is passed may be overwritten."""
        raise NotImplementedError

    def _product(self, rows: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
        """The product of rounded rows, scaled back, with the bias."""
        raise NotImplementedError


class Fp8Linear(_EightBitLinear):
    """A linear layer with weights in float8 (e4m3)."""

    limit = 448.0

    def _rounded(self, numbers: Tensor) -> Tensor:
        return numbers.to(FP8)

    def _product(self, rows: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
        return _products._scaled_mm(
            rows,
            self.weight.t(),
            scale_a=scale,
            scale_b=self.scale.t(),
            bias=self.bias,
            out_dtype=dtype,
            use_fast_accum=True,
        )


class Int8Linear(_EightBitLinear):
    """A linear layer with weights in 8-bit integers."""

    limit = 127.0

    def _rounded(self, numbers: Tensor) -> Tensor:
        return numbers.round_().to(torch.int8)

    def _product(self, rows: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
        product = _products._int_mm(rows, self.weight.t()).float() * scale * self.scale.t()
        return (product if self.bias is None else product + self.bias).to(dtype)


class Int4Linear(nn.Module):
    """A linear layer with weights in 4 bits, two to a byte, with a scale and a zero point for each group."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        groups = linear.weight.detach().float().reshape(self.out_features, -1, _GROUP)
        low, high = groups.amin(dim=2, keepdim=True), groups.amax(dim=2, keepdim=True)
        scale = (high - low).clamp(min=1e-9) / 15.0
        levels = ((groups - low) / scale).round().clamp(0, 15).to(torch.uint8)
        levels = levels.reshape(self.out_features, self.in_features)
        self.weight = nn.Parameter(levels[:, 0::2] | (levels[:, 1::2] << 4), requires_grad=False)
        kept = linear.weight.dtype
        self.scale = nn.Parameter(scale.to(kept), requires_grad=False)
        self.low = nn.Parameter(low.to(kept), requires_grad=False)
        self.bias: nn.Parameter | None = linear.bias

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's product, in the inputs' type."""
        levels = torch.stack((self.weight & 15, self.weight >> 4), dim=-1)
        groups = levels.reshape(self.out_features, -1, _GROUP).to(inputs.dtype)
        wide = groups * self.scale.to(inputs.dtype) + self.low.to(inputs.dtype)
        return functional.linear(inputs, wide.reshape(self.out_features, self.in_features), self.bias)


def quantised(linear: nn.Linear, precision: Precision, *, activations: bool) -> nn.Module:
    """`linear` in `precision`; unchanged if its shape or the precision doesn't allow or need that."""
    fits = linear.in_features % _GROUP == 0 and linear.out_features % 16 == 0
    if not fits or precision not in ROUNDED:
        return linear
    if precision == "fp8":
        return Fp8Linear(linear, activations=activations)
    if precision == "int8":
        return Int8Linear(linear, activations=activations)
    return Int4Linear(linear)


def linears(module: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Every linear layer below `module`: the module that holds it, its name there, and the layer."""
    places = [
        (holder, name)
        for holder in module.modules()
        for name, child in holder.named_children()
        if type(child) is nn.Linear
    ]
    for holder, name in places:
        # A generator, as a list of the layers would keep the replaced ones alive.
        yield holder, name, cast("nn.Linear", getattr(holder, name))


def _widened(inputs: Tensor, weight: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    if inputs.numel() == inputs.shape[-1]:
        # A sum over products compiles to one pass over the quantised weights.
        product = (weight.float() * inputs.reshape(1, -1).float()).sum(dim=1) * scale[:, 0]
        product = product if bias is None else product + bias
        return product.to(inputs.dtype).reshape(*inputs.shape[:-1], weight.shape[0])
    wide = weight.to(inputs.dtype) * scale.to(inputs.dtype)
    return functional.linear(inputs, wide, bias)
