"""A real, tiny pipeline as each plan asks for it: what it draws, what it takes, where it stays."""

import json
import re
import shutil
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from alya_mcp.errors import NotConfigured
from alya_mcp.images.engine import Job
from alya_mcp.images.families import SCHNELL
from alya_mcp.images.flux import random_weights
from alya_mcp.images.flux.loading import load_pipeline, settle
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.flux.quantised import linears
from alya_mcp.images.plan import Machine, Plan, plans
from alya_mcp.images.weights import require_whole

JOB = Job(prompt="a red circle on the square", seed=3, steps=3, width=128, height=192)
FULL = Plan(precision="fp32", encoder="fp32", needs=0)


def artist_with(folder: Path, plan: Plan) -> Artist:
    return open_artist(load_pipeline(folder, plan, "cpu"), torch.device("cpu"))


def drawn_by(artist: Artist) -> np.ndarray:
    latents = artist.denoise(JOB, artist.read(JOB.prompt), lambda done: None)
    return artist.pixels(JOB, latents).numpy().astype(int)


@pytest.fixture(scope="module")
def full(tiny: Path) -> np.ndarray:
    return drawn_by(artist_with(tiny, FULL))


def bytes_of(*modules: nn.Module) -> int:
    return sum(tensor.nbytes for module in modules for tensor in (*module.parameters(), *module.buffers()))


@pytest.mark.parametrize("encoder", [False, True])
@pytest.mark.parametrize("transformer", [False, True])
def test_streaming_changes_no_bit(tiny: Path, full: np.ndarray, encoder: bool, transformer: bool):
    plan = Plan(
        precision="fp32", encoder="fp32", encoder_streamed=encoder, transformer_streamed=transformer, needs=0
    )
    artist = artist_with(tiny, plan)
    for _ in range(2):
        assert (drawn_by(artist) == full).all()


def test_the_attention_of_an_earlier_model_is_not_the_next_ones(tiny: Path, full: np.ndarray):
    # diffusers keeps the last one that was chosen for the whole process.
    load_pipeline(tiny, replace(FULL, attention="_native_cudnn"), "cpu")
    assert (drawn_by(artist_with(tiny, FULL)) == full).all()


def test_joined_projections_change_next_to_nothing(tiny: Path, full: np.ndarray):
    artist = artist_with(tiny, Plan(precision="fp32", encoder="fp32", compiled=True, needs=0))
    names = {name.rpartition(".")[2] for name, _ in artist.pipeline.transformer.named_modules()}
    assert {"to_qkv", "to_added_qkv"} <= names
    assert not names & {"to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj"}
    assert abs(drawn_by(artist) - full).max() <= 2


@pytest.mark.parametrize(
    "plan",
    [
        Plan(precision="bf16", encoder="bf16", needs=0),
        Plan(precision="bf16", encoder="bf16", encoder_streamed=True, needs=0),
        Plan(precision="fp8", encoder="int8", needs=0),
        Plan(precision="int8", encoder="int8", compiled=True, needs=0),
        Plan(precision="int8", encoder="int8", encoder_streamed=True, needs=0),
        Plan(precision="int4", encoder="int8", needs=0),
        Plan(precision="int4", encoder="int8", encoder_streamed=True, compiled=True, needs=0),
        Plan(precision="int4", encoder="int8", encoder_streamed=True, transformer_streamed=True, needs=0),
    ],
    ids=lambda plan: plan.words,
)
def test_every_plan_draws_nearly_the_same_picture(tiny: Path, full: np.ndarray, plan: Plan):
    picture = drawn_by(artist_with(tiny, plan))
    assert picture.shape == (192, 128, 3)
    assert abs(picture - full).mean() < 2


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("precision", ["fp8", "int8", "int4"])
def test_nothing_that_a_plan_counts_as_quantised_stays_wide(tiny: Path, precision: Any, streamed: bool):
    plan = Plan(
        precision=precision,
        encoder="int8",
        encoder_streamed=streamed,
        transformer_streamed=streamed,
        compiled=not streamed,
        needs=0,
    )
    pipeline = load_pipeline(tiny, plan, "cpu")
    transformer = pipeline.transformer
    for part in (
        transformer.transformer_blocks, transformer.single_transformer_blocks, pipeline.text_encoder_2
    ):  # fmt: skip
        assert list(linears(part)) == []
    assert not any(
        parameter.requires_grad
        for part in (transformer, pipeline.text_encoder, pipeline.text_encoder_2, pipeline.vae)
        for parameter in part.parameters()
    )


@pytest.mark.parametrize("away", [False, True])
def test_no_more_than_one_layer_is_wide_on_the_device_while_a_model_is_quantised(tiny: Path, away: bool):
    import diffusers

    pipeline = diffusers.FluxPipeline.from_pretrained(tiny, dtype=torch.bfloat16, local_files_only=True)
    wide: list[weakref.ref[nn.Module]] = []

    def fill(module: nn.Module, device: torch.device) -> None:
        if isinstance(module, nn.Linear):
            assert sum(layer() is not None for layer in wide) <= 1
            wide.append(weakref.ref(module))
        module.to(device)

    plan = Plan(precision="int8", encoder="int8", encoder_streamed=away, transformer_streamed=away, needs=0)
    settle(pipeline, plan, torch.device("cpu"), fill)
    assert len(wide) > 20
    assert not any(layer() is not None for layer in wide)


@pytest.mark.parametrize(
    ("precision", "encoder", "compiles"),
    [
        ("bf16", "bf16", True),
        pytest.param("fp8", "bf16", True, marks=pytest.mark.slow),
        pytest.param("int8", "int8", False, marks=pytest.mark.slow),
        ("int4", "int8", True),
    ],
)
def test_flux_takes_the_memory_that_its_plan_counts_with(
    monkeypatch: pytest.MonkeyPatch, precision: str, encoder: str, compiles: bool
):
    machine = Machine(
        device="cuda", name="a card", free=0, total=0, main=0, capability=(8, 9), compiles=compiles
    )
    known = plans(machine, SCHNELL.weights, precision)
    plan = next(plan for plan in known if plan.encoder == encoder and not plan.encoder_streamed)
    # Shapes without numbers: all of FLUX.1-schnell, and no memory.
    monkeypatch.setattr(random_weights, "_fill", lambda module, device: None)
    pipeline = random_weights.random_pipeline(SCHNELL, plan, "meta")
    weights = bytes_of(pipeline.transformer, pipeline.text_encoder_2, pipeline.text_encoder, pipeline.vae)
    # Beside them it counts with 3.3 GB to decode and for the runtime, and 0.6 GB for what is compiled.
    assert plan.needs == pytest.approx(weights + 3.3e9 + 0.6e9 * compiles, rel=0.01)


def without_a_weight(model: Path, part: str, folder: Path) -> str:
    """Copy `model` to `folder`, less one weight of `part`; its name."""
    shutil.copytree(model, folder)
    (file,) = (folder / part).glob("*.safetensors")
    weights = load_file(file)
    lost = next(name for name in sorted(weights) if name.endswith("weight"))
    del weights[lost]
    save_file(weights, file, metadata={"format": "pt"})
    return lost


@pytest.mark.parametrize("part", ["text_encoder", "text_encoder_2"])
def test_a_weight_that_a_text_encoder_lacks_is_named_and_not_made_up(tiny: Path, tmp_path: Path, part: str):
    lost = without_a_weight(tiny, part, tmp_path / "model")
    with pytest.raises(NotConfigured, match=re.escape(lost)):
        artist_with(tmp_path / "model", FULL)


@pytest.mark.parametrize("part", ["transformer", "vae"])
def test_a_weight_that_another_part_lacks_is_named(tiny: Path, tmp_path: Path, part: str):
    lost = without_a_weight(tiny, part, tmp_path / "model")
    with pytest.raises(NotConfigured, match=re.escape(lost)):
        artist_with(tmp_path / "model", FULL)


def test_weights_of_a_variant_alone_are_loaded(tiny: Path, tmp_path: Path):
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    for file in list(model.rglob("*.safetensors")):
        half = {name: weight.half() for name, weight in load_file(file).items()}
        save_file(half, file.with_name(file.name.replace(".", ".fp16.", 1)), metadata={"format": "pt"})
        file.unlink()
    require_whole(model, "It")
    assert artist_with(model, FULL).pipeline.transformer.dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "encoder"), [("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2")]
)
def test_a_tokenizer_that_is_not_its_encoders_is_refused(tiny: Path, tmp_path: Path, name: str, encoder: str):
    """transformers makes an empty one where the vocabulary is missing, and the picture ignores the prompt."""
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    (model / name / "tokenizer.json").unlink()
    with pytest.raises(NotConfigured, match=name):
        require_whole(model, "It")
    with pytest.raises(NotConfigured, match=encoder):
        artist_with(model, FULL)


@pytest.mark.parametrize("part", ["transformer", "text_encoder_2"])
@pytest.mark.parametrize("method", ["bitsandbytes", "torchao", "gguf"])
def test_a_part_that_is_quantised_already_is_refused_by_name(
    tiny: Path, tmp_path: Path, part: str, method: str
):
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    config = model / part / "config.json"
    config.write_text(
        json.dumps(json.loads(config.read_text()) | {"quantization_config": {"quant_method": method}})
    )
    with pytest.raises(NotConfigured, match=f"{part}.*{method}"):
        require_whole(model, "It")
