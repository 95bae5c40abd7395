"""The renderer in this process: what can only be shown by making a part of the machine fail."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stage import SIDE, a_job

from alya_mcp.errors import Failure, NotConfigured
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.flux import device_memory, model_manager
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.plan import Machine
from alya_mcp.images.renderer import CancelledJob, DeviceLost, RenderRequest


class Reports(list[tuple[str, float]]):
    """Collects reports; cancels at the one that `stop` accepts."""

    def __init__(self, stop: Callable[[str, float], bool] = lambda phase, at: False) -> None:
        self._stop = stop

    def __call__(self, phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
        self.append((phase, at))
        if self._stop(phase, at):
            raise CancelledJob


@pytest.fixture
def request_for(tiny: Path) -> RenderRequest:
    return RenderRequest(model=str(tiny), precision="auto", job=a_job())


@pytest.fixture
def renderer(request_for: RenderRequest) -> FluxRenderer:
    renderer = FluxRenderer()
    renderer.prepare(request_for, Reports())
    return renderer


def pipeline_of(renderer: FluxRenderer) -> Any:
    assert renderer.models.loaded is not None
    return renderer.models.loaded.artist.pipeline


def draw(renderer: FluxRenderer, request: RenderRequest, reports: Reports | None = None) -> Picture:
    return renderer.render(request, a_job(), Reports() if reports is None else reports)


def draw_unseen(renderer: FluxRenderer, request: RenderRequest) -> Picture:
    """A drawing of one step has no preview: the decoder is asked for the picture alone."""
    return renderer.render(request, a_job(steps=1), Reports())


class Fails:
    """Stands before a function and raises what it is given, an error a call, before it lets calls through."""

    def __init__(self, real: Callable[..., Any], *errors: Exception) -> None:
        self._real = real
        self._errors = list(errors)
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)
        return self._real(*args, **kwargs)


def no_memory() -> Exception:
    import torch

    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_without_memory_for_decoding_it_decodes_in_tiles_once_and_goes_back(
    renderer: FluxRenderer, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    import numpy

    whole = draw_unseen(renderer, request_for)
    vae = pipeline_of(renderer).vae
    monkeypatch.setattr(vae, "decode", Fails(vae.decode, no_memory()))
    real, tiles = vae.decoder.forward, list[tuple[int, ...]]()

    def forward(latents: Any) -> Any:
        tiles.append(tuple(latents.shape[2:]))
        return real(latents)

    monkeypatch.setattr(vae.decoder, "forward", forward)
    picture = draw_unseen(renderer, request_for)
    assert picture.notice is not None
    assert "Memory was short: decoded in tiles" in picture.notice
    assert max(tiles) == (8, 8)
    # Each tile is normalised by itself, so the pictures are alike and not equal.
    one, other = (numpy.frombuffer(drawn.pixels, numpy.uint8) for drawn in (whole, picture))
    assert numpy.corrcoef(one, other)[0, 1] > 0.8
    tiles.clear()
    assert draw_unseen(renderer, request_for).pixels == whole.pixels
    assert tiles == [(16, 16)]


def test_tiles_fit_together_in_a_picture_that_is_not_square(
    renderer: FluxRenderer, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    vae = pipeline_of(renderer).vae
    monkeypatch.setattr(vae, "decode", Fails(vae.decode, no_memory()))
    job = Job(prompt="a red circle", seed=1, steps=1, width=416, height=96)
    assert len(renderer.render(request_for, job, Reports()).pixels) == 416 * 96 * 3


def test_without_memory_even_for_tiles_it_says_so_with_the_figures_and_draws_the_next_one(
    renderer: FluxRenderer, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    vae = pipeline_of(renderer).vae
    monkeypatch.setattr(vae, "decode", Fails(vae.decode, no_memory(), no_memory()))
    words = r"ran out of memory .* \(decode\): [\d.]+ GB of [\d.]+ GB are free\. Tried .*: decoded in tiles"
    with pytest.raises(Failure, match=words):
        draw_unseen(renderer, request_for)
    assert draw_unseen(renderer, request_for).model == "tiny"


@pytest.mark.parametrize(
    "error",
    [
        no_memory,
        lambda: RuntimeError("MPS backend out of memory (MPS allocated: 30 GB)"),
        lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
        MemoryError,
    ],
)
def test_without_memory_for_denoising_it_says_so_and_draws_the_next_one(
    renderer: FluxRenderer,
    request_for: RenderRequest,
    monkeypatch: pytest.MonkeyPatch,
    error: Callable[[], Exception],
):
    transformer = pipeline_of(renderer).transformer
    monkeypatch.setattr(transformer, "forward", Fails(transformer.forward, error()))
    with pytest.raises(Failure, match="denoise"):
        draw(renderer, request_for)
    assert draw(renderer, request_for).model == "tiny"


def test_memory_is_given_back_after_the_failed_tensors_are_gone(
    renderer: FluxRenderer, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    import weakref

    import torch

    transformer = pipeline_of(renderer).transformer
    alive: list[Any] = []
    freed: list[bool] = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        tensor = torch.zeros(10)
        alive.append(weakref.ref(tensor))
        raise no_memory()

    monkeypatch.setattr(transformer, "forward", forward)
    real = device_memory.free_memory
    monkeypatch.setattr(
        device_memory, "free_memory", lambda: (real(), freed.extend(dead() is None for dead in alive))
    )
    with pytest.raises(Failure):
        draw(renderer, request_for)
    assert freed == [True]


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: device-side assert triggered",
        "CUDA error: uncorrectable ECC error encountered",
        "CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx",
    ],
)
def test_an_error_that_stays_with_the_device_is_reported_as_its_loss(
    renderer: FluxRenderer, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch, text: str
):
    transformer = pipeline_of(renderer).transformer
    monkeypatch.setattr(transformer, "forward", Fails(transformer.forward, RuntimeError(text)))
    with pytest.raises(DeviceLost, match="restart"):
        draw(renderer, request_for)


def test_a_decoder_that_overflows_in_half_precision_is_asked_again_in_full(
    tiny: Path, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    import torch

    renderer = FluxRenderer()
    renderer.prepare(request_for, Reports())
    pipeline = pipeline_of(renderer)
    pipeline.to(torch.bfloat16)
    vae = pipeline.vae
    real, dtypes = vae.decode, []
    weights = [parameter.data for parameter in vae.parameters()]

    def decode(latents: Any, **kwargs: Any) -> Any:
        dtypes.append(vae.dtype)
        image = real(latents, **kwargs)[0]
        return (image * float("nan") if vae.dtype == torch.bfloat16 else image,)

    monkeypatch.setattr(vae, "decode", decode)
    assert len(draw_unseen(renderer, request_for).pixels) == SIDE * SIDE * 3
    assert dtypes == [torch.bfloat16, torch.float32]
    assert vae.dtype == torch.bfloat16
    # A recorded decoder reads its weights where they lay.
    assert all(
        parameter.data_ptr() == before.data_ptr()
        for parameter, before in zip(vae.parameters(), weights, strict=True)
    )


def test_cancelling_raises_out_of_the_step_it_happens_in(renderer: FluxRenderer, request_for: RenderRequest):
    undisturbed = draw(renderer, request_for)
    reports = Reports(lambda phase, at: (phase, at) == ("denoise", 0.5))
    with pytest.raises(CancelledJob):
        draw(renderer, request_for, reports)
    assert reports[-1] == ("denoise", 0.5)
    assert draw(renderer, request_for).pixels == undisturbed.pixels


def test_a_model_that_is_cancelled_while_loading_is_ready_for_the_next_picture(request_for: RenderRequest):
    renderer = FluxRenderer()
    with pytest.raises(CancelledJob):
        draw(renderer, request_for, Reports(lambda phase, at: phase == "encode"))
    reports = Reports()
    draw(renderer, request_for, reports)
    assert "load" not in {phase for phase, _ in reports}


def test_a_model_larger_than_the_memory_is_refused_with_the_figures(
    request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    small = Machine(device="cpu", name="this machine", free=10**8, total=2 * 10**8, main=10**8)
    monkeypatch.setattr(model_manager, "survey", lambda limit: small)
    with pytest.raises(NotConfigured, match=r"\b0\.3\b"):
        FluxRenderer().prepare(request_for, Reports())


def test_running_out_of_memory_while_loading_leaves_nothing_loaded_and_says_so(
    request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    import diffusers

    renderer = FluxRenderer()
    real = diffusers.FluxPipeline.from_pretrained
    monkeypatch.setattr(diffusers.FluxPipeline, "from_pretrained", Fails(real, no_memory()))
    with pytest.raises(Failure, match="tiny"):
        renderer.prepare(request_for, Reports())
    assert renderer.status().model is None
    renderer.prepare(request_for, Reports())
    assert renderer.status().model == "tiny"


def test_a_device_that_is_lost_while_loading_is_not_taken_for_a_damaged_file(
    request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    import diffusers

    lost = RuntimeError("CUDA error: uncorrectable ECC error encountered")
    real = diffusers.FluxPipeline.from_pretrained
    monkeypatch.setattr(diffusers.FluxPipeline, "from_pretrained", Fails(real, lost))
    with pytest.raises(DeviceLost, match="restart"):
        FluxRenderer().prepare(request_for, Reports())


def test_code_of_a_model_is_never_trusted(request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch):
    import diffusers

    given: list[dict[str, Any]] = []
    real = diffusers.FluxPipeline.from_pretrained

    def from_pretrained(*args: Any, **kwargs: Any) -> Any:
        given.append(kwargs)
        return real(*args, **kwargs)

    monkeypatch.setattr(diffusers, "FluxPipeline", SimpleNamespace(from_pretrained=from_pretrained))
    FluxRenderer().prepare(request_for, Reports())
    assert given[0]["use_safetensors"] is True
    assert given[0]["local_files_only"] is True
    assert not given[0].get("trust_remote_code")


@pytest.mark.parametrize("model", ["/no/such/folder", "no model at all"])
def test_a_model_that_cannot_be_drawn_with_does_not_cost_the_one_that_is_loaded(
    renderer: FluxRenderer, request_for: RenderRequest, model: str
):
    with pytest.raises(NotConfigured):
        renderer.prepare(RenderRequest(model=model, precision="auto", job=None), Reports())
    assert renderer.status().model == "tiny"
    reports = Reports()
    draw(renderer, request_for, reports)
    assert "load" not in {phase for phase, _ in reports}


def test_another_model_or_precision_takes_the_place_of_the_one_that_is_loaded(
    renderer: FluxRenderer, request_for: RenderRequest
):
    import weakref

    transformer = weakref.ref(pipeline_of(renderer).transformer)
    other = RenderRequest(model=request_for.model, precision="int8", job=None)
    renderer.prepare(other, Reports())
    assert str(renderer.status().plan).startswith("int8")
    assert transformer() is None
    assert "rounded to int8" in str(draw(renderer, other).notice)


@pytest.mark.parametrize(("one", "other"), [("auto", "sketch"), ("sketch", "auto")])
def test_servers_that_want_the_same_model_by_different_names_take_no_turns_in_loading_it(
    one: str, other: str
):
    renderer, reports = FluxRenderer(), Reports()
    renderer.prepare(RenderRequest(model=one, precision="auto", job=None), Reports())
    transformer = pipeline_of(renderer).transformer
    for model, precision, why in ((other, "bf16", None), (one, "auto", None), ("sketch", "auto", "asks for")):
        picture = draw(renderer, RenderRequest(model=model, precision=precision, job=None), reports)
        assert pipeline_of(renderer).transformer is transformer
        assert why is None or why in str(picture.notice)
    assert "load" not in {phase for phase, _ in reports}


def test_servers_with_different_settings_in_turn_leave_nothing_of_each_others_model(
    request_for: RenderRequest,
):
    import threading
    import weakref

    renderer = FluxRenderer()
    others = RenderRequest(model=request_for.model, precision="int8", job=None)
    left: list[weakref.ref[Any]] = []
    pictures: list[bytes] = []
    threads = threading.active_count()
    for request in (request_for, others) * 2:
        pictures.append(draw(renderer, request).pixels)
        assert not any(transformer() is not None for transformer in left)
        left.append(weakref.ref(pipeline_of(renderer).transformer))
    assert pictures[:2] == pictures[2:]
    assert threading.active_count() == threads


def test_main_memory_that_was_pinned_for_a_model_is_given_back_with_it(
    renderer: FluxRenderer, monkeypatch: pytest.MonkeyPatch
):
    import torch

    given_back: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: given_back.append("device"))
    monkeypatch.setattr(torch._C, "_host_emptyCache", lambda: given_back.append("main"), raising=False)
    renderer.models.unload()
    assert given_back == ["device", "main"]


def test_the_most_memory_is_counted_for_each_phase_and_in_all(monkeypatch: pytest.MonkeyPatch):
    import torch

    from alya_mcp.images.flux.memory_peaks import Peaks

    most = [9]
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: most[0])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: most.__setitem__(0, 3))
    peaks, taken = Peaks(), dict[str, int]()
    with peaks.during("encode", taken):
        most[0] = 4
    with contextlib.suppress(CancelledJob), peaks.during("denoise", taken):
        most[0] = 7
        raise CancelledJob
    assert (taken, peaks.most) == ({"encode": 4, "denoise": 7}, 9)


def test_numbers_that_were_not_finite_once_in_the_text_are_not_remembered(
    renderer: FluxRenderer, request_for: RenderRequest, monkeypatch: pytest.MonkeyPatch
):
    assert renderer.models.loaded is not None
    artist = renderer.models.loaded.artist
    real = artist.encode
    with monkeypatch.context() as patch:
        patch.setattr(artist, "encode", lambda *ids: tuple(part * float("nan") for part in real(*ids)))
        with pytest.raises(Failure, match="aren't finite"):
            draw(renderer, request_for)
    assert draw(renderer, request_for).model == "tiny"


def test_the_bundled_model_without_memory_is_not_told_to_be_taken(monkeypatch: pytest.MonkeyPatch):
    sketch = RenderRequest(model="sketch", precision="auto", job=None)
    small = Machine(device="cpu", name="this machine", free=10**8, total=2 * 10**8, main=10**8)
    with monkeypatch.context() as patch:
        patch.setattr(model_manager, "survey", lambda limit: small)
        with pytest.raises(NotConfigured, match=r"Close what else uses it$"):
            FluxRenderer().prepare(sketch, Reports())
    renderer = FluxRenderer()
    renderer.prepare(sketch, Reports())
    transformer = pipeline_of(renderer).transformer
    monkeypatch.setattr(transformer, "forward", Fails(transformer.forward, no_memory()))
    with pytest.raises(Failure, match=r"call again$"):
        draw(renderer, sketch)


def test_a_limit_is_the_memory_that_plans_are_made_for(request_for: RenderRequest):
    with pytest.raises(NotConfigured, match=r"this machine has 0\.2 GB free of 0\.2 GB"):
        FluxRenderer(2 * 10**8).prepare(request_for, Reports())
