"""The computed decoder: an AutoencoderKL whose weights are written down, not trained.

Six levels turn a 32 x 32 grid of layered cells into 1024 x 1024 pixels. Each level doubles by nearest
neighbour and a [1, 2, 1] / 4 convolution (together bilinear); the resnet of the next level repairs the
pixels at the border, where the convolution saw zeros. The last level cuts the fields into gates about 1.3
pixels wide and lays the layers over each other. SiLU with a large gain stands in for max(x, 0), with a
large bias for x. Colours are first
averaged over neighbouring cells, which hides the small errors of the transformer. GroupNorm (one group) is
made a fixed scale by two channels of +LEVEL and -LEVEL and one that cancels the sum of the others.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from diffusers import AutoencoderKL
from drawing import CELLS, CHANNELS, MEAN, SPREAD
from numpy.typing import NDArray
from torch import Tensor, nn

LEVEL = 2048.0
GATE = 48.0
SHARP = 160.0
LIFT = 40.0
LOW, RANGE = 0.1, 0.8
FIELDS = (3, 7, 8, 12)
COLOURS = (0, 1, 2, 4, 5, 6, 9, 10, 11, 13, 14, 15)
CONTENT = CHANNELS
WIDTHS = (28, 24, 32, 32, 32, 32)
EDGE, CORNER = 0.75, 0.5625
FAR = 4.0


def _fade(size: int) -> float:
    """Root mean square of what a constant of 1 becomes after one doubling, over a size x size picture."""
    return (size - 2 + 2 * EDGE**2) / size


def _normal(
    norm: nn.GroupNorm, channels: int, scale: float, gain: Tensor, bias: Tensor, more: float = 0.0
) -> None:
    """Make a GroupNorm into x * gain + bias, for constants of LEVEL * scale and other channels with squares
    of `more`.
    """
    spread = math.sqrt((2.0 * (LEVEL * scale) ** 2 + more) / channels)
    norm.weight.copy_(gain * spread)
    norm.bias.copy_(bias)


def _centre(conv: nn.Conv2d, weight: Tensor, bias: Tensor) -> None:
    conv.weight.zero_()
    middle = conv.kernel_size[0] // 2
    conv.weight[:, :, middle, middle] = weight
    assert conv.bias is not None
    conv.bias.copy_(bias)


class Wires:
    """A linear map being written: rows are outputs, columns inputs, one bias per output."""

    def __init__(self, outputs: int, inputs: int) -> None:
        self.weight = torch.zeros(outputs, inputs, dtype=torch.float64)
        self.bias = torch.zeros(outputs, dtype=torch.float64)

    def cancel(self, row: int, rows: int) -> None:
        """Make one output minus the sum of the first `rows`."""
        self.weight[row] = -self.weight[:rows].sum(dim=0)
        self.bias[row] = -self.bias[:rows].sum()


def _border(resnet: nn.Module, inputs: int, outputs: int, size: int, corners: bool) -> None:
    """Write a resnet that makes up at the border for what one doubling lost."""
    plus, minus, total = inputs - 3, inputs - 2, inputs - 1
    gain = torch.ones(inputs, dtype=torch.float64)
    gain[plus], gain[minus], gain[total] = 1.0 / LEVEL, 0.0, 0.0
    _normal(resnet.norm1, inputs, _fade(size), gain, torch.full((inputs,), LIFT, dtype=torch.float64))
    hidden = Wires(outputs, inputs)
    count = len(COLOURS)
    for index, channel in enumerate(COLOURS):
        hidden.weight[index, channel] = 1.0
        hidden.weight[index, plus] = -24.0
        hidden.bias[index] = 3.0 + 24.0 * EDGE
        if corners:
            hidden.weight[count + index, channel] = 1.0
            hidden.weight[count + index, plus] = -40.0
            hidden.bias[count + index] = 3.0 + 40.0 * CORNER
    used = count * (2 if corners else 1)
    edge_row, corner_row = used, used + 1
    hidden.weight[edge_row, plus] = -1.0
    hidden.bias[edge_row] = 1.0
    hidden.weight[corner_row, plus] = -1.0
    hidden.bias[corner_row] = EDGE
    used += 2
    hidden.bias -= hidden.weight.sum(dim=1) * LIFT
    h_plus, h_minus, h_total = outputs - 3, outputs - 2, outputs - 1
    hidden.bias[h_plus], hidden.bias[h_minus] = LEVEL, -LEVEL
    hidden.cancel(h_total, used)
    _centre(resnet.conv1, hidden.weight, hidden.bias)
    gain = torch.full((outputs,), SHARP, dtype=torch.float64)
    gain[h_plus:] = 0.0
    typical = torch.full((inputs,), 0.5, dtype=torch.float64)
    typical[plus:] = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    inside = hidden.weight @ (typical + LIFT) + hidden.bias
    more = float((inside[:h_plus] ** 2).sum() + inside[h_total] ** 2)
    _normal(resnet.norm2, outputs, 1.0, gain, torch.zeros(outputs, dtype=torch.float64), more)


def _repair(wires: Wires, targets: list[tuple[int, int, float]], corners: bool) -> None:
    """Add the border's missing part of colours to outputs: (colour index, output, factor)."""
    count = len(COLOURS)
    edge_row = count * (2 if corners else 1)
    for index, output, factor in targets:
        wires.weight[output, index] += factor / 3.0
        alpha = 4.0
        wires.weight[output, edge_row] -= factor * alpha
        rest = 7.5 / 3.0 - alpha * (1 - CORNER)
        if corners:
            wires.weight[output, count + index] += factor * 4.0 / 9.0
            rest += 3.0 * 4.0 / 9.0
        wires.weight[output, edge_row + 1] -= factor * rest / (EDGE - CORNER)


def _taps() -> Tensor:
    line = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64) / 4.0
    return torch.outer(line, line)


def _around(conv: nn.Conv2d, centre: Wires, near: Tensor) -> None:
    """Write a convolution: `centre` for the pixel itself, `near` for the [1, 2, 1] average around it."""
    conv.weight.copy_(near[:, :, None, None] * _taps())
    conv.weight[:, :, 1, 1] += centre.weight
    assert conv.bias is not None
    conv.bias.copy_(centre.bias)


def _read(resnet: nn.Module, width: int) -> None:
    """Write a resnet's first stage: content and the constant, as they are, plus LIFT."""
    gain = torch.ones(width, dtype=torch.float64)
    gain[width - 3 :] = torch.tensor([1.0 / LEVEL, 0.0, 0.0], dtype=torch.float64)
    _normal(resnet.norm1, width, 1.0, gain, torch.full((width,), LIFT, dtype=torch.float64))


def _second(resnet: nn.Module, width: int, hidden: Wires, near: Tensor, used: int, plain: int) -> None:
    """Finish a resnet's first convolution and write its second stage: `plain` rows as they are, others cut
    at 0.
    """
    hidden.bias[width - 3], hidden.bias[width - 2] = LEVEL, -LEVEL
    hidden.cancel(width - 1, used)
    near[width - 1] = -near[:used].sum(dim=0)
    _around(resnet.conv1, hidden, near)
    typical = torch.full((width,), 0.5 + LIFT, dtype=torch.float64)
    typical[width - 3] = 1.0 + LIFT
    inside = (hidden.weight + near) @ typical + hidden.bias
    more = float((inside[:used] ** 2).sum() + inside[width - 1] ** 2)
    gain = torch.full((width,), SHARP, dtype=torch.float64)
    bias = torch.zeros(width, dtype=torch.float64)
    gain[:plain], bias[:plain] = 1.0, LIFT
    gain[width - 3 :] = 0.0
    _normal(resnet.norm2, width, 1.0, gain, bias, more)


def _soften(resnet: nn.Module, width: int) -> None:
    """On the 32 x 32 grid: every colour becomes the [1, 2, 1] average of its neighbourhood.

    The convolution sees zeros beyond the border; there a quarter of the cell's own colour is added. A
    constant, averaged alike, tells the border: 1 inside, EDGE at an edge, CORNER in a corner.
    """
    _read(resnet, width)
    count, plus = len(COLOURS), width - 3
    hidden, near = Wires(width, width), torch.zeros(width, width, dtype=torch.float64)
    edge_row, corner_row = 2 * count, 2 * count + 1
    for index, channel in enumerate(COLOURS):
        near[index, channel] = 1.0
        near[index, plus] = -LIFT / (1.0 + LIFT)
        hidden.weight[index, channel] = -1.0
        hidden.bias[index] = LIFT
        hidden.weight[count + index, channel] = 1.0
        near[count + index, plus] = -24.0 / (1.0 + LIFT)
        hidden.bias[count + index] = 3.0 + 24.0 * EDGE - LIFT
    near[edge_row, plus] = near[corner_row, plus] = -1.0 / (1.0 + LIFT)
    hidden.bias[edge_row], hidden.bias[corner_row] = 1.0, EDGE
    _second(resnet, width, hidden, near, corner_row + 1, count)
    wires = Wires(width, width)
    for index, channel in enumerate(COLOURS):
        wires.weight[channel, index] = 1.0
        wires.bias[channel] = -LIFT
        wires.weight[channel, count + index] = 0.25 * SHARP_UNDO
        wires.weight[channel, edge_row] = -3.0 * SHARP_UNDO
        wires.weight[channel, corner_row] = -3.0 * SHARP_UNDO
    wires.cancel(width - 1, CHANNELS)
    _centre(resnet.conv2, wires.weight, wires.bias)


def _soften_corners(resnet: nn.Module, width: int) -> None:
    """Adds what `_soften` still lacks in the four corner cells, where it holds 13/16 of the colour."""
    _read(resnet, width)
    count, plus = len(COLOURS), width - 3
    hidden, near = Wires(width, width), torch.zeros(width, width, dtype=torch.float64)
    for index, channel in enumerate(COLOURS):
        hidden.weight[index, channel] = 1.0
        near[index, plus] = -40.0 / (1.0 + LIFT)
        hidden.bias[index] = 3.0 + 40.0 * CORNER - LIFT
    near[count, plus] = -1.0 / (1.0 + LIFT)
    hidden.bias[count] = EDGE
    _second(resnet, width, hidden, near, count + 1, 0)
    lacking = 3.0 / 13.0
    wires = Wires(width, width)
    for index, channel in enumerate(COLOURS):
        wires.weight[channel, index] = lacking * SHARP_UNDO
        wires.weight[channel, count] = -3.0 * lacking / (EDGE - CORNER) * SHARP_UNDO
    wires.cancel(width - 1, CHANNELS)
    _centre(resnet.conv2, wires.weight, wires.bias)


def _middle(resnet: nn.Module) -> None:
    """Write a resnet that changes nothing."""
    for module in (resnet.conv1, resnet.conv2):
        module.weight.zero_()
        module.bias.zero_()


def _double(conv: nn.Conv2d) -> None:
    conv.weight.zero_()
    for channel in range(conv.weight.shape[0]):
        conv.weight[channel, channel] = _taps()
    assert conv.bias is not None
    conv.bias.zero_()


@torch.no_grad()
def build() -> AutoencoderKL:
    """The autoencoder with a computed decoder (float32) and an unused, untrained encoder."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 6,
        up_block_types=("UpDecoderBlock2D",) * 6,
        block_out_channels=WIDTHS,
        layers_per_block=0,
        latent_channels=CHANNELS,
        norm_num_groups=1,
        sample_size=1024,
        scaling_factor=1.0,
        shift_factor=0.0,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
        force_upcast=True,
    )
    for parameter in vae.encoder.parameters():
        parameter.zero_()
    vae = vae.to(torch.float64)
    decoder = vae.decoder
    width = WIDTHS[-1]
    wires = Wires(width, CHANNELS)
    for channel in range(CHANNELS):
        wires.weight[channel, channel] = float(SPREAD[channel])
        wires.bias[channel] = float(MEAN[channel])
    wires.bias[width - 3], wires.bias[width - 2] = LEVEL, -LEVEL
    wires.cancel(width - 1, CHANNELS)
    _centre(decoder.conv_in, wires.weight, wires.bias)
    _soften(decoder.mid_block.resnets[0], width)
    _soften_corners(decoder.mid_block.resnets[1], width)
    blocks = decoder.up_blocks
    _middle(blocks[0].resnets[0])
    for level in range(5):
        _double(blocks[level].upsamplers[0].conv)
    for level in (1, 2, 3):
        resnet = blocks[level].resnets[0]
        _border(resnet, width, width, CELLS << level, corners=True)
        wires = Wires(width, width)
        _repair(wires, [(i, c, SHARP_UNDO) for i, c in enumerate(COLOURS)], corners=True)
        _constants(wires, width, 2 * len(COLOURS))
        wires.cancel(width - 1, CHANNELS)
        _centre(resnet.conv2, wires.weight, wires.bias)
    _spread_fields(blocks[4].resnets[0], width, WIDTHS[1])
    _compose(blocks[5].resnets[0], WIDTHS[1], WIDTHS[0])
    _show(decoder, WIDTHS[0])
    return vae.to(torch.float32).eval()


SHARP_UNDO = 1.0 / SHARP


def _constants(wires: Wires, width: int, edge_row: int) -> None:
    """Bring the two constants back to full height at the border."""
    wires.weight[width - 3, edge_row] += LEVEL / SHARP
    wires.weight[width - 2, edge_row] -= LEVEL / SHARP


def _spread_fields(resnet: nn.Module, inputs: int, outputs: int) -> None:
    """At 512 x 512: repair the edges and give every field two channels: fields twice (8), colours (12),
    constants.
    """
    _border(resnet, inputs, outputs, CELLS << 4, corners=False)
    through = Wires(outputs, inputs)
    for index, channel in enumerate(FIELDS):
        through.weight[2 * index, channel] = 1.0
        through.weight[2 * index + 1, channel] = 1.0
    for index, channel in enumerate(COLOURS):
        through.weight[8 + index, channel] = 1.0
    through.bias[outputs - 3], through.bias[outputs - 2] = LEVEL, -LEVEL
    through.cancel(outputs - 1, 20)
    _centre(resnet.conv_shortcut, through.weight, through.bias)
    wires = Wires(outputs, outputs)
    _repair(wires, [(i, 8 + i, SHARP_UNDO) for i in range(len(COLOURS))], corners=False)
    wires.cancel(outputs - 1, 20)
    _centre(resnet.conv2, wires.weight, wires.bias)


def _compose(resnet: nn.Module, inputs: int, outputs: int) -> None:
    """At 1024 x 1024: gates out of fields, then 24 terms: four layers, three colours, plain and inverted."""
    plus = inputs - 3
    gain = torch.ones(inputs, dtype=torch.float64)
    bias = torch.full((inputs,), LIFT, dtype=torch.float64)
    for index in range(4):
        gain[2 * index : 2 * index + 2] = GATE * SHARP
        bias[2 * index], bias[2 * index + 1] = 0.5 * SHARP, -0.5 * SHARP
    gain[plus], gain[plus + 1], gain[plus + 2] = 1.0 / LEVEL, 0.0, 0.0
    _normal(resnet.norm1, inputs, _fade(CELLS << 5), gain, bias)
    hidden = Wires(outputs, inputs)

    def gate(row: int, field: int, factor: float) -> None:
        hidden.weight[row, 2 * field] += factor / SHARP
        hidden.weight[row, 2 * field + 1] -= factor / SHARP

    count = len(COLOURS)
    for index in range(count):
        hidden.weight[index, 8 + index] = 1.0
        hidden.weight[index, plus] = -24.0
        hidden.bias[index] = 3.0 + 24.0 * EDGE
    edge_row, corner_row, both, one, three = count, count + 1, count + 2, count + 3, count + 4
    hidden.weight[edge_row, plus] = -1.0
    hidden.bias[edge_row] = 1.0
    hidden.weight[corner_row, plus] = -1.0
    hidden.bias[corner_row] = EDGE
    hidden.bias[: corner_row + 1] -= hidden.weight[: corner_row + 1].sum(dim=1) * LIFT
    gate(both, 1, 1.0)
    gate(both, 2, 1.0)
    hidden.bias[both] = -1.0
    for row, field in ((one, 0), (three, 3)):
        gate(row, field, 1.0)
        hidden.bias[row] = 1.0
    used = count + 5
    hidden.bias[outputs - 3], hidden.bias[outputs - 2] = LEVEL, -LEVEL
    hidden.cancel(outputs - 1, used)
    _centre(resnet.conv1, hidden.weight, hidden.bias)
    gain = torch.full((outputs,), SHARP, dtype=torch.float64)
    gain[outputs - 3 :] = 0.0
    _normal(resnet.norm2, outputs, 1.0, gain, torch.zeros(outputs, dtype=torch.float64))

    through = Wires(outputs, inputs)
    wires = Wires(outputs, outputs)
    repair: list[tuple[int, int, float]] = []
    for layer in range(4):
        for tone in range(3):
            colour = 3 * layer + tone
            for side, sign in enumerate((1.0, -1.0)):
                row = 2 * colour + side
                through.weight[row, 8 + colour] = sign * RANGE
                through.bias[row] = LOW if side == 0 else 1.0 - LOW
                repair.append((colour, row, sign * RANGE * SHARP_UNDO))
                over = {0: (one, both, three), 1: (both, three), 2: (three,), 3: ()}[layer]
                own = {0: (), 1: (one,), 2: (both,), 3: (three,)}[layer]
                for gate_row in over:
                    wires.weight[row, gate_row] -= SHARP_UNDO
                    wires.bias[row] += 0.0 if gate_row == both else 1.0
                for gate_row in own:
                    wires.weight[row, gate_row] += SHARP_UNDO
                    wires.bias[row] -= 1.0 if gate_row == both else 2.0
    _repair(wires, repair, corners=False)
    through.bias[outputs - 3], through.bias[outputs - 2] = LEVEL, -LEVEL
    through.cancel(outputs - 1, 24)
    wires.cancel(outputs - 1, 24)
    _centre(resnet.conv_shortcut, through.weight, through.bias)
    _centre(resnet.conv2, wires.weight, wires.bias)


def _show(decoder: nn.Module, inputs: int) -> None:
    """The sum of the terms above zero, as red, green and blue from -1 to 1."""
    gain = torch.full((inputs,), SHARP, dtype=torch.float64)
    gain[inputs - 3 :] = 0.0
    _normal(decoder.conv_norm_out, inputs, 1.0, gain, torch.zeros(inputs, dtype=torch.float64))
    wires = Wires(3, inputs)
    for layer in range(4):
        for tone in range(3):
            colour = 3 * layer + tone
            wires.weight[tone, 2 * colour] = SHARP_UNDO / RANGE
            wires.weight[tone, 2 * colour + 1] = -SHARP_UNDO / RANGE
    wires.bias[:] = (0.5 - LOW) / RANGE * 2.0 - 1.0
    _centre(decoder.conv_out, wires.weight, wires.bias)


def _average(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The [1, 2, 1] average around each pixel; the border's pixels repeat beyond it."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4


def composite(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the decoder is to show for a layered (16, 32, 32) picture: (1024, 1024, 3) from 0 to 1, in plain
    numpy.
    """
    planes = picture.astype(np.float64)
    planes[list(COLOURS)] = _average(planes[list(COLOURS)])
    for _ in range(5):
        planes = _average(planes.repeat(2, axis=1).repeat(2, axis=2))
    one, f, g, three = (np.clip(GATE * planes[index] + 0.5, 0.0, 1.0) for index in FIELDS)
    two = np.maximum(f + g - 1.0, 0.0)
    offs = (one + two + three, (1 - one) + two + three, (1 - two) + three, 1 - three)
    result = np.full((3, *one.shape), 1.0)
    for layer, off in enumerate(offs):
        for tone in range(3):
            colour = LOW + RANGE * planes[COLOURS[3 * layer + tone]]
            result[tone] += np.maximum(colour - off, 0.0) - np.maximum(1.0 - colour - off, 0.0)
    return np.clip((result / 2 - LOW) / RANGE, 0.0, 1.0).transpose(1, 2, 0)
