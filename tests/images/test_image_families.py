"""FLUX.2-klein and Z-Image: diffusers' own pictures, by every plan, at their full size in shapes alone."""

import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stage import PATIENCE
from tiny_families import TEMPLATE
from torch import nn

from alya_mcp.errors import NotConfigured
from alya_mcp.images.engine import Job
from alya_mcp.images.families import KLEIN_4B, KLEIN_9B, MODELS, SCHNELL, TURBO, Model, known
from alya_mcp.images.families.qwen3 import conversation
from alya_mcp.images.flux import random_weights
from alya_mcp.images.flux.accelerate import Accelerator
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.plan import Machine, Plan, choose_plan, weigh
from alya_mcp.images.weights import require_whole

PROMPT = "a red circle on the blue square"
JOB = Job(prompt=PROMPT, seed=3, steps=3, width=96, height=160)
FULL = Plan(precision="fp32", encoder="fp32", needs=0)
HALF = Plan(precision="bf16", encoder="bf16", needs=0)


@pytest.fixture(params=["klein", "z_image"])
def model(request: pytest.FixtureRequest) -> Path:
    """The folder of a tiny model of each new family."""
    return request.getfixturevalue(f"tiny_{request.param}")


def artist_for(folder: Path, plan: Plan = FULL) -> Artist:
    return open_artist(load_pipeline(folder, plan, "cpu"), torch.device("cpu"))


def draw(artist: Artist, job: Job = JOB) -> np.ndarray:
    latents = artist.denoise(job, artist.read(job.prompt), lambda done: None)
    return artist.pixels(job, latents).numpy().astype(int)


def theirs(artist: Artist, folder: Path, job: Job, output: str) -> Any:
    """What the whole pipeline makes of `job` by itself, with all layers of its text encoder."""
    import diffusers

    pipeline = getattr(diffusers, artist.family.pipeline).from_pretrained(
        folder, dtype=artist.dtype, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompt=job.prompt,
        height=job.height,
        width=job.width,
        num_inference_steps=job.steps,
        guidance_scale=0.0,
        generator=torch.Generator("cpu").manual_seed(job.seed),
        output_type=output,
    ).images


# -- pictures


@pytest.mark.parametrize("plan", [FULL, HALF], ids=["float32", "bfloat16"])
def test_latents_and_pixels_are_those_of_diffusers_without_the_layers_that_nobody_reads(
    model: Path, plan: Plan
):
    artist = artist_for(model, plan)
    latents = artist.denoise(JOB, artist.read(PROMPT), lambda done: None)
    mine = artist.scaled(JOB, latents) if artist.family is KLEIN_4B.family else latents
    assert torch.equal(mine, theirs(artist, model, JOB, "latent"))
    (picture,) = theirs(artist, model, JOB, "pt")
    expected = (picture.float().clamp(0, 1) * 255).round().permute(1, 2, 0)
    assert float((artist.pixels(JOB, latents) - expected).abs().max()) <= 1
    assert len(artist.encoder.layers) == artist.family.encoder.layers


def test_a_prompt_stands_in_the_conversation_that_qwen3s_template_writes(model: Path):
    artist = artist_for(model)
    assert artist.pipeline.tokenizer.chat_template == TEMPLATE
    for thinks in (False, True):
        assert conversation("{x}\n", thinks=thinks) == artist.pipeline.tokenizer.apply_chat_template(
            [{"role": "user", "content": "{x}\n"}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=thinks,
        )


def test_a_prompt_that_is_longer_than_the_model_reads_is_told(model: Path):
    artist = artist_for(model)
    assert not artist.read(PROMPT).truncated
    long = replace(JOB, prompt="a red circle " * 60, steps=1)
    assert artist.read(long.prompt).truncated
    assert artist.text_tokens == 512
    assert draw(artist, long).shape == (160, 96, 3)


# -- plans


@pytest.mark.parametrize(
    "plan",
    [
        replace(FULL, encoder_streamed=True, transformer_streamed=True),
        replace(HALF, compiled=True),
        Plan(precision="int8", encoder="int8", compiled=True, needs=0),
        Plan(precision="fp8", encoder="int8", encoder_streamed=True, needs=0),
        Plan(precision="int4", encoder="int8", encoder_streamed=True, transformer_streamed=True, needs=0),
    ],
    ids=lambda plan: plan.words,
)
def test_every_plan_draws_nearly_the_same_and_streaming_changes_no_bit(model: Path, plan: Plan):
    full = draw(artist_for(model))
    artist = artist_for(model, plan)
    off = abs(draw(artist) - full)
    assert off.max() == 0 if plan.precision == "fp32" else off.mean() < 4
    if plan.rounded:
        blocks = [block for kind in artist.blocks for block in kind]
        wide = [layer for part in (*blocks, artist.encoder) for layer in part.modules()]
        assert not any(type(layer) is nn.Linear for layer in wide)


@pytest.mark.slow
def test_compiled_parts_draw_alike_and_prompts_of_another_length_compile_nothing_more(
    model: Path,
):
    settling = Job(prompt="a warm-up picture", seed=0, steps=1, width=JOB.width, height=JOB.height)
    torch._dynamo.reset()
    plan = replace(FULL, compiled=True)
    artist = artist_for(model, plan)
    jobs = [JOB, replace(JOB, prompt="a red circle on the blue square " * 4)]
    before = [draw(artist, job) for job in jobs]
    accelerator = Accelerator(artist, plan, "aot_eager", settling=settling)
    deadline = time.monotonic() + PATIENCE
    while accelerator.advance(idle=True):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert accelerator.words == "compiled"
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    for job, picture in zip(jobs, before, strict=True):
        assert abs(draw(artist, job) - picture).max() <= 2
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == graphs
    torch._dynamo.reset()


# -- files


def test_the_weights_that_are_counted_are_those_that_are_loaded(model: Path):
    artist = artist_for(model)
    pipeline = artist.pipeline
    weights = weigh(model)
    counted = {
        part: sum(parameter.numel() for parameter in getattr(pipeline, part).parameters())
        for part in ("transformer", "text_encoder", "vae")
    }
    assert weights.family.pipeline == type(pipeline).__name__
    assert weights.transformer == counted["transformer"]
    # The last norm is read and not kept.
    assert weights.encoder - counted["text_encoder"] == 64
    blocks = artist.blocks
    assert weights.transformer_kept == counted["transformer"] - sum(
        parameter.numel() for kind in blocks for block in kind for parameter in block.parameters()
    )
    assert weights.encoder_kept == pipeline.text_encoder.embed_tokens.weight.numel() + 64
    assert counted["vae"] <= weights.others <= counted["vae"] * 1.01


@pytest.mark.parametrize("read", [True, False])
def test_a_weight_that_the_text_encoder_lacks_is_named_if_it_is_read(model: Path, tmp_path: Path, read: bool):
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    (file,) = (copy / "text_encoder").glob("*.safetensors")
    weights = load_file(file)
    layers = artist_for(model).family.encoder.layers or 0
    lost = f"layers.{layers - 1 if read else layers}.mlp.up_proj.weight"
    del weights[f"model.{lost}"]
    save_file(weights, file, metadata={"format": "pt"})
    if read:
        with pytest.raises(NotConfigured, match=re.escape(lost)):
            artist_for(copy)
    else:
        artist_for(copy)


def test_a_tokenizer_without_its_words_is_refused(model: Path, tmp_path: Path):
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    require_whole(copy, "It")
    for file in ("tokenizer.json", "vocab.json"):
        (copy / "tokenizer" / file).unlink(missing_ok=True)
    with pytest.raises(NotConfigured, match="tokenizer"):
        require_whole(copy, "It")


def test_a_base_model_that_needs_many_steps_is_refused(tiny_klein: Path, tmp_path: Path):
    copy = tmp_path / "model"
    shutil.copytree(tiny_klein, copy)
    index = copy / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"is_distilled": False}))
    with pytest.raises(NotConfigured, match="It can't be drawn with: it is a base model"):
        require_whole(copy, "It")


# -- at full size


@pytest.mark.parametrize(
    ("known_model", "precision"),
    [
        (KLEIN_4B, "bf16"),
        (KLEIN_9B, "int4"),
        (TURBO, "int4"),
        pytest.param(KLEIN_4B, "int4", marks=pytest.mark.slow),
        pytest.param(KLEIN_9B, "bf16", marks=pytest.mark.slow),
        pytest.param(TURBO, "bf16", marks=pytest.mark.slow),
    ],
    ids=lambda each: getattr(each, "setting", each),
)
def test_at_full_size_every_part_computes_waits_for_nothing_and_takes_what_is_planned(
    known_model: Model, precision: str, monkeypatch: pytest.MonkeyPatch
):
    card = Machine(
        device="cuda", name="a card", free=10**12, total=10**12, main=0, capability=(9, 0), compiles=True
    )
    plan = choose_plan(card, known_model.weights, precision)

    def move(module: nn.Module, device: torch.device) -> None:
        module.to(device)

    monkeypatch.setattr(random_weights, "_fill", move)
    pipeline = random_weights.random_pipeline(known_model, replace(plan, attention="native"), "meta")
    artist = open_artist(pipeline, torch.device("meta"))
    job = Job(prompt="a red circle", seed=0, steps=known_model.family.steps)
    first = artist.first_step(job, artist.read(job.prompt))
    (after,) = artist.step(*first)
    assert (after.shape, after.dtype) == (first[0].shape, first[0].dtype)
    levels, finite = artist.decode(artist.scaled(job, after))
    assert (levels.shape, levels.dtype, finite.shape) == ((1024, 1024, 3), torch.uint8, ())

    parts = (pipeline.transformer, pipeline.text_encoder, pipeline.vae)
    taken = sum(tensor.nbytes for part in parts for tensor in (*part.parameters(), *part.buffers()))
    # Beside the weights: decoding at once, the runtime, what is recorded.
    assert plan.needs - (2.6e9 + 0.7e9 + 0.6e9) == pytest.approx(taken, rel=0.02)


# -- names


def test_a_known_model_goes_by_its_setting_its_name_and_its_repository():
    for each in MODELS:
        assert known(each.setting) is known(each.name.upper()) is known(each.repository) is each
    assert known("flux") is None
    assert MODELS[0] is SCHNELL
    assert {each.name for each in MODELS if not each.licence.commercial} == {"FLUX.2-klein-9B"}
