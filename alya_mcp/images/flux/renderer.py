"""The renderer on diffusers' pipelines: loads a model by a plan, draws, and steps down when memory ends.

Everything of torch happens here and below, in the render thread of the worker.
"""

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from alya_mcp.errors import Failure, NotConfigured
from alya_mcp.images.decoding import opened
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.families import Model, Weights
from alya_mcp.images.flux.descent import Descent, instead_of
from alya_mcp.images.flux.device_memory import (
    NoMemoryError,
    device_errors,
    free_memory,
    torch_library,
    with_room,
)
from alya_mcp.images.flux.loaded import Loaded, Shelf
from alya_mcp.images.flux.prompt_words import notice_of, require_subject, understood
from alya_mcp.images.following import require_follows
from alya_mcp.images.models import Choice, choose, known_words, random_model
from alya_mcp.images.plan import (
    Machine,
    Plan,
    choose_plan,
    survey,
    weigh,
)
from alya_mcp.images.renderer import (
    CancelledJob,
    DeviceLost,
    RendererStatus,
    RenderRequest,
    ReportProgress,
)
from alya_mcp.images.weights import download, require_whole

if TYPE_CHECKING:
    from alya_mcp.images.flux.accelerate import Accelerator
    from alya_mcp.images.flux.pipeline import Artist, EncodedPrompt

T = TypeVar("T")

_FLAT: Final = 2
"""A picture whose channels vary by no more than this, of 255, is blank."""


class FluxRenderer:
    """Pipelines in memory on the best device of the machine: one that draws, others while they have room.

    With `limit`, no more than that many bytes of the device's memory are used. `accelerator` makes what
    compiles.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        accelerator: "Callable[[Artist, Plan], Accelerator] | None" = None,
    ) -> None:
        self._limit = limit
        self._accelerator = accelerator
        self._loaded: Loaded | None = None
        self._shelf = Shelf()

    def prepare(self, request: RenderRequest, report: ReportProgress) -> None:
        """Load the model of `request`, unless it is loaded."""
        self._load(request, report)

    def render(self, request: RenderRequest, job: Job, report: ReportProgress) -> Picture:
        """Draw `job`."""
        pictures = [opened(reference) for reference in job.references]
        loaded = self._load(request, report)
        family, choice = loaded.artist.family, loaded.choice
        require_follows(choice.name, family, len(pictures), job.strength, blind=choice.blind)
        if pictures:
            if not self._has_room_for(loaded, len(pictures)):
                del loaded
                self._unload()
                loaded = self._load(request, report, len(pictures))
            job = replace(job, strength=job.strength or family.strength)
        with device_errors():
            return self._draw(loaded, job, pictures, report)

    def tend(self, *, idle: bool) -> bool:
        """Compile beside the drawing, and take into use what is compiled."""
        accelerator = self._loaded and self._loaded.accelerator
        if accelerator is None:
            return False
        before = accelerator.state
        with device_errors():
            more = accelerator.advance(idle=idle)
        if accelerator.state == "failed" and before != "failed":
            # Memory may be what it failed by, and other programs can use what it leaves.
            free_memory()
        return more

    def status(self) -> RendererStatus:
        """The loaded model and the device's memory, as far as the device tells."""
        if self._loaded is None:
            return RendererStatus()
        memory: dict[str, int] = {}
        temperature: int | None = None
        if self._loaded.peaks is not None:
            torch = torch_library()
            with contextlib.suppress(RuntimeError):
                free, total = torch.cuda.mem_get_info()
                memory = {
                    "gpu_free": free,
                    "gpu_total": total,
                    "gpu_allocated": torch.cuda.memory_allocated(),
                    "gpu_reserved": torch.cuda.memory_reserved(),
                    "gpu_peak": self._loaded.peaks.most,
                }
            with contextlib.suppress(Exception):
                temperature = int(torch.cuda.temperature())
        return RendererStatus(
            model=self._loaded.choice.name,
            device=self._loaded.device,
            memory=memory,
            plan=self._loaded.plan_text,
            temperature=temperature,
            others=self._shelf.names,
        )

    # -- loading

    def _load(self, request: RenderRequest, report: ReportProgress, references: int = 0) -> Loaded:
        wanted = (request.model, request.precision)
        if self._loaded and not self._loaded.whole:
            self._unload()
        # A fallback that `auto` chose is looked at again: the weights may have come, memory may be free now.
        if self._loaded and self._loaded.wanted == wanted and not _is_fallback(self._loaded):
            return self._loaded
        if self._loaded is None:
            report("load", 0.0, 0.3, "Starting PyTorch")
            _quiet_libraries()
        with device_errors():
            return self._load_choice(request, report, references)

    def _has_room_for(self, loaded: Loaded, references: int) -> bool:
        """Whether the model's plan holds with so many references, if need be without the models beside it.

        Raises:
            NotConfigured: when no plan has room for them.
        """
        while references > loaded.references:
            free_memory()  # what earlier pictures left counts as free
            machine = survey(self._limit, loaded.size)
            if loaded.has_room_for(references, machine):
                loaded.references = references
            elif not self._shelf.drop():
                full = loaded.choice.full_precision
                weights = loaded.weights.following(references)
                choose_plan(machine, weights, loaded.wanted[1], full_precision=full)
                return False
        return True

    def _load_choice(self, request: RenderRequest, report: ReportProgress, references: int) -> Loaded:
        wanted = model, precision = request.model, request.precision
        machine = self._survey()
        before: str | None = None
        if self._loaded is not None and self._loaded.wanted != wanted:
            # What isn't there, or wouldn't fit on an empty machine, leaves the loaded model where it is.
            choice = self._choose(request, replace(machine, free=machine.total, main=sys.maxsize))
            if not self._loaded.is_from(choice, precision):
                before = self._set_aside(choice)
                kept = self._shelf.take(choice, precision)
                if kept is not None:
                    report("load", 0.9, 1.0, f"Going back to {choice.name}, which is still loaded")
                    kept.wanted, kept.choice = wanted, choice
                    self._loaded = kept
                    self._choose_digits(kept.device, kept.plan)
                    return kept
                machine = self._survey()
            elif not choice.full_precision:
                self._loaded.wanted, self._loaded.choice = wanted, choice
                return self._loaded
        try:
            choice = self._choose(request, self._without_shelf(machine))
        except NotConfigured:
            if not self._empty_shelf():
                raise
            choice = self._choose(request, self._survey())
        if self._loaded is not None:
            if self._loaded.is_from(choice, precision):
                # The reason to fall back may be another one now.
                self._loaded.wanted, self._loaded.choice = wanted, choice
                return self._loaded
            before = self._set_aside(choice)
        source = random_model(model) or choice.folder or self._download(choice, report)
        if isinstance(source, Model):
            weights = source.weights
        else:
            require_whole(source, choice.name)
            weights = weigh(source)
        plan, machine, gone = self._make_room(
            weights.following(references), precision, full_precision=choice.full_precision
        )
        instead = gone or ([before] if before is not None and before not in self._shelf.names else [])
        beside = f" beside {', '.join(self._shelf.names)}" if self._shelf.names else ""
        place = f" in place of {', '.join(instead)}" if instead else beside
        report("load", 0.5, 1.0, f"Loading {choice.name}{place}")
        artist = self._open(source, choice, plan, machine)
        # Whoever cancelled while the model was loading still leaves it ready for the next job.
        self._loaded = Loaded(
            wanted=wanted,
            choice=choice,
            plan=plan,
            artist=artist,
            device=machine.device,
            words=None if isinstance(source, Model) else known_words(source),
            weights=weights,
            references=references,
        )
        if machine.device == "cuda":
            from alya_mcp.images.flux.memory_peaks import Peaks

            self._loaded.peaks = Peaks()
        if plan.compiled:
            from alya_mcp.images.flux.accelerate import Accelerator

            self._loaded.accelerator = (self._accelerator or Accelerator)(artist, plan)
        return self._loaded

    def _choose(self, request: RenderRequest, machine: Machine) -> Choice:
        choice = choose(request.model, machine, request.precision)
        if choice.folder is None and choice.repository is not None and not request.download:
            raise NotConfigured(
                f"The weights of {choice.name} are not on this machine, or not in full. The user can bring "
                f"them with: alya-mcp model pull {choice.model.setting if choice.model else choice.name}"
            )
        return choice

    def _set_aside(self, choice: Choice) -> str | None:
        """Keep the loaded model beside another one, `choice`; its name. A copy of the same weights goes."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return None
        name = loaded.choice.name
        if loaded.has_weights_of(choice):
            del loaded
            free_memory()
        else:
            self._shelf.put(loaded)
        return name

    def _make_room(
        self, weights: Weights, precision: str, *, full_precision: bool
    ) -> tuple[Plan, Machine, list[str]]:
        """The plan for a model as if it had the device for itself, and who had to go for that."""
        gone: list[str] = []
        while True:
            machine = self._survey()
            room = self._without_shelf(machine)
            try:
                plan = choose_plan(room, weights, precision, full_precision=full_precision)
                if plan.fits(machine):
                    return plan, machine, gone
            except NotConfigured:
                if not self._shelf.names:
                    raise
            if name := self._shelf.drop():
                gone.append(name)
            free_memory()

    def _empty_shelf(self) -> bool:
        """Let go of all models beside the one that draws; whether there were any."""
        had = bool(self._shelf.names)
        while self._shelf.drop():
            pass
        free_memory()
        return had

    def _without_shelf(self, machine: Machine) -> Machine:
        """`machine` as it would be without the models beside the one that draws."""
        return replace(machine, free=min(machine.total, machine.free + self._shelf.size))

    def _survey(self) -> Machine:
        return survey(self._limit)

    def _download(self, choice: Choice, report: ReportProgress) -> Path:
        repository = choice.repository or ""

        def progress(share: float, message: str) -> None:
            report("load", 0.3 + 0.2 * share, 0.5, message)

        return download(repository, progress)

    def _open(self, source: Path | Model, choice: Choice, plan: Plan, machine: Machine) -> "Artist":
        from alya_mcp.images.flux.pipeline import open_artist

        torch = torch_library()
        self._choose_digits(machine.device, plan)
        if machine.device == "cuda":
            if self._limit is not None:
                total = torch.cuda.mem_get_info()[1]
                torch.cuda.set_per_process_memory_fraction(min(1.0, self._limit / total))
        elif machine.device == "mps" and self._limit is not None:
            most = torch.mps.recommended_max_memory()
            torch.mps.set_per_process_memory_fraction(min(1.0, self._limit / most))

        def load() -> Any:
            if isinstance(source, Model):
                from alya_mcp.images.flux.random_weights import random_pipeline

                pipeline: Any = random_pipeline(source, plan, machine.device)
            else:
                from alya_mcp.images.flux.loading import load_pipeline

                pipeline = load_pipeline(source, plan, machine.device)
            if machine.device == "cpu":
                from alya_mcp.images.flux.banded import decode_in_bands

                # Convolutions are a third faster this way round.
                pipeline.vae.to(memory_format=torch.channels_last)
                decode_in_bands(pipeline.vae.decoder)
            return pipeline

        try:
            with device_errors():
                device = torch.device(machine.device)
                return open_artist(with_room(load), device, choice.only_side)
        except NoMemoryError:
            pass
        except (Failure, DeviceLost, CancelledJob):
            raise
        except Exception as error:  # noqa: BLE001 - damaged files fail in every library's own way
            traceback.print_exc(file=sys.stderr)
            raise Failure(
                f"The model {choice.name} can't be loaded: a file of it is missing or damaged "
                f"({type(error).__name__}). Download it again; the user finds the particulars in "
                "logs/image-worker.log of ALYA_HOME"
            ) from None
        if self._shelf.drop():
            free_memory()
            return self._open(source, choice, plan, machine)
        free = self._survey().free
        raise Failure(
            f"{machine.name} ran out of memory while loading {choice.name}: {free / 1e9:.1f} GB of "
            f"{machine.total / 1e9:.1f} GB are free. Close what else uses it{instead_of(choice)}"
        )

    @staticmethod
    def _choose_digits(device: str, plan: Plan) -> None:
        """Half of float32's digits are lost in TF32, which convolutions use unless told otherwise."""
        if device == "cuda":
            torch_library().backends.cudnn.allow_tf32 = plan.precision != "fp32"

    def _unload(self) -> None:
        self._loaded = None
        free_memory()

    # -- drawing

    def _draw(self, loaded: Loaded, job: Job, pictures: list[Any], report: ReportProgress) -> Picture:
        from alya_mcp.images.flux.pipeline import middle

        artist, canvas = loaded.artist, loaded.artist.canvas(job)
        prompt, ignored = understood(job.prompt, loaded.words)
        require_subject(loaded, prompt, ignored)
        report("encode", 0.0, 1.0, "Reading the prompt")
        down = Descent(loaded, canvas, self._survey, self._shelf)
        peaks: dict[str, int] = {}
        with loaded.counting("encode", peaks):
            encoded = down.take("encode", lambda: with_room(lambda: artist.read(prompt)))
            seen: tuple[Any, ...] = ()
            if pictures:
                report("encode", 0.5, 1.0, "Looking at the references")
                seen = down.take("references", lambda: self._see(artist, canvas, pictures, tiled=down.tiled))
        with loaded.counting("denoise", peaks):
            latents = down.take("denoise", lambda: self._denoise(artist, canvas, encoded, report, seen))
        report("decode", 0.0, 1.0, "Turning it into pixels")
        with loaded.counting("decode", peaks):
            pixels = down.take("decode", lambda: self._decode(loaded, canvas, latents, tiled=down.tiled))
        pixels = middle(pixels, job.width, job.height)
        report("decode", 1.0, 1.0, "Drawn")
        _require_contrast(loaded.choice, job, pixels)
        return Picture(
            pixels=pixels.numpy().tobytes(),
            width=job.width,
            height=job.height,
            seed=job.seed,
            steps=job.steps,
            model=loaded.choice.name,
            notice=notice_of(
                loaded.choice.notice,
                loaded.choice.model.family.steps if loaded.choice.model else None,
                job.steps,
                loaded.plan,
                artist.only_side is not None and job.width != job.height,
                artist.text_tokens if encoded.truncated else None,
                ignored,
                None if prompt == job.prompt else prompt,
                down.taken,
            ),
            timings={},
            peaks=peaks,
            truncated=encoded.truncated,
            ignored=ignored,
        )

    def _see(self, artist: "Artist", job: Job, pictures: list[Any], *, tiled: bool) -> tuple[Any, ...]:
        from alya_mcp.images.flux.pipeline import tiles

        with tiles(artist.pipeline, max(job.width, job.height)) if tiled else contextlib.nullcontext():
            return with_room(lambda: artist.see(job, pictures))

    def _denoise(
        self, artist: "Artist", job: Job, encoded: "EncodedPrompt", report: ReportProgress,
        seen: tuple[Any, ...],
    ) -> Any:  # fmt: skip
        from alya_mcp.images.flux.pipeline import NotFinite, drawn_steps

        steps = drawn_steps(job)

        def after(done: int) -> None:
            until = min(1.0, (done + 1) / steps)
            report("denoise", done / steps, until, f"Step {done} of {steps}")

        report("denoise", 0.0, 1 / steps, f"Drawing in {steps} steps")
        try:
            return with_room(lambda: artist.denoise(job, encoded, after, seen))
        except NotFinite:
            raise Failure(
                f"The model computed numbers that aren't finite (NaN) with seed {job.seed} and {job.steps} "
                "steps; no picture came of it. Another seed may work; if none does, the model's files are "
                "damaged"
            ) from None

    def _decode(self, loaded: Loaded, job: Job, latents: Any, *, tiled: bool) -> Any:
        from alya_mcp.images.flux.pipeline import NotFinite, tiles

        artist = loaded.artist
        side = max(job.width, job.height)
        cut = tiles(artist.pipeline, side) if tiled else contextlib.nullcontext()
        try:
            with cut:
                return with_room(lambda: artist.pixels(job, latents))
        except NotFinite:
            raise Failure(
                f"The decoder computed numbers that aren't finite (NaN) with seed {job.seed}; no "
                "picture came of it. Another seed may work; if none does, the model's files are damaged"
            ) from None


def _is_fallback(loaded: Loaded) -> bool:
    return loaded.wanted[0] == "auto" and loaded.choice.full_precision


def _quiet_libraries() -> None:
    """Keep what is meant for a terminal out of the log, above all warnings that quote the prompt."""
    for library in ("diffusers", "transformers"):
        logging: Any = importlib.import_module(f"{library}.utils.logging")
        logging.set_verbosity_error()
        logging.disable_progress_bar()


def _require_contrast(choice: Choice, job: Job, pixels: Any) -> None:
    if choice.flat:
        return
    if int((pixels.amax(dim=(0, 1)) - pixels.amin(dim=(0, 1))).max()) <= _FLAT:
        colour = ", ".join(str(int(value)) for value in pixels[0, 0])
        raise Failure(
            f"The model drew nothing but one flat colour (RGB {colour}) with seed {job.seed}. "
            "Another seed or another prompt may work"
        )
