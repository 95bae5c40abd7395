"""Linear layers in 8 and 4 bits against the full ones."""

import weakref

import pytest
import torch
from torch import Tensor, nn

from alya_mcp.images.flux.quantised import linears, quantised
from alya_mcp.settings.precisions import Precision

BOUNDS: dict[Precision, float] = {"fp8": 0.04, "int8": 0.01, "int4": 0.10}
SIZES: dict[Precision, float] = {"fp8": 1.01, "int8": 1.01, "int4": 0.5725}
"""Bytes per weight, of which the plans of choose.py assume 1.01 and 0.57 for FLUX.1's wider layers."""

torch_types = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
precisions = pytest.mark.parametrize("precision", list(BOUNDS))


def a_linear(inputs: int = 1024, outputs: int = 512, *, bias: bool = True, dtype=torch.float32) -> nn.Linear:
    generator = torch.Generator().manual_seed(5)
    linear = nn.Linear(inputs, outputs, bias=bias)
    with torch.no_grad():
        linear.weight.normal_(0.0, 0.02, generator=generator)
        if bias:
            linear.bias.normal_(0.0, 0.02, generator=generator)
    return linear.to(dtype)


def rows(*shape: int, dtype=torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(6)).to(dtype)


def error(narrow: nn.Module, full: nn.Linear, inputs: Tensor) -> float:
    with torch.no_grad():
        exact = nn.functional.linear(
            inputs.float(), full.weight.float(), None if full.bias is None else full.bias.float()
        )
        return float((narrow(inputs).float() - exact).norm() / exact.norm())


def bytes_of(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))


@precisions
@torch_types
def test_the_product_is_nearly_the_full_layers(precision: Precision, dtype: torch.dtype):
    # A single product of bfloat16 is rounded to 0.2 %.
    bound = BOUNDS[precision] + (0.003 if dtype == torch.bfloat16 else 0)
    for bias in (True, False):
        full = a_linear(bias=bias, dtype=dtype)
        narrow = quantised(full, precision, activations=False)
        for shape in ((1024,), (1, 1024), (3, 1024), (16, 1024), (17, 1024), (2, 40, 1024)):
            inputs = rows(*shape, dtype=dtype)
            answer = narrow(inputs)
            assert answer.shape == (*shape[:-1], 512)
            assert answer.dtype == dtype
            assert error(narrow, full, inputs) < bound, (bias, shape)


@torch_types
@pytest.mark.parametrize(("precision", "bound"), [("fp8", 0.05), ("int8", 0.02)])
def test_products_of_rounded_inputs_are_nearly_the_full_layers_too(
    dtype: torch.dtype, precision: Precision, bound: float
):
    for bias in (True, False):
        full = a_linear(bias=bias, dtype=dtype)
        narrow = quantised(full, precision, activations=True)
        for shape in ((64, 1024), (2, 32, 1024)):
            for scale in (1e-3, 1.0, 1e3):
                inputs = rows(*shape, dtype=dtype) * scale
                kept = inputs.clone()
                assert narrow(inputs).dtype == dtype
                assert error(narrow, full, inputs) < bound, (bias, shape, scale)
                assert torch.equal(inputs, kept)


@precisions
@torch.no_grad()
def test_a_row_of_zeros_stays_one_and_a_row_of_outliers_costs_only_itself(precision: Precision):
    full = a_linear(bias=False)
    full.weight[0] = 0.0
    full.weight[1] *= 1000
    answer, exact = quantised(full, precision, activations=False)(rows(64, 1024)), full(rows(64, 1024))
    assert float(answer[:, 0].abs().max()) == 0.0
    assert float((answer - exact)[:, 2:].norm() / exact[:, 2:].norm()) < BOUNDS[precision]


@precisions
def test_it_takes_the_memory_that_plans_count_with(precision: Precision):
    full = a_linear(3072, 512, bias=False, dtype=torch.bfloat16)
    narrow = quantised(full, precision, activations=False)
    assert bytes_of(narrow) / full.weight.numel() <= SIZES[precision]
    assert not any(parameter.requires_grad for parameter in narrow.parameters())


@precisions
def test_layers_of_odd_shapes_are_left_alone(precision: Precision):
    for inputs, outputs in ((100, 64), (32, 64), (64, 20), (64, 1)):
        full = a_linear(inputs, outputs)
        assert quantised(full, precision, activations=True) is full, (inputs, outputs)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_full_precisions_leave_every_layer_alone(precision: Precision):
    full = a_linear()
    assert quantised(full, precision, activations=True) is full


def test_every_linear_layer_is_found_with_its_holder_and_none_is_kept_alive_once_it_is_replaced():
    module = nn.Sequential(
        nn.Linear(64, 64), nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64)), nn.LayerNorm(64)
    )
    replaced: list[weakref.ref[nn.Module]] = []
    for holder, name, linear in linears(module):
        assert sum(layer() is not None for layer in replaced) <= 1
        replaced.append(weakref.ref(linear))
        setattr(holder, name, quantised(linear, "int8", activations=False))
    del linear
    assert len(replaced) == 3
    assert [layer() for layer in replaced] == [None] * 3
    assert list(linears(module)) == []
    assert module(rows(2, 64)).shape == (2, 64)
