"""The way down when memory ends: each step, in order, and the picture and the memory after it.

The steps that move weights to main memory are a CUDA device's; here the renderer is told that it has one, and
the weights are streamed from the processor's memory to the processor.
"""

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stage import SIDE, a_job

from alya_mcp.errors import Failure
from alya_mcp.images.engine import Picture
from alya_mcp.images.flux import loading, model_manager, renderer
from alya_mcp.images.flux.pipeline import Shortcuts
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.plan import Machine
from alya_mcp.images.renderer import CancelledJob, RenderRequest

GB = 10**9
ENCODER_AWAY = "text encoder moved to main memory"
TRANSFORMER_AWAY = "transformer moved to main memory, which is slow"
RECORDINGS = "recorded steps given up"


def unheard(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
    del phase, at, until, message


class Room:
    """Runs out of memory as often as it is told to, before it lets calls of a function through.

    Each failed call held a tensor; `kept` counts those that are still alive.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, holder: Any, name: str) -> None:
        self.missing = 0
        self.error: Callable[[], Exception] = lambda: torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB"
        )
        self._held: list[weakref.ref[Any]] = []
        real: Callable[..., Any] = getattr(holder, name)

        def work(*args: Any, **options: Any) -> Any:
            if self.missing:
                self.missing -= 1
                tensor = torch.zeros(1000)
                self._held.append(weakref.ref(tensor))
                raise self.error()
            return real(*args, **options)

        monkeypatch.setattr(holder, name, work)

    @property
    def kept(self) -> int:
        return sum(tensor() is not None for tensor in self._held)


class Card:
    """A renderer on what it takes for a CUDA device with `main` bytes of main memory beside it."""

    def __init__(self, model: Path, monkeypatch: pytest.MonkeyPatch, *, main: int = 64 * GB) -> None:
        self.machine = Machine(device="cpu", name="the card", free=GB, total=2 * GB, main=main)
        monkeypatch.setattr(model_manager, "survey", lambda limit: self.machine)
        self.request = RenderRequest(model=str(model), precision="auto", job=a_job())
        self.renderer = FluxRenderer()
        self.renderer.prepare(self.request, unheard)
        assert self.renderer.models.loaded is not None
        self.loaded = self.renderer.models.loaded
        self.loaded.device = "cuda"
        artist = self.loaded.artist
        self.encode = Room(monkeypatch, artist, "encode")
        self.denoise = Room(monkeypatch, artist, "step")
        self.decode = Room(monkeypatch, artist, "decode")

    def draw(
        self, report: Callable[..., None] = unheard, prompt: str = "a red circle", steps: int = 2
    ) -> Picture:
        return self.renderer.render(self.request, a_job(prompt, steps=steps), report)

    def draw_unseen(self) -> Picture:
        """A drawing of one step has no preview: the decoder is asked for the picture alone."""
        return self.draw(steps=1)

    def pretend_to_have_recorded(self) -> weakref.ref[Any]:
        """The step is recorded, and what is returned is alive while the recording is."""

        class Recording:
            def __init__(self, work: Callable[..., Any]) -> None:
                self._work = work

            def __call__(self, *inputs: Any) -> Any:
                return self._work(*inputs)

        recording = Recording(self.loaded.artist.step)
        step: Any = recording
        self.loaded.artist.shortcuts = Shortcuts(height=SIDE, width=SIDE, step=step)
        return weakref.ref(recording)

    def kept(self) -> int:
        return sum(room.kept for room in (self.encode, self.denoise, self.decode))


@pytest.fixture
def card(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Card:
    return Card(tiny, monkeypatch)


def off(one: Picture, other: Picture) -> float:
    """How far two pictures are from each other, of 255, on the average."""
    pixels = [np.frombuffer(picture.pixels, np.uint8).astype(int) for picture in (one, other)]
    return float(abs(pixels[0] - pixels[1]).mean())


# -- one step at a time


def test_a_preview_without_memory_costs_the_picture_nothing(card: Card):
    whole = card.draw()
    card.decode.missing = 1
    assert card.draw() == whole
    assert card.decode.missing == card.kept() == 0


def test_a_picture_that_cannot_be_decoded_at_once_is_decoded_in_tiles(card: Card):
    whole = card.draw_unseen()
    card.decode.missing = 1
    tiled = card.draw_unseen()
    assert "Memory was short: decoded in tiles" in str(tiled.notice)
    assert card.kept() == 0
    assert card.draw_unseen() == whole


def test_recordings_go_first_where_drawing_has_no_room(card: Card):
    whole = card.draw()
    recording = card.pretend_to_have_recorded()
    card.denoise.missing = 1
    picture = card.draw()
    assert picture.pixels == whole.pixels
    assert f"Memory was short: {RECORDINGS}" in str(picture.notice)
    assert recording() is None
    assert card.loaded.artist.shortcuts == Shortcuts(height=SIDE, width=SIDE)
    assert card.kept() == 0
    assert card.draw() == whole


@pytest.mark.parametrize("phase", ["encode", "denoise"])
def test_then_the_text_encoder_goes_to_main_memory_and_stays_there(card: Card, phase: str):
    whole = card.draw()
    getattr(card, phase).missing = 1
    other = card.draw(prompt="a blue square")
    assert f"Memory was short: {ENCODER_AWAY}" in str(other.notice)
    assert "text encoder streamed from main memory" in card.loaded.plan_text
    assert card.kept() == 0
    assert card.draw() == whole
    assert card.draw(prompt="a blue square").pixels == other.pixels


def test_then_the_transformer(card: Card):
    whole = card.draw()
    card.denoise.missing = 2
    picture = card.draw()
    assert picture.pixels == whole.pixels
    assert f"Memory was short: {ENCODER_AWAY}, {TRANSFORMER_AWAY}" in str(picture.notice)
    assert "streamed from main memory block by block" in card.loaded.plan_text
    assert card.kept() == 0
    for _ in range(2):
        assert card.draw() == whole


def test_decoding_goes_down_all_the_way_too(card: Card):
    whole = card.draw_unseen()
    recording = card.pretend_to_have_recorded()
    card.decode.missing = 4
    picture = card.draw_unseen()
    steps = ["decoded in tiles", RECORDINGS, ENCODER_AWAY, TRANSFORMER_AWAY]
    assert f"Memory was short: {', '.join(steps)}" in str(picture.notice)
    assert off(picture, whole) < 20
    assert recording() is None
    assert card.kept() == 0
    assert card.draw_unseen().pixels == whole.pixels


# -- the end of the way


def test_when_no_step_is_left_the_refusal_names_those_that_were_tried_and_the_next_picture_works(card: Card):
    whole = card.draw()
    card.denoise.missing = 3
    with pytest.raises(Failure) as refused:
        card.draw()
    assert str(refused.value) == (
        "the card ran out of memory while a 256x256 picture was drawn with tiny (denoise): 1.0 GB of 2.0 GB "
        f"are free. Tried in vain: {ENCODER_AWAY}, {TRANSFORMER_AWAY}. Close what else uses it and call "
        "again, or set ALYA_IMAGE_MODEL to 'sketch'"
    )
    del refused
    assert card.kept() == 0
    assert card.draw() == whole


def test_weights_move_only_into_main_memory_that_is_there(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    card = Card(tiny, monkeypatch, main=2 * GB)
    card.denoise.missing = 1
    with pytest.raises(Failure, match="denoise"):
        card.draw()
    assert card.loaded.plan_text == "fp32, all weights on the device, PyTorch's attention"
    assert card.draw().model == "tiny"


@pytest.mark.parametrize("steps", [1, 2], ids=["text encoder", "transformer"])
def test_a_move_that_main_memory_ends_half_way_is_a_refusal_and_the_next_picture_loads_the_model_anew(
    card: Card, monkeypatch: pytest.MonkeyPatch, steps: int
):
    whole = card.draw()
    real, moved = loading.stream, list[int]()

    def stream(module: Any, device: Any) -> None:
        moved.append(1)
        if len(moved) < steps:
            real(module, device)
            return
        for parameter in list(module.parameters())[: len(list(module.parameters())) // 2]:
            # As good as on another device.
            parameter.data = parameter.data.double()
        raise torch.AcceleratorError("CUDA error: out of memory")

    monkeypatch.setattr(loading, "stream", stream)
    card.denoise.missing = steps
    with pytest.raises(Failure, match="denoise"):
        card.draw()
    monkeypatch.undo()
    broken = weakref.ref(card.loaded.artist.pipeline.transformer)
    del card.loaded
    assert card.draw() == whole
    assert broken() is None


@pytest.mark.parametrize(
    "error",
    [
        lambda: torch.AcceleratorError(
            "CUDA error: out of memory\nCUDA kernel errors might be reported later"
        ),
        lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError,
    ],
    ids=["driver", "cuBLAS", "cuDNN", "Python"],
)
def test_memory_that_ends_below_pytorch_is_no_broken_device(card: Card, error: Callable[[], Exception]):
    card.denoise.missing, card.denoise.error = 1, error
    assert "Memory was short: " in str(card.draw().notice)
    assert card.kept() == 0


def test_full_precision_that_an_overflow_asks_for_goes_down_too(card: Card, monkeypatch: pytest.MonkeyPatch):
    artist = card.loaded.artist
    vae = artist.pipeline.vae.to(torch.bfloat16)
    real, asked = vae.decode, list[torch.dtype]()

    def decode(latents: Any, **options: Any) -> Any:
        asked.append(vae.dtype)
        if vae.dtype == torch.bfloat16:
            return (real(latents, **options)[0] * float("nan"),)
        if asked.count(torch.float32) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(latents, **options)

    monkeypatch.setattr(vae, "decode", decode)
    assert "Memory was short: decoded in tiles" in str(card.draw_unseen().notice)
    assert asked == [torch.bfloat16, torch.float32] * 2
    assert {parameter.dtype for parameter in vae.parameters()} == {torch.bfloat16}
    assert not vae.use_tiling


def test_a_device_without_main_memory_of_its_own_moves_nothing(card: Card):
    card.loaded.device = "mps"
    card.denoise.missing = 1
    with pytest.raises(Failure, match="ran out of memory"):
        card.draw()
    assert card.draw().model == "tiny"


def test_a_model_that_sees_the_whole_picture_at_once_is_not_decoded_in_tiles(card: Card):
    card.loaded.choice = replace(card.loaded.choice, full_precision=True)
    card.loaded.device = "cpu"
    card.decode.missing = 1
    with pytest.raises(Failure, match=r"\(decode\)"):
        card.draw_unseen()


def test_cancelling_on_the_way_down_ends_it(card: Card):
    whole = card.draw()
    card.denoise.missing = 1

    def report(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
        if phase == "denoise" and at == 0 and not card.denoise.missing:
            raise CancelledJob

    with pytest.raises(CancelledJob):
        card.draw(report)
    assert card.kept() == 0
    assert card.draw() == whole


# -- the model in memory


def test_a_model_that_stands_in_says_the_reason_of_now(monkeypatch: pytest.MonkeyPatch):
    machine = Machine(device="cpu", name="this machine", free=16 * GB, total=16 * GB, main=16 * GB)
    monkeypatch.setattr(model_manager, "survey", lambda limit: machine)
    renderer = FluxRenderer()
    request = RenderRequest(model="auto", precision="auto", job=a_job())
    assert "needs a GPU" in str(renderer.render(request, a_job(), unheard).notice)
    machine = replace(machine, device="cuda", name="a small card", total=2 * GB, free=GB, capability=(8, 9))
    drawn = renderer.render(request, a_job(), unheard)
    assert drawn.model == "alya-sketch"
    assert "a small card has 1.0 GB free of 2.0 GB" in str(drawn.notice)


# -- what is compiled


class Accelerates:
    """What is compiled or being compiled, as far as the way down asks."""

    def __init__(self, state: str) -> None:
        self.state, self.words = state, state
        self.stopped = False

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.parametrize("state", ["eager", "compiling", "compiled"])
def test_what_is_still_being_compiled_is_given_up_before_weights_move(card: Card, state: str):
    accelerator: Any = Accelerates(state)
    card.loaded.accelerator = accelerator
    card.denoise.missing = 2
    picture = card.draw()
    assert f"compiling given up, {ENCODER_AWAY}" in str(picture.notice)
    assert accelerator.stopped
    assert not card.renderer.tend(idle=True)
    assert not card.loaded.plan_text.endswith(state)


def test_compiling_that_fails_gives_the_memory_it_took_back_once(card: Card, monkeypatch: pytest.MonkeyPatch):
    accelerator: Any = Accelerates("eager")
    card.loaded.accelerator = accelerator

    def advance(*, idle: bool) -> bool:
        accelerator.state = accelerator.words = "failed"
        return False

    accelerator.advance = advance
    freed: list[bool] = []
    monkeypatch.setattr(renderer, "free_memory", lambda: freed.append(True))
    assert [card.renderer.tend(idle=True) for _ in range(2)] == [False, False]
    assert freed == [True]
    assert card.loaded.plan_text.endswith(", failed")


def test_a_streamed_model_that_runs_out_half_way_through_a_step_draws_the_next_picture(
    card: Card, monkeypatch: pytest.MonkeyPatch
):
    whole = card.draw()
    card.denoise.missing = 2
    card.draw()
    block = card.loaded.artist.pipeline.transformer.single_transformer_blocks[0]
    attend = Room(monkeypatch, block.attn, "forward")
    attend.missing = 1
    with pytest.raises(Failure, match=r"\(denoise\)"):
        card.draw()
    assert attend.kept == 0
    assert card.draw() == whole


def test_what_is_compiled_stays_in_use_until_the_transformer_moves(card: Card):
    accelerator: Any = Accelerates("done")
    card.loaded.accelerator = accelerator
    card.denoise.missing = 1
    assert f"Memory was short: {ENCODER_AWAY}" in str(card.draw().notice)
    assert not accelerator.stopped
    card.denoise.missing = 1
    assert f"Memory was short: {TRANSFORMER_AWAY}" in str(card.draw().notice)
    assert accelerator.stopped
    assert card.loaded.accelerator is None
