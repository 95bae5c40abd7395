"""A tiny pipeline on a real CUDA device: precisions, compiled and recorded parts, streaming, memory."""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage import SIDE, a_job

from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.flux.accelerate import Accelerator
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.plan import Plan
from alya_mcp.images.renderer import CancelledJob, RenderRequest

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]

SETTLING = Job(prompt="a warm-up picture", seed=0, steps=1, width=SIDE, height=SIDE)
a_renderer = partial(FluxRenderer, accelerator=partial(Accelerator, settling=SETTLING))
"""Makes a renderer that compiles for a small size."""
PATIENCE = 300.0
MB = 10**6


@pytest.fixture(autouse=True)
def whole_device() -> Iterator[None]:
    """No limit outlives its test."""
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def unheard(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
    del phase, at, until, message


def request_for(model: Path, precision: str = "bf16") -> RenderRequest:
    return RenderRequest(model=str(model), precision=precision, job=a_job())


def draw(renderer: FluxRenderer, request: RenderRequest, job: Job | None = None) -> Picture:
    return renderer.render(request, job or a_job(), unheard)


def pixels(picture: Picture) -> np.ndarray:
    return np.frombuffer(picture.pixels, np.uint8).astype(int)


def off(one: Picture, other: Picture) -> float:
    """How far two pictures are from each other, of 255, on the average."""
    return float(abs(pixels(one) - pixels(other)).mean())


def artist_of(renderer: FluxRenderer) -> Artist:
    assert renderer.models.loaded is not None
    return renderer.models.loaded.artist


def allocated() -> int:
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    return torch.cuda.memory_allocated()


def compile_all(renderer: FluxRenderer) -> None:
    deadline = time.monotonic() + PATIENCE
    while renderer.tend(idle=True):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def exact(tiny: Path) -> Picture:
    """The picture in bfloat16."""
    return draw(a_renderer(), request_for(tiny))


# -- precisions and places


@pytest.mark.parametrize("precision", ["auto", "fp8", "int8", "int4"])
def test_every_precision_draws_nearly_the_same(tiny: Path, exact: Picture, precision: str):
    if precision == "fp8" and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("float8 needs compute capability 8.9")
    renderer = a_renderer()
    picture = draw(renderer, request_for(tiny, precision))
    assert off(picture, exact) < 4
    assert str(renderer.status().plan).startswith("bf16" if precision == "auto" else precision)
    assert draw(renderer, request_for(tiny, precision)) == picture


@pytest.mark.parametrize(
    ("encoder", "transformer"), [(True, False), (True, True)], ids=["text encoder", "both"]
)
def test_what_is_streamed_draws_the_same_as_what_stays(tiny: Path, encoder: bool, transformer: bool):
    def drawn(pipeline: Any) -> torch.Tensor:
        artist = open_artist(pipeline, torch.device("cuda"))
        job = a_job()
        for _ in range(2):
            latents = artist.denoise(job, artist.read(job.prompt), lambda done: None)
        return latents.cpu()

    whole = Plan(precision="bf16", encoder="bf16", needs=0)
    plan = replace(whole, encoder_streamed=encoder, transformer_streamed=transformer)
    pipeline = load_pipeline(tiny, plan, "cuda")
    away = [pipeline.text_encoder_2.encoder] + [pipeline.transformer] * transformer
    for parameter in (parameter for part in away for parameter in part.parameters()):
        assert parameter.device.type == "cpu"
        assert parameter.is_pinned()
    assert torch.equal(drawn(pipeline), drawn(load_pipeline(tiny, whole, "cuda")))


# -- compiled and recorded


def runs_out(monkeypatch: pytest.MonkeyPatch, artist: Artist, times: int) -> None:
    """The next `times` steps find no memory."""
    real: Callable[..., Any] = artist.step
    left = [times]

    def step(*inputs: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(*inputs)

    monkeypatch.setattr(artist, "step", step)


def test_compiled_and_recorded_parts_draw_alike_until_memory_ends_and_after_it(
    tiny: Path, exact: Picture, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("triton")
    renderer, request = a_renderer(), request_for(tiny)
    before = draw(renderer, request)
    compile_all(renderer)
    assert str(renderer.status().plan).endswith(", compiled")
    artist = artist_of(renderer)
    assert artist.shortcuts is not None
    assert artist.shortcuts.step is not None
    assert artist.shortcuts.decode is not None
    compiled = draw(renderer, request)
    assert off(compiled, before) < 2
    assert draw(renderer, request) == compiled
    other = draw(renderer, request, a_job("a blue square", seed=3, steps=4))
    assert off(other, compiled) > 0
    assert draw(renderer, request) == compiled
    # Another size is drawn by the eager parts.
    assert len(draw(renderer, request, Job(prompt="x", seed=1, steps=1, width=96, height=160)).pixels) > 0

    recorded = allocated()
    assert artist.forget_recordings()
    assert allocated() < recorded
    runs_out(monkeypatch, artist, 2)
    streamed = draw(renderer, request)
    assert "text encoder moved to main memory, transformer moved to main memory" in str(streamed.notice)
    assert off(streamed, exact) < 2
    assert off(draw(renderer, request), exact) < 2
    assert "streamed from main memory block by block" in str(renderer.status().plan)


def test_a_decoder_asked_again_in_full_precision_leaves_the_recordings_right(tiny: Path):
    pytest.importorskip("triton")
    renderer, request, job = a_renderer(), request_for(tiny), a_job()
    draw(renderer, request)
    compile_all(renderer)
    recorded = draw(renderer, request)
    artist = artist_of(renderer)
    latents = artist.denoise(job, artist.read(job.prompt), lambda done: None)
    artist.decode_in_float32(artist.scaled(job, latents))
    assert draw(renderer, request) == recorded


# -- memory


@pytest.mark.parametrize("at", [0.0, 0.5])
def test_a_cancelled_picture_leaves_no_memory_taken(tiny: Path, at: float):
    renderer, request = a_renderer(), request_for(tiny)
    whole = draw(renderer, request)
    before = allocated()

    def report(phase: str, done: float, until: float, message: str, preview: bytes = b"", /) -> None:
        if (phase, done) == ("denoise", at):
            raise CancelledJob

    with pytest.raises(CancelledJob):
        renderer.render(request, a_job(), report)
    assert allocated() == before
    assert draw(renderer, request) == whole


def test_an_unloaded_model_leaves_no_memory_taken(tiny: Path):
    def visit() -> int:
        renderer = a_renderer()
        draw(renderer, request_for(tiny))
        renderer._unload()
        return allocated()

    # The first one brings the libraries' own workspaces.
    assert visit() == visit()


def test_with_a_limit_a_picture_that_has_no_room_is_decoded_in_tiles(tiny: Path):
    limit = 1000 * MB
    renderer, request = a_renderer(limit), request_for(tiny)
    large = Job(prompt="a red circle", seed=7, steps=1, width=2048, height=2048)
    draw(renderer, request)
    room = 260 * MB
    taken = torch.empty(limit - torch.cuda.memory_reserved() - room, dtype=torch.uint8, device="cuda")
    tiled = draw(renderer, request, large)
    assert "decoded in tiles" in str(tiled.notice)
    assert torch.cuda.memory_reserved() <= limit
    del taken
    assert draw(renderer, request, large).notice == draw(renderer, request).notice


def test_a_limit_above_the_devices_memory_is_no_limit(tiny: Path, exact: Picture):
    renderer = a_renderer(10 * torch.cuda.mem_get_info()[1])
    assert off(draw(renderer, request_for(tiny)), exact) < 1


def test_the_status_tells_of_the_device(tiny: Path):
    renderer = a_renderer()
    picture = draw(renderer, request_for(tiny))
    status = renderer.status()
    assert status.device == "cuda"
    assert list(picture.peaks) == ["encode", "denoise", "decode"]
    assert 0 < max(picture.peaks.values()) <= status.memory["gpu_peak"]
    assert {"gpu_free", "gpu_total", "gpu_allocated", "gpu_peak"} == set(status.memory)
    assert status.memory["gpu_free"] <= status.memory["gpu_total"]
