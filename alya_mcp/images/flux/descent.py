"""Saves memory step by step when it runs out: other models, compiled code, weights on the device."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from alya_mcp.errors import Failure
from alya_mcp.images.engine import Job
from alya_mcp.images.flux.device_memory import NoMemoryError, free_memory, is_no_memory
from alya_mcp.images.flux.loaded import Loaded, Shelf
from alya_mcp.images.models import Choice
from alya_mcp.images.plan import MAIN_SPARE, PINNED, Machine

T = TypeVar("T")


class Descent:
    """Saves memory one step at a time when it runs out, until the work fits or no step is left."""

    def __init__(self, loaded: Loaded, job: Job, look: Callable[[], Machine], shelf: Shelf) -> None:
        self._loaded, self._job, self._look, self._shelf = loaded, job, look, shelf
        self.tiled = loaded.plan.tiled
        self.taken: list[str] = []

    def take(self, phase: str, work: Callable[[], T]) -> T:
        """Run `work`, and repeat it after a step down each time that memory runs out.

        Raises:
            Failure: no step is left.
        """
        while True:
            try:
                return work()
            except NoMemoryError:
                pass
            taken = self._down(phase)
            if taken is None:
                raise self._refusal(phase)
            self.taken.append(taken)
            free_memory()

    def _down(self, phase: str) -> str | None:
        loaded = self._loaded
        if other := self._shelf.drop():
            return f"{other} unloaded"
        if phase in {"decode", "references"} and not self.tiled and not loaded.choice.full_precision:
            self.tiled = True
            return "decoded in tiles"
        if loaded.artist.forget_recordings():
            return "recorded steps given up"
        if loaded.accelerator is not None and loaded.accelerator.state in {"eager", "compiling", "compiled"}:
            self._stop_compiling()
            return "compiling given up"
        if loaded.device != "cuda":
            return None
        from alya_mcp.images.flux.loading import streamable

        plan, pipeline = loaded.plan, loaded.artist.pipeline
        encoder = streamable(loaded.artist.encoder, loaded.artist.family)
        if not plan.encoder_streamed and self._has_main_memory_for(encoder):
            if not self._moved(encoder):
                return None
            loaded.plan = replace(plan, encoder_streamed=True)
            return "text encoder moved to main memory"
        if not plan.transformer_streamed and self._has_main_memory_for(pipeline.transformer):
            # Compiled code expects the weights at their addresses.
            self._stop_compiling()
            if not self._moved(pipeline.transformer):
                return None
            loaded.plan = replace(plan, transformer_streamed=True, compiled=False)
            return "transformer moved to main memory, which is slow"
        return None

    def _moved(self, part: Any) -> bool:
        """Move `part` to main memory; False if that is full too, which leaves the model unusable."""
        from alya_mcp.images.flux.loading import stream

        self._loaded.whole = False
        try:
            stream(part, self._loaded.artist.device)
        except (RuntimeError, MemoryError) as error:
            if not is_no_memory(error):
                raise
            return False
        self._loaded.whole = True
        return True

    def _stop_compiling(self) -> None:
        if self._loaded.accelerator is not None:
            self._loaded.accelerator.stop()
        self._loaded.accelerator = None

    def _has_main_memory_for(self, part: Any) -> bool:
        size = sum(tensor.nbytes for tensor in (*part.parameters(), *part.buffers()))
        return size * PINNED + MAIN_SPARE <= self._look().main

    def _refusal(self, phase: str) -> Failure:
        machine, job = self._look(), self._job
        tried = f" Tried in vain: {', '.join(self.taken)}." if self.taken else ""
        return Failure(
            f"{machine.name} ran out of memory while a {job.width}x{job.height} picture was drawn with "
            f"{self._loaded.choice.name} ({phase}): {machine.free / 1e9:.1f} GB of "
            f"{machine.total / 1e9:.1f} GB are free.{tried} Close what else uses it and call again"
            f"{instead_of(self._loaded.choice)}"
        )


def instead_of(choice: Choice) -> str:
    """Advice to use alya-sketch instead of `choice`; empty if it is that already."""
    return "" if choice.full_precision else ", or set ALYA_IMAGE_MODEL to 'sketch'"
