"""The models in memory: the one that draws, and others that stay loaded while there is room for them."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from alya_mcp.errors import Failure, NotConfigured
from alya_mcp.images.families import Model, Weights
from alya_mcp.images.flux.descent import instead_of
from alya_mcp.images.flux.device_memory import NoMemoryError, device_errors, free_memory
from alya_mcp.images.flux.loaded import Loaded, Shelf
from alya_mcp.images.flux.opening import open_on_device, quiet_libraries, set_tf32
from alya_mcp.images.models import Choice, choose, known_words, random_model
from alya_mcp.images.plan import Machine, Plan, choose_plan, survey, weigh
from alya_mcp.images.renderer import RendererStatus, RenderRequest, ReportProgress
from alya_mcp.images.weights import download, require_whole

if TYPE_CHECKING:
    from alya_mcp.images.flux.accelerate import Accelerator
    from alya_mcp.images.flux.pipeline import Artist


class ModelManager:
    """Loads models by a plan for the device's free memory, and unloads them when another needs it.

    `limit` and `accelerator` are those of the renderer.
    """

    def __init__(
        self, limit: int | None, accelerator: "Callable[[Artist, Plan], Accelerator] | None"
    ) -> None:
        self._limit = limit
        self._accelerator = accelerator
        self.loaded: Loaded | None = None
        """The model that draws."""
        self.shelf: Final = Shelf()
        """The other models in memory."""

    def load(self, request: RenderRequest, report: ReportProgress, references: int = 0) -> Loaded:
        """The model of `request`, loaded unless it is in memory, by a plan with room for `references`."""
        wanted = (request.model, request.precision)
        if self.loaded and not self.loaded.whole:
            self.unload()
        # A fallback that `auto` chose is checked again: the weights may be here, or memory free, by now.
        if self.loaded and self.loaded.wanted == wanted and not _is_fallback(self.loaded):
            return self.loaded
        if self.loaded is None:
            report("load", 0.0, 0.3, "Starting PyTorch")
            quiet_libraries()
        with device_errors():
            return self._load_choice(request, report, references)

    def unload(self) -> None:
        """Unload the model that draws."""
        self.loaded = None
        free_memory()

    def survey(self) -> Machine:
        """The device and its free memory, within the limit."""
        return survey(self._limit)

    def has_room_for(self, loaded: Loaded, references: int) -> bool:
        """Whether the model's plan has room for so many references, after unloading others if need be.

        Raises:
            NotConfigured: no plan has room for them.
        """
        while references > loaded.references:
            free_memory()  # what earlier pictures left counts as free
            machine = survey(self._limit, loaded.size)
            if loaded.has_room_for(references, machine):
                loaded.references = references
            elif not self.shelf.drop():
                full = loaded.choice.full_precision
                weights = loaded.weights.following(references)
                choose_plan(machine, weights, loaded.wanted[1], full_precision=full)
                return False
        return True

    def status(self) -> RendererStatus:
        """The loaded model, and the device's memory where the device reports it."""
        return self.loaded.status(self.shelf.names) if self.loaded else RendererStatus()

    def _load_choice(self, request: RenderRequest, report: ReportProgress, references: int) -> Loaded:
        wanted = model, precision = request.model, request.precision
        machine = self.survey()
        before: str | None = None
        if self.loaded is not None and self.loaded.wanted != wanted:
            # A model that isn't here, or that wouldn't fit on an empty machine, must not unload this one.
            choice = self._choose(request, replace(machine, free=machine.total, main=sys.maxsize))
            if not self.loaded.is_from(choice, precision):
                before = self._set_aside(choice)
                kept = self.shelf.take(choice, precision)
                if kept is not None:
                    report("load", 0.9, 1.0, f"Going back to {choice.name}, which is still loaded")
                    kept.wanted, kept.choice = wanted, choice
                    self.loaded = kept
                    set_tf32(kept.device, kept.plan)
                    return kept
                machine = self.survey()
            elif not choice.full_precision:
                self.loaded.wanted, self.loaded.choice = wanted, choice
                return self.loaded
        try:
            choice = self._choose(request, self._without_shelf(machine))
        except NotConfigured:
            if not self._empty_shelf():
                raise
            choice = self._choose(request, self.survey())
        if self.loaded is not None:
            if self.loaded.is_from(choice, precision):
                # The reason for the fallback may have changed.
                self.loaded.wanted, self.loaded.choice = wanted, choice
                return self.loaded
            before = self._set_aside(choice)
        source = random_model(model) or choice.folder or _download(choice, report)
        if isinstance(source, Model):
            weights = source.weights
        else:
            require_whole(source, choice.name)
            weights = weigh(source)
        plan, machine, gone = self._make_room(
            weights.following(references), precision, full_precision=choice.full_precision
        )
        instead = gone or ([before] if before is not None and before not in self.shelf.names else [])
        beside = f" beside {', '.join(self.shelf.names)}" if self.shelf.names else ""
        place = f" in place of {', '.join(instead)}" if instead else beside
        report("load", 0.5, 1.0, f"Loading {choice.name}{place}")
        artist = self._open(source, choice, plan, machine)
        # A job that is cancelled while its model loads leaves the model ready for the next one.
        self.loaded = Loaded(
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

            self.loaded.peaks = Peaks()
        if plan.compiled:
            from alya_mcp.images.flux.accelerate import Accelerator

            self.loaded.accelerator = (self._accelerator or Accelerator)(artist, plan)
        return self.loaded

    def _choose(self, request: RenderRequest, machine: Machine) -> Choice:
        choice = choose(request.model, machine, request.precision)
        if choice.folder is None and choice.repository is not None and not request.download:
            raise NotConfigured(
                f"The weights of {choice.name} are not on this machine, or are incomplete. The user can "
                "download them with: alya-mcp model pull "
                f"{choice.model.setting if choice.model else choice.name}"
            )
        return choice

    def _set_aside(self, choice: Choice) -> str | None:
        """Move the loaded model to the shelf, or unload it if its weights are those of `choice`; its name."""
        loaded, self.loaded = self.loaded, None
        if loaded is None:
            return None
        name = loaded.choice.name
        if loaded.has_weights_of(choice):
            del loaded
            free_memory()
        else:
            self.shelf.put(loaded)
        return name

    def _make_room(
        self, weights: Weights, precision: str, *, full_precision: bool
    ) -> tuple[Plan, Machine, list[str]]:
        """The best plan as if no other model were loaded, the device, and the models unloaded for it."""
        gone: list[str] = []
        while True:
            machine = self.survey()
            room = self._without_shelf(machine)
            try:
                plan = choose_plan(room, weights, precision, full_precision=full_precision)
                if plan.fits(machine):
                    return plan, machine, gone
            except NotConfigured:
                if not self.shelf.names:
                    raise
            if name := self.shelf.drop():
                gone.append(name)
            free_memory()

    def _empty_shelf(self) -> bool:
        """Unload the models on the shelf. True if there were any."""
        had = bool(self.shelf.names)
        while self.shelf.drop():
            pass
        free_memory()
        return had

    def _without_shelf(self, machine: Machine) -> Machine:
        """`machine` as it would be without the models on the shelf."""
        return replace(machine, free=min(machine.total, machine.free + self.shelf.size))

    def _open(self, source: Path | Model, choice: Choice, plan: Plan, machine: Machine) -> "Artist":
        while True:
            try:
                return open_on_device(source, choice, plan, machine, self._limit)
            except NoMemoryError:
                pass
            if not self.shelf.drop():
                break
            free_memory()
        free = self.survey().free
        raise Failure(
            f"{machine.name} ran out of memory while loading {choice.name}: {free / 1e9:.1f} GB of "
            f"{machine.total / 1e9:.1f} GB are free. Close what else uses it{instead_of(choice)}"
        )


def _download(choice: Choice, report: ReportProgress) -> Path:
    def progress(share: float, message: str) -> None:
        report("load", 0.3 + 0.2 * share, 0.5, message)

    return download(choice.repository or "", progress)


def _is_fallback(loaded: Loaded) -> bool:
    return loaded.wanted[0] == "auto" and loaded.choice.full_precision
