"""Models in memory: the one that draws, and earlier ones that still have room."""

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from alya_mcp.images.families import Weights
from alya_mcp.images.flux.device_memory import torch_library
from alya_mcp.images.models import Choice
from alya_mcp.images.plan import Machine, Plan, plans
from alya_mcp.images.renderer import RendererStatus, RenderPhase

if TYPE_CHECKING:
    from alya_mcp.images.flux.accelerate import Accelerator
    from alya_mcp.images.flux.memory_peaks import Peaks
    from alya_mcp.images.flux.pipeline import Artist

_MOST: Final = 2


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A model in memory, with room for drawings with up to `references` references.

    `plan` changes when memory runs out; `whole` is false if such a change failed half way.
    """

    wanted: tuple[str, str]
    choice: Choice
    plan: Plan
    artist: "Artist"
    device: str
    words: frozenset[str] | None
    weights: Weights
    references: int = 0
    peaks: "Peaks | None" = None
    accelerator: "Accelerator | None" = None
    whole: bool = True

    def counting(self, phase: RenderPhase, taken: dict[str, int]) -> contextlib.AbstractContextManager[None]:
        """Record the body's peak of the device's memory, if the device reports it."""
        return contextlib.nullcontext() if self.peaks is None else self.peaks.during(phase, taken)

    def has_room_for(self, references: int, machine: Machine) -> bool:
        """Whether the model fits `machine`, as it would be without this model, with so many references."""
        weights = self.weights.following(references)
        known = plans(machine, weights, self.wanted[1], full_precision=self.choice.full_precision)
        return any(_places(each) == _places(self.plan) and each.needs <= machine.free for each in known)

    @property
    def plan_text(self) -> str:
        """The plan in a line."""
        compiled = [self.accelerator.words] if self.accelerator else []
        return ", ".join([self.plan.words, *compiled])

    def status(self, others: tuple[str, ...]) -> RendererStatus:
        """What the renderer reports of this model, beside `others` in memory."""
        memory: dict[str, int] = {}
        temperature: int | None = None
        if self.peaks is not None:
            torch = torch_library()
            with contextlib.suppress(RuntimeError):
                free, total = torch.cuda.mem_get_info()
                memory = {
                    "gpu_free": free,
                    "gpu_total": total,
                    "gpu_allocated": torch.cuda.memory_allocated(),
                    "gpu_reserved": torch.cuda.memory_reserved(),
                    "gpu_peak": self.peaks.most,
                }
            with contextlib.suppress(Exception):
                temperature = int(torch.cuda.temperature())
        return RendererStatus(
            model=self.choice.name,
            device=self.device,
            memory=memory,
            plan=self.plan_text,
            temperature=temperature,
            others=others,
        )

    @property
    def size(self) -> int:
        """Bytes of the device's memory that its weights take."""
        pipeline = self.artist.pipeline
        parts = [pipeline.transformer, pipeline.vae]
        parts += [getattr(pipeline, encoder.part) for encoder in self.artist.family.encoders]
        kind = self.artist.device.type
        tensors = (tensor for part in parts for tensor in (*part.parameters(), *part.buffers()))
        return sum(int(tensor.nbytes) for tensor in tensors if tensor.device.type == kind)

    def has_weights_of(self, choice: Choice) -> bool:
        """Whether it holds the weights of `choice`, in whatever precision."""
        mine = self.choice
        return (mine.name, mine.repository or mine.folder) == (
            choice.name,
            choice.repository or choice.folder,
        )

    def is_from(self, choice: Choice, precision: str) -> bool:
        """Whether loading `choice` in `precision` would give this model, whatever its requested name."""
        return (
            self.has_weights_of(choice)
            and self.choice.full_precision == choice.full_precision
            and (choice.full_precision or self.wanted[1] == precision)
        )


def _places(plan: Plan) -> tuple[str, str, bool, bool, bool]:
    """The fields of a plan that determine its memory."""
    return plan.precision, plan.encoder, plan.encoder_streamed, plan.transformer_streamed, plan.tiled


@dataclass(slots=True)
class Shelf:
    """At most two models beside the one that draws, the least recently used one first."""

    _models: list[Loaded] = field(default_factory=list[Loaded])

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(each.choice.name for each in self._models)

    @property
    def size(self) -> int:
        """Bytes of the device's memory that the models take."""
        return sum(each.size for each in self._models)

    def put(self, loaded: Loaded) -> None:
        """Add a model, evicting the least recently used one if there are too many."""
        self._models = [*self._models, loaded][-_MOST:]

    def take(self, choice: Choice, precision: str) -> Loaded | None:
        """Remove and return the model for `choice` in `precision`, and drop other copies of its weights."""
        found = next((each for each in self._models if each.is_from(choice, precision)), None)
        self._models = [each for each in self._models if not each.has_weights_of(choice)]
        return found

    def drop(self) -> str | None:
        """Drop the least recently used model; its name, or None if there is none."""
        return self._models.pop(0).choice.name if self._models else None
