"""The renderer on diffusers' FluxPipeline: loads a model, encodes the prompt, denoises and decodes.

Everything of torch happens here, in the render thread of the worker. The pipeline is driven in three parts:
a cancelled job stops between them and within a step.
"""

import contextlib
import gc
import importlib
import re
import sys
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from alya_mcp.failures import Failure, InvalidInput, NotConfigured
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.fetch import download, require_flux
from alya_mcp.images.memory import require_room, survey
from alya_mcp.images.models import Choice, Machine, choose, known_words
from alya_mcp.images.rendering import CancelledJob, DeviceLost, RendererStatus, Report, Request

T = TypeVar("T")

_MAX_TEXT_TOKENS: Final = 256
_GUIDANCE: Final = 3.5
"""For models that were distilled with a guidance input; FLUX.1-schnell has none."""
_FLAT: Final = 2
"""A picture whose channels vary by no more than this, of 255, is blank."""
_MAX_IGNORED: Final = 20
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_NO_MEMORY: Final = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)
_LOST: Final = re.compile(r"CUDA error|device-side assert|CUBLAS_STATUS|CUDNN_STATUS|ECC error")


class _NoMemoryError(Exception):
    """The device had no room, and the tensors of the failed work are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    wanted: tuple[str, str]
    choice: Choice
    folder: Path
    pipeline: Any
    device: str
    words: frozenset[str] | None


class FluxRenderer:
    """One FLUX pipeline in memory at a time, on the best device of the machine."""

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def prepare(self, request: Request, report: Report) -> None:
        """Load the model of `request`, unless it is loaded."""
        self._load(request, report)

    def render(self, request: Request, job: Job, report: Report) -> Picture:
        """Draw `job`."""
        loaded = self._load(request, report)
        with _device_errors():
            return self._draw(loaded, job, report)

    def status(self) -> RendererStatus:
        """The loaded model and the device's memory, as far as the device tells."""
        if self._loaded is None:
            return RendererStatus()
        memory: dict[str, int] = {}
        if self._loaded.device == "cuda":
            torch = _torch()
            with contextlib.suppress(RuntimeError):
                free, total = torch.cuda.mem_get_info()
                memory = {
                    "gpu_free": free,
                    "gpu_total": total,
                    "gpu_allocated": torch.cuda.memory_allocated(),
                }
        return RendererStatus(model=self._loaded.choice.name, device=self._loaded.device, memory=memory)

    # -- loading

    def _load(self, request: Request, report: Report) -> _Loaded:
        wanted = (request.model, request.precision)
        # A fallback that `auto` chose is looked at again: the weights may have come, memory may be free now.
        if self._loaded and self._loaded.wanted == wanted and not _is_fallback(self._loaded):
            return self._loaded
        if request.precision not in {"auto", "bf16"}:
            raise NotConfigured(
                f"ALYA_IMAGE_PRECISION is {request.precision!r}, but this version draws in bf16 only; set "
                "it to 'bf16' or leave it out"
            )
        if self._loaded is None:
            report("load", 0.0, 0.3, "Starting PyTorch")
            _quiet_libraries()
        with _device_errors():
            return self._load_choice(wanted, report)

    def _load_choice(self, wanted: tuple[str, str], report: Report) -> _Loaded:
        if self._loaded is not None and self._loaded.wanted != wanted:
            self._unload()
        machine = survey()
        choice = choose(wanted[0], machine)
        if self._loaded is not None:
            if self._loaded.choice.name == choice.name:
                return self._loaded
            self._unload()
        folder = choice.folder or self._download(choice, report)
        report("load", 0.5, 1.0, f"Loading {choice.name}")
        float32 = choice.full_precision or machine.device == "cpu"
        require_room(folder, 4 if float32 else 2, machine)
        pipeline = self._open(folder, choice, machine, float32=float32)
        # Whoever cancelled while the model was loading still leaves it ready for the next job.
        self._loaded = _Loaded(
            wanted=wanted,
            choice=choice,
            folder=folder,
            pipeline=pipeline,
            device=machine.device,
            words=known_words(folder),
        )
        return self._loaded

    def _download(self, choice: Choice, report: Report) -> Path:
        repository = choice.repository or ""

        def progress(share: float, message: str) -> None:
            report("load", 0.3 + 0.2 * share, 0.5, message)

        return download(repository, progress)

    def _open(self, folder: Path, choice: Choice, machine: Machine, *, float32: bool) -> Any:
        torch, diffusers = _torch(), importlib.import_module("diffusers")
        require_flux(folder, choice.name)

        def load() -> Any:
            pipeline: Any = diffusers.FluxPipeline.from_pretrained(
                folder,
                dtype=torch.float32 if float32 else torch.bfloat16,
                use_safetensors=True,
                local_files_only=True,
            )
            pipeline.set_progress_bar_config(disable=True)
            if machine.device != "mps":
                # Convolutions are a third faster this way round.
                pipeline.vae.to(memory_format=torch.channels_last)
            return pipeline.to(machine.device)

        try:
            return self._with_room(load)
        except _NoMemoryError:
            free = survey().free
        except (Failure, DeviceLost, CancelledJob):
            raise
        except Exception as error:  # noqa: BLE001 - damaged files fail in every library's own way
            traceback.print_exc(file=sys.stderr)
            raise Failure(
                f"The model {choice.name} can't be loaded: a file of it is missing or damaged "
                f"({type(error).__name__}). Download it again; the person finds the particulars in "
                "logs/image-worker.log of ALYA_HOME"
            ) from None
        raise Failure(
            f"{machine.name} ran out of memory while loading {choice.name}: {free / 1e9:.1f} GB of "
            f"{machine.total / 1e9:.1f} GB are free. Close what else uses it, or set ALYA_IMAGE_MODEL to "
            "'sketch'"
        )

    def _unload(self) -> None:
        self._loaded = None
        _free_memory()

    # -- drawing

    def _draw(self, loaded: _Loaded, job: Job, report: Report) -> Picture:
        pipeline = loaded.pipeline
        unit = 2 * int(pipeline.vae_scale_factor)
        for name, side in (("width", job.width), ("height", job.height)):
            if side % unit:
                raise InvalidInput(f"{name} is {side}; {loaded.choice.name} takes multiples of {unit} pixels")
        report("encode", 0.0, 1.0, "Reading the prompt")
        limit = min(_MAX_TEXT_TOKENS, int(pipeline.tokenizer_2.model_max_length))
        truncated = len(pipeline.tokenizer_2(job.prompt).input_ids) > limit
        embeddings = self._step(loaded, job, "encode", lambda: self._encode(pipeline, job.prompt, limit))
        latents = self._step(loaded, job, "denoise", lambda: self._denoise(pipeline, job, embeddings, report))
        report("decode", 0.0, 1.0, "Turning it into pixels")
        pixels = self._decode(loaded, job, latents)
        report("decode", 1.0, 1.0, "Drawn")
        ignored = () if loaded.words is None else _unknown_words(job.prompt, loaded.words)
        return Picture(
            pixels=pixels,
            width=job.width,
            height=job.height,
            seed=job.seed,
            steps=job.steps,
            model=loaded.choice.name,
            notice=_notice(loaded.choice.notice, limit if truncated else None, ignored),
            timings={},
            truncated=truncated,
            ignored=ignored,
        )

    def _encode(self, pipeline: Any, prompt: str, limit: int) -> tuple[Any, Any]:
        with _torch().inference_mode():
            embeddings, pooled, _ = pipeline.encode_prompt(prompt, None, max_sequence_length=limit)
        return embeddings, pooled

    def _denoise(self, pipeline: Any, job: Job, embeddings: tuple[Any, Any], report: Report) -> Any:
        torch = _torch()

        def after_step(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            del pipeline, timestep, tensors
            done = step + 1
            report(
                "denoise", done / job.steps, min(1.0, (done + 1) / job.steps), f"Step {done} of {job.steps}"
            )
            return {}

        report("denoise", 0.0, 1 / job.steps, f"Drawing in {job.steps} steps")
        latents = pipeline(
            prompt_embeds=embeddings[0],
            pooled_prompt_embeds=embeddings[1],
            width=job.width,
            height=job.height,
            num_inference_steps=job.steps,
            guidance_scale=_GUIDANCE if pipeline.transformer.config.guidance_embeds else 0.0,
            generator=torch.Generator("cpu").manual_seed(job.seed),
            output_type="latent",
            return_dict=False,
            callback_on_step_end=after_step,
            callback_on_step_end_tensor_inputs=[],
        )[0]
        if not bool(torch.isfinite(latents).all()):
            raise Failure(
                f"The model computed numbers that aren't finite (NaN) with seed {job.seed} and {job.steps} "
                "steps; no picture came of it. Another seed may work; if none does, the model's files are "
                "damaged"
            )
        return latents

    def _decode(self, loaded: _Loaded, job: Job, latents: Any) -> bytes:
        try:
            image = self._with_room(lambda: self._pixels(loaded.pipeline, job, latents))
        except _NoMemoryError:
            image = None
        if image is None:
            with _tiles(loaded.pipeline, max(job.width, job.height)):
                image = self._step(loaded, job, "decode", lambda: self._pixels(loaded.pipeline, job, latents))
        if int((image.amax(dim=(0, 1)) - image.amin(dim=(0, 1))).max()) <= _FLAT:
            colour = ", ".join(str(int(value)) for value in image[0, 0])
            raise Failure(
                f"The model drew nothing but one flat colour (RGB {colour}) with seed {job.seed}. "
                "Another seed or another prompt may work"
            )
        return image.contiguous().numpy().tobytes()

    def _pixels(self, pipeline: Any, job: Job, latents: Any) -> Any:
        torch, vae = _torch(), pipeline.vae
        unpacked = pipeline._unpack_latents(latents, job.height, job.width, pipeline.vae_scale_factor)
        scaled = unpacked / vae.config.scaling_factor + vae.config.shift_factor
        kept = vae.dtype
        with torch.inference_mode():
            decoded = vae.decode(scaled.to(kept), return_dict=False)[0]
            if not bool(torch.isfinite(decoded).all()) and kept != torch.float32:
                # Half precision overflows now and then; full precision doesn't.
                try:
                    decoded = vae.to(torch.float32).decode(scaled.float(), return_dict=False)[0]
                finally:
                    vae.to(kept)
            if not bool(torch.isfinite(decoded).all()):
                raise Failure(
                    f"The decoder computed numbers that aren't finite (NaN) with seed {job.seed}; no "
                    "picture came of it. Another seed may work; if none does, the model's files are damaged"
                )
            levels = (decoded[0].float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
            return levels.permute(1, 2, 0).cpu()

    # -- memory

    def _step(self, loaded: _Loaded, job: Job, what: str, work: Callable[[], T]) -> T:
        try:
            return self._with_room(work)
        except _NoMemoryError:
            pass
        machine = survey()
        raise Failure(
            f"{machine.name} ran out of memory while a {job.width}x{job.height} picture was drawn with "
            f"{loaded.choice.name} ({what}): {machine.free / 1e9:.1f} GB of {machine.total / 1e9:.1f} GB "
            "are free. Close what else uses it and call again, or set ALYA_IMAGE_MODEL to 'sketch'"
        )

    def _with_room(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not _is_no_memory(error):
                raise
        # The traceback held the tensors; it ended with the except block.
        _free_memory()
        raise _NoMemoryError


@contextlib.contextmanager
def _tiles(pipeline: Any, side: int) -> Generator[None]:
    """Decode in tiles of half a side, which need a fraction of the memory; their seams are blended.

    A decoder's own tile size is that of its training pictures: nothing would be cut at 1024 pixels.
    """
    vae, factor = pipeline.vae, int(pipeline.vae_scale_factor)
    kept = vae.tile_latent_min_size, vae.tile_sample_min_size
    # Tiles overlap by a quarter, which has to be a whole number.
    latents = max(4, side // factor // 2 // 4 * 4)
    vae.tile_latent_min_size, vae.tile_sample_min_size = latents, latents * factor
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()
        vae.tile_latent_min_size, vae.tile_sample_min_size = kept


@contextlib.contextmanager
def _device_errors() -> Generator[None]:
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, _torch().AcceleratorError) or _LOST.search(str(error)):
            traceback.print_exc(file=sys.stderr)
            raise DeviceLost(
                "The GPU reported an error that only a restart of the image worker clears; it restarts now. "
                "Call again; if it happens again, the person finds the error in logs/image-worker.log of "
                "ALYA_HOME"
            ) from None
        raise


def _is_no_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | _torch().OutOfMemoryError):
        return True
    return bool(_NO_MEMORY.search(str(error))) and not isinstance(error, _torch().AcceleratorError)


def _is_fallback(loaded: _Loaded) -> bool:
    return loaded.wanted[0] == "auto" and loaded.choice.full_precision


def _free_memory() -> None:
    torch = _torch()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _notice(notice: str | None, limit: int | None, ignored: tuple[str, ...]) -> str | None:
    parts = [notice] if notice else []
    if limit is not None:
        parts.append(f"The model read only the first {limit} tokens of the prompt")
    if ignored:
        parts.append(f"It doesn't know these words and left them out: {', '.join(ignored)}")
    return ". ".join(parts) or None


def _unknown_words(prompt: str, known: frozenset[str]) -> tuple[str, ...]:
    words = dict.fromkeys(word.lower() for word in _WORD.findall(prompt))
    return tuple([word[:40] for word in words if word not in known][:_MAX_IGNORED])


def _quiet_libraries() -> None:
    """Keep what is meant for a terminal out of the log, above all warnings that quote the prompt."""
    for library in ("diffusers", "transformers"):
        logging: Any = importlib.import_module(f"{library}.utils.logging")
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def _torch() -> Any:
    return importlib.import_module("torch")
