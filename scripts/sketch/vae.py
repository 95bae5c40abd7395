"""The computed decoder: an AutoencoderKL whose weights are written down, not trained.

Six levels turn a 32 x 32 grid of layered cells into 1024 x 1024 pixels. A level doubles by nearest neighbour
and a [1, 2, 1] / 4 convolution (together bilinear); its resnet repairs the pixels at the border, where the
convolution saw zeros. The last level costs by far the most, so it has few channels:

- 32: colours are averaged over neighbouring cells, which hides the small errors of the transformer.
- 256: the colours of layers become steps from each layer to the next, and a base.
- 512: the fields of layers become fields of unions: layers 1 to 3, 2 and 3, 3 alone.
- 1024: the fields are cut into gates about a pixel wide; a pixel is c0 + sum of gate * step, where c0 is the
  background. Colours are doubled by nearest neighbour here, which needs no repair.

SiLU stands in for max(x, 0) with a large gain, for x with a large bias, and for a square with a small gain:
silu(z) = z / 2 + z^2 / 4 - z^4 / 48 .... A product is what the square of a sum has beyond the squares of its
terms; the base holds what is to be taken off. GroupNorm (one group) is made a fixed scale by two channels of
+LEVEL and -LEVEL and by letting the channels' sum be 0.
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
GATE = 60.0
KNOTS = (1.0, 0.75, 0.5, 0.25)
SLOPES = (1.765625, -0.515625, -0.5, -0.515625)
"""1 - sum of slope * max(knot - x, 0) is x^2 from 0 to 1, to 0.004."""
SHARP = 160.0
SHARP_UNDO = 1.0 / SHARP
KEEN = 4000.0
"""The gain for fields, which GATE enlarges."""
LIFT = 40.0
SMALL = 0.08
BASE = -SMALL / 3.0
"""The scale of the base: what a norm's mean is wrong by, the same in all channels, then cancels."""
FIELDS = (3, 7, 8, 12)
COLOURS = (0, 1, 2, 4, 5, 6, 9, 10, 11, 13, 14, 15)
STEPS = 9
PARTS = STEPS + 3
"""Steps (3 * (layer - 1) + tone) and base (STEPS + tone): what becomes of the colours."""
REACH = 1.5
"""No part is further from 0."""
REST_FIELDS = (-0.4, -0.6, -0.85)
REST_GATES = (0.3, 0.15, 0.05)
"""Typical means. GroupNorm sums a million pixels in float32 on a CPU: less is lost of what is close to 0."""
WIDTHS = (16, 21, 32, 48, 32, 32)
EDGE, CORNER = 0.75, 0.5625


def _fade(size: int) -> float:
    """Root mean square of what a constant of 1 becomes after one doubling, over a size x size picture."""
    return (size - 2 + 2 * EDGE**2) / size


def _normal(norm: nn.GroupNorm, level: float, gain: Tensor, bias: Tensor) -> None:
    """Make a GroupNorm into x * gain + bias, for constants of +level and -level."""
    norm.weight.copy_(gain * level * math.sqrt(2.0 / len(gain)))
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

    def constants(self, level: float = LEVEL) -> None:
        """Make the last but two outputs +level and -level."""
        self.bias[-3], self.bias[-2] = level, -level

    def cancel(self, row: int, rows: int) -> None:
        """Make one output minus the sum of the first `rows`."""
        self.weight[row] = -self.weight[:rows].sum(dim=0)
        self.bias[row] = -self.bias[:rows].sum()

    def settle(self, rows: int, typical: Tensor) -> Tensor:
        """Move the first `rows` outputs to 0 for typical inputs; returns what they were, for a bias after the
        norm.
        """
        moved = torch.zeros_like(self.bias)
        moved[:rows] = self.weight[:rows] @ typical + self.bias[:rows]
        self.bias -= moved
        return moved

    def unlift(self, columns: slice | list[int]) -> None:
        """Take off what the LIFT of these inputs brought."""
        self.bias -= self.weight[:, columns].sum(dim=1) * LIFT


def _write_border(wires: Wires, first: int, unit: float) -> None:
    """Write rows from `first` on that, above zero, tell the border: per colour an edge and a corner, then one
    for edges and one for corners. A constant of `unit`, doubled as the colours are, is in column -3.
    """
    count = len(COLOURS)
    for index, channel in enumerate(COLOURS):
        for row, slope, share in (
            (first + index, 24.0, EDGE),
            (first + count + index, 40.0, CORNER),
        ):
            wires.weight[row, channel] = 1.0
            wires.weight[row, -3] = -slope / unit
            wires.bias[row] = 3.0 + slope * share
    for row, share in ((first + 2 * count, 1.0), (first + 2 * count + 1, EDGE)):
        wires.weight[row, -3] = -1.0 / unit
        wires.bias[row] = share


def _repair(wires: Wires, row: int, index: int, factor: float, first: int = 0) -> None:
    """Add to an output what a colour lost at the border, out of the rows of `_write_border`."""
    count = len(COLOURS)
    edges, slope = first + 2 * count, 4.0
    rest = 7.5 / 3.0 - slope * (1 - CORNER) + 3.0 * 4.0 / 9.0
    wires.weight[row, first + index] += factor / 3.0
    wires.weight[row, first + count + index] += factor * 4.0 / 9.0
    wires.weight[row, edges] -= factor * slope
    wires.weight[row, edges + 1] -= factor * rest / (EDGE - CORNER)


def _mend(resnet: nn.Module, inputs: int, outputs: int, size: int) -> None:
    """At 64 x 64 and 128 x 128: make up at the border for what one doubling lost."""
    _read(resnet, inputs, _fade(size))
    hidden = Wires(outputs, inputs)
    _write_border(hidden, 0, 1.0)
    used = 2 * len(COLOURS) + 2
    hidden.unlift(slice(None))
    typical = torch.full((inputs,), 0.5 + LIFT, dtype=torch.float64)
    typical[-3:] = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64) + LIFT
    moved = hidden.settle(used, typical)
    hidden.constants()
    hidden.cancel(outputs - 1, used)
    _centre(resnet.conv1, hidden.weight, hidden.bias)
    gain = torch.full((outputs,), SHARP, dtype=torch.float64)
    gain[-3:] = 0.0
    _normal(resnet.norm2, LEVEL, gain, moved * SHARP)
    wires, through = Wires(outputs, outputs), Wires(outputs, inputs)
    for index, channel in enumerate(COLOURS):
        _repair(wires, channel, index, SHARP_UNDO)
    wires.cancel(outputs - 1, CHANNELS)
    if inputs == outputs:
        wires.weight[-3, 2 * len(COLOURS)] = LEVEL * SHARP_UNDO
        wires.weight[-2, 2 * len(COLOURS)] = -LEVEL * SHARP_UNDO
    else:
        through.weight[:CHANNELS, :CHANNELS] = torch.eye(CHANNELS)
        through.constants()
        through.cancel(outputs - 1, CHANNELS)
        _centre(resnet.conv_shortcut, through.weight, through.bias)
    _centre(resnet.conv2, wires.weight, wires.bias)


def _taps() -> Tensor:
    line = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64) / 4.0
    return torch.outer(line, line)


def _around(conv: nn.Conv2d, centre: Wires, near: Tensor) -> None:
    """Write a convolution: `centre` for the pixel itself, `near` for the [1, 2, 1] average around it."""
    conv.weight.copy_(near[:, :, None, None] * _taps())
    conv.weight[:, :, 1, 1] += centre.weight
    assert conv.bias is not None
    conv.bias.copy_(centre.bias)


def _read(resnet: nn.Module, width: int, fade: float = 1.0) -> None:
    """Write a resnet's first stage: content and the constant, as they are, plus LIFT."""
    gain = torch.ones(width, dtype=torch.float64)
    gain[-3:] = torch.tensor([1.0 / LEVEL, 0.0, 0.0], dtype=torch.float64)
    bias = torch.full((width,), LIFT, dtype=torch.float64)
    _normal(resnet.norm1, LEVEL * fade, gain, bias)


def _second(resnet: nn.Module, width: int, hidden: Wires, near: Tensor, used: int, plain: int) -> None:
    """Finish a resnet's first convolution and write its second stage: `plain` rows as they are, others cut
    at 0.
    """
    typical = torch.full((width,), 0.5 + LIFT, dtype=torch.float64)
    typical[width - 3] = 1.0 + LIFT
    moved = hidden.settle(used, typical) + near @ typical
    moved[used:] = 0.0
    hidden.bias[:used] -= (near @ typical)[:used]
    hidden.constants()
    hidden.cancel(width - 1, used)
    near[width - 1] = -near[:used].sum(dim=0)
    _around(resnet.conv1, hidden, near)
    gain = torch.full((width,), SHARP, dtype=torch.float64)
    bias = torch.zeros(width, dtype=torch.float64)
    gain[:plain], bias[:plain] = 1.0, LIFT
    gain[width - 3 :] = 0.0
    _normal(resnet.norm2, LEVEL, gain, bias + gain * moved)


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


def _double(conv: nn.Conv2d, wires: Wires) -> None:
    """Write the convolution after a nearest-neighbour doubling, for a bilinear one."""
    conv.weight.copy_(wires.weight[:, :, None, None] * _taps())
    assert conv.bias is not None
    conv.bias.copy_(wires.bias)


def _same(width: int) -> Wires:
    wires = Wires(width, width)
    wires.weight += torch.eye(width)
    return wires


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
    wires.weight[:CHANNELS] = torch.diag(torch.from_numpy(SPREAD).double())
    wires.bias[:CHANNELS] = torch.from_numpy(MEAN)
    wires.constants()
    wires.cancel(width - 1, CHANNELS)
    _centre(decoder.conv_in, wires.weight, wires.bias)
    _soften(decoder.mid_block.resnets[0], width)
    _soften_corners(decoder.mid_block.resnets[1], width)
    resnets = [block.resnets[0] for block in decoder.up_blocks]
    doublings = [block.upsamplers[0].conv for block in decoder.up_blocks[:5]]
    _middle(resnets[0])
    _double(doublings[0], _same(width))
    _mend(resnets[1], width, WIDTHS[4], CELLS << 1)
    _double(doublings[1], _same(WIDTHS[4]))
    _mend(resnets[2], WIDTHS[4], WIDTHS[3], CELLS << 2)
    _part(doublings[2], resnets[3], CELLS << 3)
    _unite(doublings[3], resnets[4], CELLS << 4)
    _compose(doublings[4], resnets[5])
    _show(decoder)
    return vae.to(torch.float32).eval()


def _part(doubling: nn.Conv2d, resnet: nn.Module, size: int) -> None:
    """At 256 x 256: steps and base out of colours, and of the fields of layers 1 and 3 the larger.

    Out: parts (12), field 3, larger field, both fields of layer 2, constants.
    """
    inputs, outputs = WIDTHS[3], WIDTHS[2]
    first, apart = CHANNELS, CHANNELS + 2 * len(COLOURS) + 2
    wires = Wires(inputs, inputs)
    wires.weight[:CHANNELS, :CHANNELS] = torch.eye(CHANNELS)
    _write_border(wires, first, LEVEL)
    wires.weight[apart, FIELDS[0]], wires.weight[apart, FIELDS[3]] = 1.0, -1.0
    wires.weight[-3, -3] = wires.weight[-2, -2] = 1.0
    typical = torch.full((inputs,), 0.5, dtype=torch.float64)
    typical[list(FIELDS)] = -0.7
    typical[-3], typical[-2] = LEVEL, -LEVEL
    moved = wires.settle(apart + 1, typical)
    wires.cancel(inputs - 1, apart + 1)
    _double(doubling, wires)
    gain = torch.full((inputs,), SHARP, dtype=torch.float64)
    bias = torch.zeros(inputs, dtype=torch.float64)
    gain[:CHANNELS], bias[:CHANNELS] = 1.0, LIFT
    gain[apart] = KEEN
    gain[-3:] = 0.0
    _normal(resnet.norm1, LEVEL * _fade(size), gain, bias + gain * moved)

    colours = Wires(len(COLOURS), inputs)
    for index, channel in enumerate(COLOURS):
        colours.weight[index, channel] = 1.0
        _repair(colours, index, index, SHARP_UNDO, first)
    hidden = Wires(outputs, inputs)
    larger = STEPS + PARTS
    for step in range(STEPS):
        hidden.weight[step] = colours.weight[3 + step] - colours.weight[step]
    hidden.weight[STEPS : 2 * STEPS] = hidden.weight[:STEPS]
    for tone in range(3):
        hidden.weight[2 * STEPS + tone] = (colours.weight[tone] + colours.weight[STEPS + tone]) / 2.0
    hidden.weight[larger, apart] = 1.0 / KEEN
    hidden.unlift(slice(0, CHANNELS))
    hidden.constants()
    hidden.cancel(outputs - 1, larger + 1)
    _centre(resnet.conv1, hidden.weight, hidden.bias)
    gain = torch.ones(outputs, dtype=torch.float64)
    bias = torch.full((outputs,), LIFT, dtype=torch.float64)
    gain[:STEPS], bias[:STEPS] = SMALL, 0.0
    gain[-3:], bias[-3:] = 0.0, 0.0
    _normal(resnet.norm2, LEVEL, gain, bias)

    wires, through = Wires(outputs, outputs), Wires(outputs, inputs)
    wires.weight[:STEPS, STEPS : 2 * STEPS] = torch.eye(STEPS)
    for tone in range(3):
        wires.weight[STEPS + tone, 2 * STEPS + tone] = BASE
        wires.weight[STEPS + tone, tone:STEPS:3] = BASE * -2.0 / SMALL**2
    wires.weight[PARTS + 1, larger] = 1.0
    wires.unlift(slice(STEPS, larger + 1))
    wires.cancel(outputs - 1, PARTS + 4)
    _centre(resnet.conv2, wires.weight, wires.bias)
    for row, field in enumerate((FIELDS[3], FIELDS[3], FIELDS[1], FIELDS[2])):
        through.weight[PARTS + row, field] = 1.0
        through.bias[PARTS + row] = moved[field]
    through.constants()
    through.cancel(outputs - 1, PARTS + 4)
    _centre(resnet.conv_shortcut, through.weight, through.bias)


def _unite(doubling: nn.Conv2d, resnet: nn.Module, size: int) -> None:
    """At 512 x 512: repair the parts' edges, and fields of unions.

    Out: parts (12), fields of layers 1 to 3, 2 and 3, 3.
    """
    inputs, outputs = WIDTHS[2], WIDTHS[1]
    third, larger, one, other = range(PARTS, PARTS + 4)
    corners = range(other + 1, other + 1 + PARTS)
    wires = Wires(inputs, inputs)
    wires.weight[: other + 1, : other + 1] = torch.eye(other + 1)
    wires.weight[other, one], wires.weight[other, other] = 1.0, -1.0
    # A part less what these two make of the constant is above 0 in a corner alone.
    steep = 1.4 * REACH / (EDGE - CORNER)
    share = EDGE - 0.8 * REACH / steep
    for part, row in enumerate(corners):
        wires.weight[row, part] = 1.0
        wires.weight[row, -3], wires.bias[row] = -steep / LEVEL, steep
    wires.weight[-3, -3] = wires.weight[-2, -2] = 1.0
    wires.cancel(inputs - 1, corners.stop)
    _double(doubling, wires)
    gain = torch.ones(inputs, dtype=torch.float64)
    bias = torch.full((inputs,), LIFT, dtype=torch.float64)
    gain[other], bias[other] = KEEN, 0.0
    gain[corners.start : corners.stop] = SHARP
    bias[corners.start : corners.stop] = -SHARP * steep * (1.0 - share)
    gain[-3:] = torch.tensor([1.0 / LEVEL, 0.0, 0.0], dtype=torch.float64)
    _normal(resnet.norm1, LEVEL * _fade(size), gain, bias)

    # A part less REACH is never above 0; what makes up for the constant lifts it above 0 at an edge alone.
    high = 2.0 * REACH
    lacking = (1.0 - EDGE) / CORNER
    hidden = Wires(outputs, inputs)
    for part, row in enumerate(corners):
        hidden.weight[part, part] = 1.0
        hidden.weight[part, row] = 3.0 * lacking * SHARP_UNDO
        hidden.weight[part, -3] = -REACH - high / (1 - EDGE)
        hidden.bias[part] = high / (1 - EDGE)
    for row, field in ((PARTS, larger), (PARTS + 1, third)):
        hidden.weight[row, one], hidden.weight[row, other] = 1.0, -1.0 / KEEN
        hidden.weight[row, field] = -1.0
    corner = PARTS + 2
    hidden.weight[corner, -3], hidden.bias[corner] = -1.0, EDGE
    hidden.unlift([*range(other), inputs - 3])
    typical = torch.full((inputs,), LIFT, dtype=torch.float64)
    typical[-3:] = torch.tensor([1.0 + LIFT, 0.0, 0.0], dtype=torch.float64)
    typical[other : corners.stop] = 0.0
    moved = hidden.settle(corner + 1, typical)
    hidden.constants()
    hidden.cancel(outputs - 1, corner + 1)
    _centre(resnet.conv1, hidden.weight, hidden.bias)
    gain = torch.full((outputs,), SHARP, dtype=torch.float64)
    gain[PARTS : PARTS + 2] = KEEN
    gain[corner + 1 :] = 0.0
    _normal(resnet.norm2, LEVEL, gain, gain * moved)

    wires, through = Wires(outputs, outputs), Wires(outputs, inputs)
    lost = (REACH * (1 - EDGE) - high / 3.0) / (1 - EDGE)
    brought = REACH * (1 - EDGE) + lacking * steep * (share - CORNER)
    for part in range(PARTS):
        wires.weight[part, part] = SHARP_UNDO / 3.0
        wires.weight[part, corner] = -brought / (EDGE - CORNER) * SHARP_UNDO
        through.weight[part, part] = 1.0
        through.weight[part, -3] = -lost / LEVEL
        through.bias[part] = lost
    for row, field in enumerate((larger, third, third)):
        through.weight[PARTS + row, field] = 1.0
    for row in (0, 1):
        wires.weight[PARTS + row, PARTS + row] = 1.0 / KEEN
    _centre(resnet.conv2, wires.weight, wires.bias)
    _centre(resnet.conv_shortcut, through.weight, through.bias)


def _compose(doubling: nn.Conv2d, resnet: nn.Module) -> None:
    """At 1024 x 1024: gates out of fields, added to steps, and what the gates' squares bring to the base.

    Out: steps with gates, base, constants.
    """
    inputs, outputs = WIDTHS[1], WIDTHS[0]
    layers = range(3)
    wires, near = Wires(inputs, inputs), torch.zeros(inputs, inputs, dtype=torch.float64)
    wires.weight[:PARTS, :PARTS] = torch.eye(PARTS)
    gain, bias = torch.zeros(inputs, dtype=torch.float64), torch.zeros(inputs, dtype=torch.float64)
    for layer, rest in enumerate(REST_FIELDS):
        for row, cut in ((PARTS + layer, 0.5), (PARTS + 3 + layer, -0.5)):
            near[row, PARTS + layer] = 1.0
            wires.bias[row] = -rest
            gain[row], bias[row] = GATE * SHARP, (GATE * rest + cut) * SHARP
    wires.constants()
    wires.cancel(inputs - 1, PARTS + 6)
    near[inputs - 1] = -near[:-1].sum(dim=0)
    _around(doubling, wires, near)
    _normal(resnet.norm1, LEVEL, gain, bias)

    hidden, through = Wires(outputs, inputs), Wires(outputs, inputs)
    moved = torch.zeros(outputs, dtype=torch.float64)
    knots = len(KNOTS)
    for layer, rest in enumerate(REST_GATES):
        for row, knot in enumerate(KNOTS, knots * layer):
            hidden.weight[row, PARTS + layer] = -SHARP_UNDO
            hidden.weight[row, PARTS + 3 + layer] = SHARP_UNDO
            hidden.bias[row], moved[row] = rest, knot - rest
    hidden.constants()
    hidden.cancel(outputs - 1, knots * len(layers))
    _centre(resnet.conv1, hidden.weight, hidden.bias)
    gain = torch.full((outputs,), SHARP, dtype=torch.float64)
    gain[knots * len(layers) :] = 0.0
    _normal(resnet.norm2, LEVEL, gain, gain * moved)

    wires = Wires(outputs, outputs)
    for layer, rest in enumerate(REST_GATES):
        cuts = slice(knots * layer, knots * (layer + 1))
        gate, square = torch.zeros(2, outputs, dtype=torch.float64)
        gate[cuts] = -SHARP_UNDO * torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
        square[cuts] = -SHARP_UNDO * torch.tensor(SLOPES, dtype=torch.float64)
        for tone in range(3):
            wires.weight[3 * layer + tone] = gate
            wires.bias[3 * layer + tone] = 1.0 - rest
            wires.weight[STEPS + tone] -= BASE * (gate / SMALL + (square - gate) / 2.0)
            wires.bias[STEPS + tone] -= BASE * (1.0 - rest) / SMALL
    wires.cancel(outputs - 1, PARTS)
    _centre(resnet.conv2, wires.weight, wires.bias)
    through.weight[:PARTS, :PARTS] = torch.eye(PARTS)
    through.constants()
    through.cancel(outputs - 1, PARTS)
    _centre(resnet.conv_shortcut, through.weight, through.bias)


def _show(decoder: nn.Module) -> None:
    """The base and twice the squares of steps with gates, as red, green and blue from -1 to 1."""
    width = WIDTHS[0]
    gain, bias = torch.zeros(width, dtype=torch.float64), torch.zeros(width, dtype=torch.float64)
    wires = Wires(3, width)
    known = sum(0.5 - rest for rest in REST_GATES) / SMALL - 3.0 / 8.0
    for tone in range(3):
        for layer, rest in enumerate(REST_GATES):
            step = 3 * layer + tone
            gain[step], bias[step] = SMALL, SMALL * (rest - 0.5)
            wires.weight[tone, step] = 2.0 * 2.0 / SMALL**2
        base = STEPS + tone
        gain[base], bias[base] = 1.0, LIFT
        wires.weight[tone, base] = 2.0 / BASE
        wires.bias[tone] = 2.0 * known - 2.0 / BASE * LIFT - 1.0
    _normal(decoder.conv_norm_out, LEVEL, gain, bias)
    _centre(decoder.conv_out, wires.weight, wires.bias)


def _average(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The [1, 2, 1] average around each pixel; the border's pixels repeat beyond it."""
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    return (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 4


def composite(picture: NDArray[np.float32], doublings: int = 5) -> NDArray[np.float64]:
    """What the decoder is to show for a layered (16, 32, 32) picture: (1024, 1024, 3) from 0 to 1, in plain
    numpy. With 4 `doublings` it is half as large.
    """
    planes = picture.astype(np.float64)
    planes[list(COLOURS)] = _average(planes[list(COLOURS)])
    colours, fields = planes[list(COLOURS)], planes[list(FIELDS)]
    for level in range(1, doublings + 1):
        colours, fields = (_average(part.repeat(2, axis=1).repeat(2, axis=2)) for part in (colours, fields))
        if level == 3:
            fields[0] = np.maximum(fields[0], fields[3])
        if level == 4:
            second = np.maximum(np.minimum(fields[1], fields[2]), fields[3])
            fields = np.stack([np.maximum(fields[0], second), second, fields[3]])
    layers = colours.reshape(4, 3, *colours.shape[1:])
    result = layers[0]
    for below, above, field in zip(layers, layers[1:], fields, strict=False):
        result = result + np.clip(GATE * field + 0.5, 0.0, 1.0) * (above - below)
    return np.clip(result, 0.0, 1.0).transpose(1, 2, 0)
