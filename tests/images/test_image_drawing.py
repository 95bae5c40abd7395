"""The artist against diffusers' own FluxPipeline: the same numbers, told and stopped step by step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from stage import a_job

from alya_mcp.errors import Failure
from alya_mcp.images.engine import Job
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.plan import Plan
from alya_mcp.images.renderer import RenderRequest

FULL = Plan(precision="fp32", encoder="fp32", needs=0)
HALF = Plan(precision="bf16", encoder="bf16", needs=0)
SIZES = ((96, 160), (256, 256))
PROMPT = "a red circle on the blue square"


def silent(done: int) -> None:
    del done


def artist_for(folder: Path, plan: Plan = FULL) -> Artist:
    return open_artist(load_pipeline(folder, plan, "cpu"), torch.device("cpu"))


def theirs(pipeline: Any, job: Job) -> torch.Tensor:
    """The latents that diffusers' own loop comes to."""
    return pipeline(
        job.prompt,
        height=job.height,
        width=job.width,
        num_inference_steps=job.steps,
        guidance_scale=3.5,
        max_sequence_length=256,
        generator=torch.Generator("cpu").manual_seed(job.seed),
        output_type="latent",
    ).images


def ours(artist: Artist, job: Job) -> torch.Tensor:
    return artist.denoise(job, artist.read(job.prompt), silent)


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def artist(request: pytest.FixtureRequest, tiny: Path) -> Artist:
    return artist_for(tiny, FULL if request.param == "float32" else HALF)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("size", SIZES)
def test_latents_are_those_of_diffusers_bit_for_bit(artist: Artist, steps: int, size: tuple[int, int]):
    job = Job(prompt=PROMPT, seed=steps * 1000, steps=steps, width=size[0], height=size[1])
    assert torch.equal(ours(artist, job), theirs(artist.pipeline, job))


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 - 1])
def test_every_seed_gives_the_noise_that_diffusers_gives(artist: Artist, seed: int):
    job = Job(prompt=PROMPT, seed=seed, steps=1, width=64, height=64)
    assert torch.equal(ours(artist, job), theirs(artist.pipeline, job))


def test_a_model_that_was_distilled_with_guidance_is_given_it(tiny: Path):
    from diffusers import FluxTransformer2DModel

    artist = artist_for(tiny)
    torch.manual_seed(1)
    guided = FluxTransformer2DModel.from_config(
        {**artist.pipeline.transformer.config, "guidance_embeds": True}
    ).eval()
    artist.pipeline.register_modules(transformer=guided)
    job = a_job(PROMPT)
    assert torch.equal(ours(artist, job), theirs(artist.pipeline, job))


@pytest.mark.parametrize("size", SIZES)
def test_a_schedule_that_shifts_with_the_size_is_followed(tiny: Path, size: tuple[int, int]):
    from diffusers import FlowMatchEulerDiscreteScheduler

    artist = artist_for(tiny)
    artist.pipeline.scheduler = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15
    )
    job = Job(prompt=PROMPT, seed=5, steps=4, width=size[0], height=size[1])
    assert torch.equal(ours(artist, job), theirs(artist.pipeline, job))


def test_pixels_are_those_of_diffusers(tiny: Path):
    artist = artist_for(tiny)
    job = a_job(PROMPT)
    pixels = artist.pixels(job, ours(artist, job))
    picture = artist.pipeline(
        job.prompt,
        height=job.height,
        width=job.width,
        num_inference_steps=job.steps,
        max_sequence_length=256,
        generator=torch.Generator("cpu").manual_seed(job.seed),
        output_type="pt",
    ).images[0]
    expected = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    assert int((pixels.int() - expected.int()).abs().max()) <= 1


# -- steps


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_every_step_is_told_once_and_in_order(artist: Artist, steps: int):
    heard: list[int] = []
    job = Job(prompt=PROMPT, seed=1, steps=steps, width=64, height=64)
    artist.denoise(job, artist.read(PROMPT), heard.append)
    assert heard == list(range(1, steps + 1))


class _Stop(Exception):
    pass


@pytest.mark.parametrize("at", [1, 2, 4])
def test_who_is_told_of_a_step_may_stop_there_and_the_next_picture_is_whole(artist: Artist, at: int):
    job = Job(prompt=PROMPT, seed=1, steps=4, width=64, height=64)
    whole = ours(artist, job)
    heard: list[int] = []

    def after(done: int) -> None:
        heard.append(done)
        if done == at:
            raise _Stop

    with pytest.raises(_Stop):
        artist.denoise(job, artist.read(PROMPT), after)
    assert heard == list(range(1, at + 1))
    assert torch.equal(ours(artist, job), whole)


# -- prompts


def counted(monkeypatch: pytest.MonkeyPatch, artist: Artist) -> list[int]:
    """Grows with every prompt that is encoded."""
    calls: list[int] = []
    real = artist.encode

    def encode(*ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(1)
        return real(*ids)

    monkeypatch.setattr(artist, "encode", encode)
    return calls


def test_a_prompt_is_encoded_as_diffusers_does_and_only_once(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    artist = artist_for(tiny)
    calls = counted(monkeypatch, artist)
    reading = artist.read(PROMPT)
    text, pooled, _ = artist.pipeline.encode_prompt(PROMPT, None, max_sequence_length=256)
    assert torch.equal(reading.parts[0], text)
    assert torch.equal(reading.parts[1], pooled)
    assert artist.read(PROMPT) is reading
    assert len(calls) == 1


def test_the_last_32_prompts_are_remembered_and_the_one_not_used_for_longest_leaves(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    artist = artist_for(tiny)
    calls = counted(monkeypatch, artist)
    for number in range(32):
        artist.read(f"circle {number}")
    artist.read("circle 0")
    assert len(calls) == 32
    artist.read("one more")
    artist.read("circle 0")
    artist.read("circle 2")
    assert len(calls) == 33
    artist.read("circle 1")
    assert len(calls) == 34


def test_a_prompt_that_is_longer_than_the_model_reads_is_told(tiny: Path):
    artist = artist_for(tiny)
    assert not artist.read(PROMPT).truncated
    assert artist.read("a red circle " * 150).truncated
    assert artist.text_tokens == 256


# -- pictures of one colour


def one_colour(monkeypatch: pytest.MonkeyPatch, renderer: FluxRenderer) -> None:
    """From now on the decoder paints everything red."""
    assert renderer.models.loaded is not None
    vae = renderer.models.loaded.artist.pipeline.vae
    real: Callable[..., Any] = vae.decode

    def decode(latents: torch.Tensor, **options: Any) -> tuple[torch.Tensor]:
        image = torch.full_like(real(latents, **options)[0], -1.0)
        image[:, 0] = 1.0
        return (image,)

    monkeypatch.setattr(vae, "decode", decode)


def heard_by_nobody(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
    del phase, at, until, message


@pytest.mark.parametrize(("model", "refused"), [("sketch", False), ("tiny", True)])
def test_a_picture_of_one_colour_is_an_error_of_every_model_that_cannot_mean_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, model: str, refused: bool
):
    job = Job(prompt="a plain red background", seed=7, steps=1, width=64, height=64)
    request = RenderRequest(model=str(tiny) if model == "tiny" else model, precision="auto", job=job)
    renderer = FluxRenderer()
    renderer.prepare(request, heard_by_nobody)
    one_colour(monkeypatch, renderer)
    if refused:
        with pytest.raises(Failure, match=r"\b7\b"):
            renderer.render(request, job, heard_by_nobody)
    else:
        assert renderer.render(request, job, heard_by_nobody).pixels == bytes([255, 0, 0]) * 64 * 64


def test_a_plain_background_is_drawn():
    job = Job(prompt="a plain red background", seed=7, steps=4, width=256, height=256)
    request = RenderRequest(model="sketch", precision="fp8", job=job)
    picture = FluxRenderer().render(request, job, heard_by_nobody)
    pixels = torch.frombuffer(bytearray(picture.pixels), dtype=torch.uint8).reshape(-1, 3).float()
    red, green, blue = pixels.mean(dim=0).tolist()
    assert red > 2 * max(green, blue)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280)])
def test_a_model_of_square_pictures_composes_others_whole_and_says_so(width: int, height: int):
    job = Job(prompt="a red circle above a blue square", seed=5, steps=4, width=width, height=height)
    request = RenderRequest(model="sketch", precision="auto", job=job)
    picture = FluxRenderer().render(request, job, heard_by_nobody)
    assert "square pictures only" in (picture.notice or "")
    pixels = torch.frombuffer(bytearray(picture.pixels), dtype=torch.uint8).reshape(height, width, 3).int()
    red, blue = (
        (pixels[..., one] > 150) & (pixels[..., one] > 2 * pixels[..., other])
        for one, other in ((0, 2), (2, 0))
    )
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    for shape in (red, blue):
        assert shape.sum() > 5_000
        edge = (rows < 4) | (rows >= height - 4) | (columns < 4) | (columns >= width - 4)
        assert not bool((shape & edge).any())
    assert (rows * red).sum() / red.sum() + 50 < (rows * blue).sum() / blue.sum()
