"""Compiling beside the drawing, by compilers that work, fail, answer nonsense or take their time."""

import asyncio
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import tiny_flux
import torch
from stage import PATIENCE, a_job

from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.flux import model_manager
from alya_mcp.images.flux.accelerate import Accelerator
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.plan import Plan
from alya_mcp.images.renderer import RendererStatus, RenderRequest
from alya_mcp.images.worker.render_thread import Order, RenderOutcome, RenderThread

PLAN = Plan(precision="fp32", encoder="fp32", compiled=True, needs=0)
SIDE = 64
JOB = replace(a_job("a red circle"), width=SIDE, height=SIDE)
accelerating = partial(
    Accelerator, settling=Job(prompt="a warm-up picture", seed=0, steps=1, width=SIDE, height=SIDE)
)
"""Makes an accelerator for which a small size is the settled one."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline whose VAE halves the size once: compiling it takes most of these tests' time."""
    return tiny_flux.build(tmp_path_factory.mktemp("models") / "tiny", levels=2)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No test finds what another one compiled."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Compiler:
    """A compiler that torch.compile knows by `name` while the body runs; it returns what `change` makes."""

    def __init__(self, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self.name = name
        self._change = change
        self.threads: list[str] = []

    def __call__(self, module: torch.fx.GraphModule, inputs: list[Any], **_: Any) -> Callable[..., Any]:
        self.threads.append(threading.current_thread().name)
        return self._change(module.forward)

    def __enter__(self) -> Self:
        torch._dynamo.register_backend(self, self.name)
        return self

    def __exit__(self, *_: object) -> None:
        from torch._dynamo.backends import registry

        registry._COMPILER_FNS.pop(self.name)


def scaled_by(factor: float) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A compiler whose code answers `factor` times what it should."""

    def change(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*inputs: Any) -> Any:
            return tuple(value * factor if value.is_floating_point() else value for value in work(*inputs))

        return wrong

    return change


def artist_for(folder: Path, plan: Plan = PLAN) -> Artist:
    return open_artist(load_pipeline(folder, plan, "cpu"), torch.device("cpu"))


def draw(artist: Artist, job: Job = JOB) -> np.ndarray:
    latents = artist.denoise(job, artist.read(job.prompt), lambda done: None)
    return artist.pixels(job, latents).numpy().astype(int)


def finish(accelerator: Accelerator, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Tend it until nothing more comes."""
    deadline = time.monotonic() + PATIENCE
    while accelerator.advance(idle=True):
        meanwhile()
        assert time.monotonic() < deadline, accelerator.state
        time.sleep(0.01)


def graphs() -> int:
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


# -- the swap


def test_pictures_before_while_and_after_compiling_are_alike_later_ones_compile_nothing_and_nothing_stays(
    tiny: Path,
):
    artist = artist_for(tiny)
    before = draw(artist)
    accelerator = accelerating(artist, PLAN, "aot_eager")
    assert accelerator.advance(idle=False)
    assert accelerator.state == "eager"
    assert accelerator.advance(idle=True)
    assert accelerator.state in {"compiling", "compiled"}
    assert (draw(artist) == before).all()
    finish(accelerator)
    assert (accelerator.state, accelerator.words) == ("done", "compiled")
    compiled = graphs()
    assert compiled > 0
    for job in (JOB, replace(JOB, prompt="a blue square", seed=9, steps=3)):
        draw(artist, job)
    assert abs(draw(artist) - before).max() <= 2
    assert graphs() == compiled
    parameters = [*artist.pipeline.transformer.parameters(), *artist.pipeline.vae.parameters()]
    left = [weakref.ref(parameter) for parameter in parameters]
    del artist, accelerator, parameters
    gc.collect()
    assert not any(parameter() is not None for parameter in left)


def test_other_sizes_compile_nothing_and_stopping_it_leaves_the_eager_parts(tiny: Path):
    artist = artist_for(tiny)
    whole = draw(artist)
    jobs = [replace(JOB, width=96, height=64), replace(JOB, width=64, height=128)]
    before = [draw(artist, job) for job in jobs]
    accelerator = accelerating(artist, PLAN, "aot_eager")
    finish(accelerator)
    compiled = graphs()
    for job, picture in zip(jobs, before, strict=True):
        assert abs(draw(artist, job) - picture).max() <= 2
    assert (accelerator.state, graphs()) == ("done", compiled)
    accelerator.stop()
    torch._dynamo.reset()
    assert abs(draw(artist) - whole).max() <= 2
    assert graphs() == compiled
    assert not accelerator.advance(idle=True)


def test_compiling_happens_beside_the_drawing_and_taking_into_use_in_the_drawing_thread(tiny: Path):
    artist = artist_for(tiny)
    held = threading.Event()

    def wait(work: Callable[..., Any]) -> Callable[..., Any]:
        assert held.wait(PATIENCE)
        return work

    with Compiler("held", wait) as compiler:
        accelerator = accelerating(artist, PLAN, "held")
        accelerator.advance(idle=True)
        before = draw(artist)
        assert accelerator.advance(idle=True)
        assert (accelerator.state, accelerator.words) == ("compiling", "compiling")
        assert artist.shortcuts is None
        held.set()
        finish(accelerator)
        assert accelerator.state == "done"
        assert set(compiler.threads) == {"compile"}
        assert abs(draw(artist) - before).max() <= 2


def test_a_decoder_that_works_in_tiles_is_left_as_it_is(tiny: Path):
    artist = artist_for(tiny)
    decoder = artist.pipeline.vae.decoder
    accelerator = accelerating(artist, replace(PLAN, tiled=True), "aot_eager")
    finish(accelerator)
    assert accelerator.state == "done"
    assert artist.pipeline.vae.decoder is decoder
    assert "forward" not in decoder.__dict__
    assert not decoder._forward_pre_hooks


def test_a_model_that_is_let_go_while_it_compiles_leaves_memory_before_the_compiler_is_through(tiny: Path):
    compiling, held = threading.Event(), threading.Event()

    def wait(work: Callable[..., Any]) -> Callable[..., Any]:
        compiling.set()
        assert held.wait(PATIENCE)
        return work

    with Compiler("slow", wait):
        artist = artist_for(tiny)
        pipeline = artist.pipeline
        accelerator = accelerating(artist, PLAN, "slow")
        others = threading.enumerate()
        accelerator.advance(idle=True)
        assert compiling.wait(PATIENCE)
        (thread,) = set(threading.enumerate()) - set(others)
        parts = (pipeline.transformer.proj_out, pipeline.text_encoder, pipeline.text_encoder_2, pipeline.vae)
        left = [weakref.ref(parameter) for part in parts for parameter in part.parameters()]
        del artist, accelerator, pipeline, parts
        gc.collect()
        still_there = sum(parameter() is not None for parameter in left)
        held.set()
        thread.join(PATIENCE)
        assert still_there == 0
        assert not thread.is_alive()


def test_compilers_of_two_models_leave_the_interpreters_turns_as_they_were(tiny: Path):
    turn, others = sys.getswitchinterval(), threading.enumerate()
    compiling, held = threading.Event(), threading.Event()

    def wait(work: Callable[..., Any]) -> Callable[..., Any]:
        compiling.set()
        assert held.wait(PATIENCE)
        return work

    with Compiler("slow", wait):
        accelerators = [accelerating(artist_for(tiny), PLAN, "slow") for _ in range(2)]
        accelerators[0].advance(idle=True)
        assert compiling.wait(PATIENCE)
        accelerators[1].advance(idle=True)
        held.set()
        for thread in set(threading.enumerate()) - set(others):
            thread.join(PATIENCE)
        assert [each.state for each in accelerators] == ["compiled", "compiled"]
    assert sys.getswitchinterval() == turn


# -- what goes wrong


def refuse(work: Callable[..., Any]) -> Callable[..., Any]:
    raise RuntimeError("no compiler here")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (refuse, "not compiled (compiling failed)"),
        (scaled_by(float("nan")), "not compiled (compiled, FluxTransformerBlock differs from itself by nan)"),
    ],
    ids=["raises", "not a number"],
)
def test_a_compiler_that_fails_or_answers_nonsense_changes_nothing(
    tiny: Path,
    change: Callable[[Callable[..., Any]], Callable[..., Any]],
    why: str,
    capfd: pytest.CaptureFixture[str],
):
    artist = artist_for(tiny)
    before = draw(artist)
    decoder = artist.pipeline.vae.decoder
    with Compiler("broken", change):
        accelerator = accelerating(artist, PLAN, "broken")
        finish(accelerator, lambda: draw(artist))
        assert accelerator.state == "failed"
        assert accelerator.words.startswith(why)
        assert artist.shortcuts is None
        assert artist.pipeline.vae.decoder is decoder
        assert (draw(artist) == before).all()
    assert "Traceback" in capfd.readouterr().err


def test_a_decoder_that_is_compiled_wrong_is_found_too(tiny: Path, capfd: pytest.CaptureFixture[str]):
    def wrong_decoder(work: Callable[..., Any]) -> Callable[..., Any]:
        def change(*inputs: Any) -> Any:
            return tuple(value * 2 if value.shape[1:2] == (3,) else value for value in work(*inputs))

        return change

    artist = artist_for(tiny)
    before = draw(artist)
    with Compiler("half-broken", wrong_decoder):
        accelerator = accelerating(artist, PLAN, "half-broken")
        finish(accelerator)
        assert accelerator.words.startswith("not compiled (compiled, the decoder differs from itself by 1.00")
        assert (draw(artist) == before).all()


def test_memory_that_ends_while_compiled_parts_are_taken_into_use_leaves_the_eager_parts_and_nothing_else(
    tiny: Path, capfd: pytest.CaptureFixture[str]
):
    def short(work: Callable[..., Any]) -> Callable[..., Any]:
        def change(*inputs: Any) -> Any:
            answer = work(*inputs)
            decodes = any(value.shape[1:2] == (3,) for value in answer)
            if decodes and threading.current_thread().name != "compile":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return answer

        return change

    artist = artist_for(tiny)
    before = draw(artist)
    eager = artist.pipeline.vae.decoder
    with Compiler("short", short):
        accelerator, others = accelerating(artist, PLAN, "short"), threading.enumerate()
        accelerator.advance(idle=True)
        compiling = set(threading.enumerate()) - set(others)
        assert accelerator._decoder is not None
        copied = weakref.ref(next(accelerator._decoder[0].parameters()))
        finish(accelerator)
        assert accelerator.words == "not compiled (the compiled parts can't be used)"
        assert artist.shortcuts is None
        assert artist.pipeline.vae.decoder is eager
        assert (draw(artist) == before).all()
        for thread in compiling:
            thread.join(PATIENCE)
        gc.collect()
        assert copied() is None
    assert "OutOfMemoryError" in capfd.readouterr().err


def test_a_warm_up_picture_that_fails_is_tried_once_and_leaves_nothing_behind(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    artist = artist_for(tiny)
    before = draw(artist)

    def no_room(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(artist, "denoise", no_room)
    accelerator = accelerating(artist, PLAN, "aot_eager")
    assert not accelerator.advance(idle=True)
    assert accelerator.words == "not compiled (the warm-up picture failed)"
    monkeypatch.undo()
    modules = [*artist.pipeline.transformer.modules(), *artist.pipeline.vae.modules()]
    assert not any(module._forward_pre_hooks for module in modules)
    assert not accelerator.advance(idle=True)
    assert (draw(artist) == before).all()


# -- through the renderer, in its thread


class Studio:
    """A render thread whose renderer compiles with `backend`; asked from the event loop."""

    def __init__(self, model: Path, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = model_manager.choose_plan
        monkeypatch.setattr(
            model_manager, "choose_plan", lambda *a, **o: replace(real(*a, **o), compiled=True)
        )
        self._model = str(model)
        self._loop = asyncio.get_running_loop()
        renderer = partial(FluxRenderer, accelerator=partial(accelerating, backend=backend))
        self._thread = RenderThread(renderer, self._loop)

    async def draw(self, job: Job = JOB) -> np.ndarray:
        ended: asyncio.Future[RenderOutcome] = self._loop.create_future()
        self._thread.submit(
            Order(
                request=RenderRequest(model=self._model, precision="auto", job=job),
                on_step=lambda *_: None,
                on_end=lambda outcome, status: ended.set_result(outcome),
            )
        )
        picture = await asyncio.wait_for(ended, PATIENCE)
        assert isinstance(picture, Picture), picture
        return np.frombuffer(picture.pixels, np.uint8).astype(int)

    async def plan(self) -> str:
        seen: asyncio.Future[RendererStatus] = self._loop.create_future()
        self._thread.look(seen.set_result)
        return str((await asyncio.wait_for(seen, PATIENCE)).plan)

    async def plan_says(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not (plan := await self.plan()).endswith(words):
            assert time.monotonic() < deadline, plan
            # The thread goes on with compiling only when it was left alone for half a second.
            await asyncio.sleep(1)


@pytest.mark.anyio
async def test_pictures_that_are_asked_for_while_it_compiles_are_drawn(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
):
    held = threading.Event()

    def wait(work: Callable[..., Any]) -> Callable[..., Any]:
        assert held.wait(PATIENCE)
        return work

    with Compiler("patient", wait):
        studio = Studio(tiny, "patient", monkeypatch)
        before = await studio.draw()
        assert (await studio.plan()).endswith("compiled when idle")
        await studio.plan_says("compiling")
        while_compiling = await asyncio.gather(*(studio.draw() for _ in range(3)))
        assert all((picture == before).all() for picture in while_compiling)
        held.set()
        await studio.plan_says("compiled")
        assert abs(await studio.draw() - before).max() <= 2


@pytest.mark.anyio
async def test_a_compiler_that_fails_shows_in_the_status_and_pictures_go_on(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    with Compiler("refusing", refuse):
        studio = Studio(tiny, "refusing", monkeypatch)
        before = await studio.draw()
        await studio.plan_says("not compiled (compiling failed)")
        assert (await studio.draw() == before).all()
