"""The renderer on diffusers' pipelines: loads a model by a plan, draws, and saves memory when it runs out.

It runs in the worker's render thread. Only modules of this folder import torch.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from alya_mcp.images.decoding import opened
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.flux.device_memory import device_errors, free_memory
from alya_mcp.images.flux.drawing import draw
from alya_mcp.images.flux.model_manager import ModelManager
from alya_mcp.images.following import require_follows
from alya_mcp.images.plan import Plan
from alya_mcp.images.renderer import RendererStatus, RenderRequest, ReportProgress

if TYPE_CHECKING:
    from alya_mcp.images.flux.accelerate import Accelerator
    from alya_mcp.images.flux.pipeline import Artist


class FluxRenderer:
    """Draws on the machine's best device with the models that its `ModelManager` has in memory.

    With `limit`, at most that many bytes of the device's memory are used. `accelerator` creates the object
    that compiles a model.
    """

    def __init__(
        self,
        limit: int | None = None,
        *,
        accelerator: "Callable[[Artist, Plan], Accelerator] | None" = None,
    ) -> None:
        self.models = ModelManager(limit, accelerator)

    def prepare(self, request: RenderRequest, report: ReportProgress) -> None:
        """Load the model of `request`, unless it is loaded."""
        self.models.load(request, report)

    def render(self, request: RenderRequest, job: Job, report: ReportProgress) -> Picture:
        """Draw `job`."""
        pictures = [opened(reference) for reference in job.references]
        loaded = self.models.load(request, report)
        family, choice = loaded.artist.family, loaded.choice
        require_follows(choice.name, family, len(pictures), job.strength, blind=choice.blind)
        if pictures:
            if not self.models.has_room_for(loaded, len(pictures)):
                del loaded
                self.models.unload()
                loaded = self.models.load(request, report, len(pictures))
            job = replace(job, strength=job.strength or family.strength)
        with device_errors():
            return draw(loaded, job, pictures, report, look=self.models.survey, shelf=self.models.shelf)

    def tend(self, *, idle: bool) -> bool:
        """Compile the model in the background, and use what is compiled."""
        accelerator = self.models.loaded and self.models.loaded.accelerator
        if accelerator is None:
            return False
        before = accelerator.state
        with device_errors():
            more = accelerator.advance(idle=idle)
        if accelerator.state == "failed" and before != "failed":
            # It may have failed for lack of memory; other programs can use what it frees.
            free_memory()
        return more

    def status(self) -> RendererStatus:
        """The loaded model, and the device's memory where the device reports it."""
        return self.models.status()
