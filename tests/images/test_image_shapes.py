"""FLUX.1-schnell at its full size without its numbers: PyTorch's own rules of shapes judge each part.

A tensor without values refuses to tell one, so what computes here waits for nothing while it works, which
is what recording on a CUDA device takes.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from alya_mcp.images.families import SCHNELL
from alya_mcp.images.flux import random_weights
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.plan import Machine, Plan, choose_plan
from alya_mcp.settings.precisions import SELECTABLE, Precision

GB = 10**9
H200 = Machine(
    device="cuda",
    name="a large card",
    free=140 * GB,
    total=141 * GB,
    main=500 * GB,
    capability=(9, 0),
    compiles=True,
)
TOKENS, TEXT, CHANNELS = 4096, 256, 64
WORKING = 600_000_000 + 700_000_000 + 2_600_000_000
"""What the plan adds to the weights for the recordings, the runtime and decoding at once."""


def whole(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Artist:
    """The model as a large CUDA device gets it by `plan`."""

    def move(module: nn.Module, device: torch.device) -> None:
        module.to(device)

    monkeypatch.setattr(random_weights, "_fill", move)
    # The choice of attention is the process's as well.
    pipeline: Any = random_weights.random_pipeline(SCHNELL, replace(plan, attention="native"), "meta")
    for layer in pipeline.transformer.modules():
        if hasattr(layer, "activations"):
            layer.activations = True
    return open_artist(pipeline, torch.device("meta"))


def empty(*shape: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    return torch.empty(*shape, dtype=dtype, device="meta")


# int8 and fp8 differ from int4 by what a weight is kept in, which test_image_quantised.py computes with.
@pytest.mark.parametrize(
    "precision",
    [pytest.param(each, marks=[] if each in {"bf16", "int4"} else pytest.mark.slow) for each in SELECTABLE],
)
def test_at_full_size_every_part_computes_waits_for_nothing_and_takes_what_is_planned(
    precision: Precision, monkeypatch: pytest.MonkeyPatch
):
    plan = choose_plan(H200, SCHNELL.weights, precision)
    artist = whole(plan, monkeypatch)

    text, pooled = artist.encode(empty(1, TEXT, dtype=torch.long), empty(1, 77, dtype=torch.long))
    assert (text.shape, pooled.shape) == ((1, TEXT, 4096), (1, 768))
    latents, change = empty(1, TOKENS, CHANNELS), torch.empty((), device="meta")
    (after,) = artist.step(latents, empty(1), change, text, pooled, empty(TOKENS, 3))
    assert (after.shape, after.dtype) == (latents.shape, torch.bfloat16)
    levels, finite = artist.decode(empty(1, 16, 128, 128))
    assert (levels.shape, levels.dtype) == ((1024, 1024, 3), torch.uint8)
    assert finite.shape == ()

    pipeline = artist.pipeline
    parts = (pipeline.transformer, pipeline.text_encoder, pipeline.text_encoder_2, pipeline.vae)
    taken = sum(tensor.nbytes for part in parts for tensor in (*part.parameters(), *part.buffers()))
    assert plan.needs - WORKING == pytest.approx(taken, rel=0.01)


def test_numbers_that_two_modules_share_are_filled_once():
    with torch.device("meta"):
        encoder = transformers.T5EncoderModel(transformers.T5Config(vocab_size=64, d_model=16, num_layers=1))
    shapes: Any = random_weights
    shapes._fill(encoder, torch.device("cpu"))
    assert encoder.encoder.embed_tokens.weight is encoder.shared.weight
    assert float(encoder.shared.weight.detach().std()) > 0
