"""A small decoder on a CPU, computed in bands of rows that fit into the processor's cache.

The same computation as diffusers' `Decoder`, in another order. A whole layer of a 1024x1024 picture takes up
to 90 MB, and an operation on it waits for main memory. Here a band of a few rows passes through all
operations up to the next one that needs the whole layer (a norm, for its mean and variance) or neighbouring
rows (a convolution). Threads share the bands of a layer, one core each.

Two kinds of convolutions take fewer multiplications: those with only a nonzero centre become matrix products,
and one after nearest-neighbour upsampling becomes 2x2 convolutions of the original layer.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_BAND_BYTES: Final = 1 << 20
"""Bytes of a layer that are processed at a time: about the size of a core's cache."""

_Band = tuple[int, int]
_Map = Callable[[Callable[[_Band], Any], list[_Band]], Iterator[Any]]


class _Sums(NamedTuple):
    """The sum of a layer's values and the sum of their squares."""

    values: float
    squares: float


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer of a picture: `rows` makes some of its rows, from the first to before the last one.

    They are (pixels, channels), and not to be changed. `sums` are known of a layer that is in memory.
    """

    height: int
    width: int
    channels: int
    rows: Callable[[int, int], Tensor]
    sums: _Sums | None = None

    def bands(self) -> list[_Band]:
        """The first row of each band, and the first after it; even numbers where the height is."""
        step = 2 if self.height % 2 == 0 else 1
        rows = max(step, _BAND_BYTES // (4 * self.width * self.channels) // step * step)
        return list(pairwise([*range(0, self.height, rows), self.height]))


def decode_in_bands(decoder: Any) -> bool:
    """Make `decoder` work in bands; False if it has parts that this module doesn't support."""
    if not _is_known(decoder):
        return False
    whole, banded = decoder.forward, _Banded(decoder)

    def forward(latents: Tensor, *rest: Any, **named: Any) -> Tensor:
        if latents.shape[0] != 1 or latents.dtype != torch.float32 or torch.is_grad_enabled():
            return whole(latents, *rest, **named)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # in each thread of the pool
        try:
            with ThreadPoolExecutor(threads) as pool:
                return banded.decode(latents, pool.map)
        finally:
            torch.set_num_threads(threads)

    decoder.forward = forward
    return True


def _is_known(decoder: Any) -> bool:
    resnets = [*decoder.mid_block.resnets, *(each for block in decoder.up_blocks for each in block.resnets)]
    norms = [each for each in decoder.modules() if isinstance(each, nn.GroupNorm)]
    return (
        all(each.device.type == "cpu" and each.dtype == torch.float32 for each in decoder.parameters())
        and all(each is None for each in decoder.mid_block.attentions)
        and all(type(each).__name__ == "UpDecoderBlock2D" for each in decoder.up_blocks)
        and len(norms) == 2 * len(resnets) + 1
        and all(each.num_groups == 1 for each in norms)
        and isinstance(decoder.conv_act, nn.SiLU)
        and all(isinstance(each.nonlinearity, nn.SiLU) for each in resnets)
        and all(each.output_scale_factor == 1 for each in resnets)
    )


class _Banded:
    """The decoder's parts, with their weights in the form used here."""

    def __init__(self, decoder: Any) -> None:
        self._decoder = decoder
        self._matrices = {each: _matrix(each) for each in decoder.modules() if isinstance(each, nn.Conv2d)}
        upsamplers = (each for block in decoder.up_blocks for each in block.upsamplers or ())
        self._doubled = {each: _doubled(each.conv) for each in upsamplers}

    def decode(self, latents: Tensor, each: _Map) -> Tensor:
        """The picture of (1, channels, height, width); `each` gives the bands of a layer to threads."""
        decoder = self._decoder
        layer = self._convolved(each, _kept(latents[0].permute(1, 2, 0).contiguous()), decoder.conv_in)
        for resnet in decoder.mid_block.resnets:
            layer = self._passed(each, layer, resnet)
        for block in decoder.up_blocks:
            for resnet in block.resnets:
                layer = self._passed(each, layer, resnet)
            for upsampler in block.upsamplers or ():
                layer = self._upsampled(each, layer, upsampler)
        layer = self._convolved(each, _activated(each, layer, decoder.conv_norm_out), decoder.conv_out)
        return _run(each, layer)[0].permute(2, 0, 1)[None]

    def _passed(self, each: _Map, layer: _Layer, resnet: Any) -> _Layer:
        if layer.sums is None:
            layer = _kept(*_run(each, layer))
        inner = self._convolved(each, _activated(each, layer, resnet.norm1), resnet.conv1)
        inner = self._convolved(each, _activated(each, inner, resnet.norm2), resnet.conv2)
        beside = layer
        if resnet.conv_shortcut is not None:
            beside = self._convolved(each, layer, resnet.conv_shortcut)

        def rows(top: int, bottom: int) -> Tensor:
            return inner.rows(top, bottom) + beside.rows(top, bottom)

        return replace(inner, rows=rows, sums=None)

    def _convolved(self, each: _Map, layer: _Layer, conv: Any) -> _Layer:
        channels, bias, matrix = conv.out_channels, conv.bias, self._matrices[conv]
        if matrix is not None:
            return _Layer(
                layer.height,
                layer.width,
                channels,
                lambda top, bottom: torch.addmm(bias, layer.rows(top, bottom), matrix),
            )

        def rows(top: int, bottom: int) -> Tensor:
            made = functional.conv2d(_around(layer, top, bottom), conv.weight, bias, padding=(0, 1))
            return made[0].permute(1, 2, 0).reshape(-1, channels)

        return _kept(*_run(each, _Layer(layer.height, layer.width, channels, rows)))

    def _upsampled(self, each: _Map, layer: _Layer, upsampler: Any) -> _Layer:
        weight, bias = self._doubled[upsampler]
        channels, width = upsampler.conv.out_channels, layer.width

        def rows(top: int, bottom: int) -> Tensor:
            found = functional.conv2d(_around(layer, top // 2, bottom // 2), weight, bias, padding=(0, 1))
            places = found[0].permute(1, 2, 0)
            made = torch.empty(bottom - top, 2 * width, channels)
            for number in range(4):
                down, right = divmod(number, 2)
                place = places[down : down + (bottom - top) // 2, right : right + width]
                made[down::2, right::2] = place[..., number * channels : (number + 1) * channels]
            return made.view(-1, channels)

        return _kept(*_run(each, _Layer(2 * layer.height, 2 * width, channels, rows)))


def _activated(each: _Map, layer: _Layer, norm: Any) -> _Layer:
    """The layer after a norm over all its values, and SiLU."""
    sums = layer.sums or _run(each, layer, keep=False)[1]
    count = layer.height * layer.width * layer.channels
    mean = sums.values / count
    scale = norm.weight / math.sqrt(max(0.0, sums.squares / count - mean * mean) + norm.eps)
    shift = norm.bias - mean * scale

    def rows(top: int, bottom: int) -> Tensor:
        return functional.silu(torch.addcmul(shift, layer.rows(top, bottom), scale), inplace=True)

    return replace(layer, rows=rows, sums=None)


def _run(each: _Map, layer: _Layer, *, keep: bool = True) -> tuple[Tensor, _Sums]:
    """All rows of a layer, as (height, width, channels) unless they are not to be kept, and their sums."""
    height, width, channels = layer.height, layer.width, layer.channels
    made = torch.empty(height if keep else 0, width, channels)

    @torch.no_grad()
    def work(band: _Band) -> _Sums:
        top, bottom = band
        rows = layer.rows(top, bottom)
        if keep:
            made[top:bottom] = rows.view(bottom - top, width, channels)
        flat = rows.reshape(-1)
        return _Sums(float(flat.sum()), float(torch.dot(flat, flat)))

    found = list(each(work, layer.bands()))
    return made, _Sums(math.fsum(sums.values for sums in found), math.fsum(sums.squares for sums in found))


def _kept(values: Tensor, sums: _Sums | None = None) -> _Layer:
    """A layer in memory, (height, width, channels)."""
    height, width, channels = values.shape
    return _Layer(height, width, channels, lambda top, bottom: values[top:bottom].view(-1, channels), sums)


def _around(layer: _Layer, top: int, bottom: int) -> Tensor:
    """Some rows of a layer with one more on each side, of zeros outside it: (1, channels, rows, columns)."""
    above, below = max(0, top - 1), min(layer.height, bottom + 1)
    rows = layer.rows(above, below).view(below - above, layer.width, layer.channels)
    if below - above < bottom - top + 2:
        rows = functional.pad(rows, (0, 0, 0, 0, above - top + 1, bottom + 1 - below))
    return rows.permute(2, 0, 1)[None]


def _matrix(conv: nn.Conv2d) -> Tensor | None:
    """The weights of a pointwise convolution, as (in, out); None if neighbours have weights."""
    weight = conv.weight.detach()
    middle = weight.shape[-1] // 2
    own = weight[..., middle, middle]
    return own.T.contiguous() if weight.count_nonzero() == own.count_nonzero() else None


def _doubled(conv: Any) -> tuple[Tensor, Tensor]:
    """A 3x3 convolution after nearest-neighbour upsampling, as a 2x2 one of the original layer.

    Its outputs are those of the upper left, upper right, lower left and lower right pixels. Upper ones look
    at the row before and their own, lower ones at their own and the row after; columns likewise.
    """
    sums = torch.tensor([[[1.0, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], dtype=torch.float64)
    weight = torch.einsum("vsy,htx,oiyx->vhoist", sums, sums, conv.weight.detach().double()).flatten(0, 2)
    return weight.float().contiguous(memory_format=torch.channels_last), conv.bias.detach().repeat(4)
