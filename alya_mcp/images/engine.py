"""The image engine's interface: jobs, pictures, progress, status. Imports nothing heavy."""

import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, runtime_checkable

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.images.reference import MOST as MOST_REFERENCES
from alya_mcp.images.reference import Reference

Phase = Literal["start", "queue", "load", "encode", "denoise", "decode", "receive"]
EngineState = Literal["not installed", "stopped", "idle", "busy", "leaving", "stuck"]

MAX_PROMPT: Final = 2000
MAX_SEED: Final = 2**32 - 1
MAX_STEPS: Final = 50
MIN_SIDE: Final = 64
MAX_SIDE: Final = 2048
LEAST_STRENGTH: Final = 0.01
MAX_PREVIEW: Final = 16 << 10
"""Bytes of a preview at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One picture to draw: `width` and `height` in pixels, `steps` of denoising, `seed` of the noise.

    `model` is one that ALYA_IMAGE_MODELS enables, None for that of ALYA_IMAGE_MODEL. `references` are
    pictures to follow, or one to begin from; `strength` is how far it is left, None for the model's own.

    Raises:
        InvalidInput: when built with a value that no model could draw.
    """

    prompt: str
    seed: int
    steps: int
    width: int = 1024
    height: int = 1024
    model: str | None = None
    references: tuple[Reference, ...] = ()
    strength: float | None = None

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise InvalidInput("prompt is blank; describe the picture in words")
        if len(self.prompt) > MAX_PROMPT:
            raise InvalidInput(f"prompt has {len(self.prompt)} characters; at most {MAX_PROMPT} are taken")
        for character in self.prompt:
            if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\t\n\r":
                raise InvalidInput(
                    f"prompt holds the control character U+{ord(character):04X}; leave it out and call again"
                )
        _check_range("seed", self.seed, 0, MAX_SEED)
        _check_range("steps", self.steps, 1, MAX_STEPS)
        _check_range("width", self.width, MIN_SIDE, MAX_SIDE)
        _check_range("height", self.height, MIN_SIDE, MAX_SIDE)
        if len(self.references) > MOST_REFERENCES:
            raise InvalidInput(
                f"{len(self.references)} references were given; a picture takes at most {MOST_REFERENCES}"
            )
        if self.strength is not None:
            if not LEAST_STRENGTH <= self.strength <= 1:
                raise InvalidInput(f"strength is {self.strength:g}; it takes {LEAST_STRENGTH:g} to 1")
            if not self.references:
                raise InvalidInput(
                    "strength says how far a picture leaves the one in references, and there is none; give "
                    "one, or leave strength out"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """Where a job is: `done` of `total` for the whole job, growing with every step; `message` says it.

    `preview` is a small JPEG of what is drawn so far, at most 128 pixels a side and MAX_PREVIEW bytes; empty
    where there is no new one.
    """

    phase: Phase
    done: float
    total: float
    message: str
    preview: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A drawn picture: `pixels` are RGB, 8 bits each, row by row from the top left.

    `notice` says what the user should know of it, such as that the model isn't FLUX.1-schnell. `timings`
    are milliseconds per phase, and `total` from the call to the answer. `peaks` are the most bytes of a GPU's
    memory in the phases that use it, empty where that isn't known. `truncated` tells that the model read
    only the prompt's beginning; `ignored` are the words it doesn't know, where it lists those that it knows.
    """

    pixels: bytes
    width: int
    height: int
    seed: int
    steps: int
    model: str
    notice: str | None
    timings: Mapping[str, float]
    peaks: Mapping[str, int] = field(default_factory=dict[str, int], compare=False)
    truncated: bool = False
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicas:
    """The replicas of a Ray application: how many are `ready` of all, what they draw, who else hands out."""

    ready: int
    total: int
    drawing: int
    ingresses: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """Health of the engine: `since` in seconds since 1970, `memory` in bytes, by name.

    `stopped` is healthy: the next picture starts the worker. `stuck` is not: its process doesn't answer.
    `why` is a failure's text where the engine is not installed or stuck, and the end of a sentence where the
    worker said what it stopped for; `unused` are the seconds without work after which it did.

    `model`, `others` (in memory beside it), `device`, `plan` (how it is run) and `temperature` (the device's,
    in degrees Celsius) are those of the model in memory, None when there is none or it isn't known; they and
    the device's memory were looked at in `measured`. `loading` is what is loaded while nothing is drawn.
    `waiting` counts queued jobs, `clients` the servers that share the worker; without one it ends in
    `leaves_in` seconds. `replicas` are those of a Ray application.
    `last_error` is the last failure that anyone was told, in `last_error_at` where that is known; times as
    `since`.
    """

    state: EngineState
    why: str | None = None
    unused: float | None = None
    since: float | None = None
    pid: int | None = None
    model: str | None = None
    others: tuple[str, ...] = ()
    device: str | None = None
    loading: str | None = None
    waiting: int = 0
    clients: int = 0
    leaves_in: float | None = None
    replicas: Replicas | None = None
    memory: Mapping[str, int] | None = None
    plan: str | None = None
    temperature: int | None = None
    measured: float | None = None
    last_error: str | None = None
    last_error_at: float | None = None

    @property
    def failing(self) -> bool:
        """Whether no picture can be drawn until a user does something."""
        return self.state in {"not installed", "stuck"}

    @property
    def held(self) -> int:
        """Bytes of the device's memory that a loaded model has for itself."""
        if self.memory is None or self.model is None:
            return 0
        return self.memory.get("gpu_allocated" if self.device == "cuda" else "resident", 0)


class DrawingLost(Unavailable):
    """The drawing that was to be collected isn't there any more: the worker ended, or gave it up."""


OnProgress = Callable[[JobProgress], Awaitable[None]]


class Engine(Protocol):
    """Draws pictures, wherever that happens."""

    async def render(self, job: Job, progress: OnProgress) -> Picture:
        """Draw `job`, telling `progress` at least every 2 s; cancelling this stops the work within a step.

        Raises:
            Failure: with what was wrong and what would help.
        """
        ...

    async def status(self) -> EngineStatus:
        """Look without starting anything."""
        ...

    async def warm(self) -> None:
        """Load the model now, so that the first picture doesn't wait for it.

        Raises:
            Failure: as `render` would.
        """
        ...

    async def aclose(self) -> None:
        """Let go of the worker; calls in flight end with Unavailable."""
        ...


@runtime_checkable
class KeepingEngine(Engine, Protocol):
    """An engine whose drawings outlive the server that asked for them, where they have a key."""

    async def render(self, job: Job, progress: OnProgress, *, key: str = "") -> Picture:
        """Draw `job`; a `key` is for `collect`, which another server may call when this one has gone."""
        ...

    async def collect(self, key: str, job: Job, progress: OnProgress) -> Picture:
        """The picture of `job` that a server, now gone, began with `key`; it is given out once.

        Raises:
            DrawingLost: when it isn't there.
            Failure: as `render`.
        """
        ...


def _check_range(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"{name} is {value}; it takes a whole number from {least} to {most}")
