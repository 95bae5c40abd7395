"""Draws with a pipeline of diffusers: text encoders, denoising and decoder, each by itself.

The same computation as diffusers' pipelines without synchronising after each step, so that the device always
has its next step, while a cancelled job still stops within one. Each family has a subclass in its module.
"""

import contextlib
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.families import FAMILIES, Family, Model
from alya_mcp.images.flux.cuda_graph import Replay
from alya_mcp.images.flux.encodings import EncodedPrompt, EncodingCache, Tokens
from alya_mcp.images.flux.schedule import drawn_steps
from alya_mcp.images.flux.vae import in_float32


class NotFinite(Exception):
    """Numbers that aren't finite came out of the part that `str()` names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """The recorded parts of a model that is compiled for pictures of `height` and `width`."""

    height: int
    width: int
    encode: Replay | None = None
    step: Replay | None = None
    decode: Replay | None = None


class LookAtStep(Protocol):
    """Looks at latents while they are drawn, and may not wait for the device."""

    def wanted(self, step: int) -> bool:
        """Whether step number `step`, the first of which is 1, is to be shown."""
        ...

    def take(self, step: int, before: Tensor, after: Tensor) -> None:
        """See the latents `before` and `after` a step, which are no longer there later."""
        ...


class Artist(ABC):
    """Draws with `pipeline` on `device`; used by one thread. A class for each family.

    `only_side` is the side in pixels for a model that was trained on squares of one size only: the
    composition of other shapes is made by `fitted`. None for a model of many sizes.
    """

    one_length: ClassVar[bool] = True
    """Whether every prompt has the same number of tokens, so that a step can be recorded."""
    lengthened: ClassVar[bool] = False
    """Whether references add tokens to each step, so that recorded steps don't fit."""

    def __init__(self, pipeline: Any, device: torch.device, only_side: int | None = None) -> None:
        self.pipeline = pipeline
        self.device = device
        self.only_side = only_side
        self.shortcuts: Shortcuts | None = None
        self._encodings = EncodingCache()

    @staticmethod
    @abstractmethod
    def full_size(model: Model) -> Any:
        """A pipeline with the shapes of `model`, its large parts without values."""

    @property
    def family(self) -> Family:
        """The family of the pipeline."""
        return FAMILIES[type(self.pipeline).__name__]

    @property
    def encoder(self) -> Any:
        """The large text encoder."""
        return getattr(self.pipeline, self.family.encoder.part)

    @property
    def blocks(self) -> list[list[Any]]:
        """The transformer's blocks, by kind."""
        return [list(getattr(self.pipeline.transformer, name)) for name in self.family.blocks]

    @property
    def unit(self) -> int:
        """Both sides of a picture are multiples of this many pixels."""
        return 2 * int(self.pipeline.vae_scale_factor)

    def canvas(self, job: Job) -> Job:
        """`job` with both sides rounded up to what the model draws."""
        return replace(job, width=_up(job.width, self.unit), height=_up(job.height, self.unit))

    @property
    def text_tokens(self) -> int:
        """How many tokens of a prompt the model reads."""
        tokenizer = getattr(self.pipeline, self.family.encoder.tokenizer)
        return min(self.family.text_tokens, int(tokenizer.model_max_length))

    def forget_recordings(self) -> bool:
        """Drop recorded parts, which frees their memory; False if there are none."""
        ways = self.shortcuts
        if ways is None or not any((ways.encode, ways.step, ways.decode)):
            return False
        self.shortcuts = Shortcuts(height=ways.height, width=ways.width)
        return True

    # -- text

    def read(self, prompt: str) -> EncodedPrompt:
        """The encoding of `prompt`, computed or from the cache."""
        known = self._encodings.get(prompt)
        if known is not None:
            return known
        tokens = self.tokens(prompt)
        recorded = self.shortcuts.encode if self.shortcuts else None
        answer = (recorded or self.encode)(*tokens.inputs)
        # A recording writes its next answer over this one.
        parts = tuple(part.clone() for part in self.kept(tuple(answer), tokens.count))
        encoded = EncodedPrompt(parts, tokens.truncated)
        self._encodings.put(prompt, encoded)
        return encoded

    @abstractmethod
    def tokens(self, prompt: str) -> Tokens:
        """The tokens of `prompt` for the text encoders."""

    @abstractmethod
    def encode(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The text encoders' output for `inputs`, in the same shapes for every prompt."""

    def kept(self, answer: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
        """The part of the text encoders' output for `count` tokens that the transformer gets."""
        del count
        return answer

    # -- references

    @abstractmethod
    def see(self, job: Job, pictures: Iterable[Any]) -> tuple[Tensor, ...]:
        """The encoded references of `job`, from RGB images of Pillow, which are consumed one by one."""

    # -- denoising

    @torch.no_grad()
    def denoise(
        self, job: Job, encoded: EncodedPrompt, after: Callable[[int], None], seen: tuple[Tensor, ...] = (),
        look: LookAtStep | None = None,
    ) -> Tensor:  # fmt: skip
        """The latents of `job`; `after` is told each step that is done, and may raise to stop.

        `look` is shown the steps that it wants, each before `after` is told of it.

        Raises:
            NotFinite: the transformer's output isn't finite.
        """
        latents, *first = self.first_step(job, encoded, seen)
        conditions = first[2:]
        times, changes = self._schedule(job)
        with self._pace(job, whole=not (seen and self.lengthened)) as shortcuts:
            recorded = shortcuts.step if shortcuts else None
            take = recorded or self.step
            # A recorded step takes no time to launch; otherwise the next step is launched while one runs.
            ahead = 0 if recorded else 1
            done: list[Any] = []
            for number in range(len(times)):
                looks = look is not None and look.wanted(number + 1)
                # A recorded step writes its answer over the one before.
                before = latents.clone() if looks and recorded else latents
                (latents,) = take(latents, times[number], changes[number], *conditions)
                if look is not None and looks:
                    look.take(number + 1, before, latents)
                done.append(self._mark())
                if number >= ahead:
                    _wait(done[number - ahead])
                    after(number - ahead + 1)
            if ahead:
                _wait(done[-1])
                after(len(times))
        latents = latents.clone()
        if not bool(torch.isfinite(latents).all()):
            # If the encoding is the cause, every later picture of this prompt would fail.
            self._encodings.forget(job.prompt)
            raise NotFinite("model")
        return latents

    def first_step(
        self, job: Job, encoded: EncodedPrompt, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, ...]:
        """The first arguments of `step` for `job`: noise, time, change, and the conditions."""
        generator = torch.Generator("cpu").manual_seed(job.seed)
        latents, others = self.noise(job, generator, seen)
        times, changes = self._schedule(job)
        return latents, times[0], changes[0], *encoded.parts, *others

    @abstractmethod
    def noise(
        self, job: Job, generator: torch.Generator, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The first latents of `job`, noise or a noised reference, and the constant inputs of each step.

        These are the tokens' positions, if the transformer needs them, and references.
        """

    @abstractmethod
    def step(self, latents: Tensor, time: Tensor, change: Tensor, *conditions: Tensor) -> tuple[Tensor]:
        """Latents after a step of `change` at `time`, in the transformer's form."""

    def tokens_in(self, job: Job) -> int:
        """The number of the transformer's tokens for the picture of `job`."""
        return (job.height // self.unit) * (job.width // self.unit)

    @property
    def dtype(self) -> torch.dtype:
        """The transformer's dtype."""
        dtype: torch.dtype = self.pipeline.transformer.dtype
        return dtype

    def _schedule(self, job: Job) -> tuple[list[Tensor], list[Tensor]]:
        """For each step its time, in the transformer's form, and the change of the noise level."""
        sigmas, timesteps = self.sigmas(job)
        changes = (sigmas[1:] - sigmas[:-1]).to(self.device)
        times = self.times(timesteps).to(self.device)
        return [times[number : number + 1] for number in range(len(times))], list(changes.unbind())

    def sigmas(self, job: Job) -> tuple[Tensor, Tensor]:
        """The noise level before each step of `job` and after the last one, and each step's time."""
        scheduler: Any = self.pipeline.scheduler
        steps = job.steps
        given = None if scheduler.config.get("use_flow_sigmas") else np.linspace(1.0, 1 / steps, steps)
        wanted: dict[str, Any] = {"num_inference_steps": steps} if given is None else {"sigmas": given}
        scheduler.set_timesteps(**wanted, device="cpu", mu=self.shift(self.tokens_in(job), steps))
        first = steps - drawn_steps(job)
        return scheduler.sigmas[first:], scheduler.timesteps[first:]

    @abstractmethod
    def shift(self, tokens: int, steps: int) -> float:
        """The timestep shift for a picture of so many tokens."""

    def times(self, timesteps: Tensor) -> Tensor:
        """The scheduler's times in the transformer's form: 1 is noise, 0 the picture."""
        return timesteps.to(self.dtype) / 1000

    # -- decoding

    @torch.no_grad()
    def pixels(self, job: Job, latents: Tensor) -> Tensor:
        """The picture of `latents`: (height, width, 3), 8 bits a channel, in main memory.

        Raises:
            NotFinite: the decoder's output isn't finite, in full precision either.
        """
        vae, scaled = self.pipeline.vae, self.scaled(job, latents)
        with self._pace(job, whole=not vae.use_tiling) as shortcuts:
            recorded = shortcuts.decode if shortcuts else None
            levels, finite = (recorded or self.decode)(scaled)
            if not bool(finite) and vae.dtype != torch.float32:
                levels, finite = self.decode_in_float32(scaled)
        if not bool(finite):
            raise NotFinite("decoder")
        return levels.cpu()

    @abstractmethod
    def scaled(self, job: Job, latents: Tensor) -> Tensor:
        """Latents in the decoder's form."""

    @torch.no_grad()
    def decode(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's picture in 8 bits a channel, and whether its output is finite."""
        decoded = self.pipeline.vae.decode(scaled, return_dict=False)[0]
        levels = (decoded[0].float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
        return levels.permute(1, 2, 0).contiguous(), torch.isfinite(decoded).all()

    def decode_in_float32(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """Like `decode`, with the decoder in float32: half precision overflows now and then."""
        with in_float32(self.pipeline.vae), torch.compiler.set_stance("force_eager"):
            return self.decode(scaled.float())

    @contextlib.contextmanager
    def _pace(self, job: Job, *, whole: bool = True) -> Generator[Shortcuts | None]:
        """The shortcuts for the size of `job`; for another size None, and nothing is compiled."""
        ways = self.shortcuts
        if ways is None or (whole and (ways.height, ways.width) == (job.height, job.width)):
            yield ways
            return
        with torch.compiler.set_stance("force_eager"):
            yield None

    def _mark(self) -> Any:
        if self.device.type != "cuda":
            return None
        mark = torch.cuda.Event(blocking=True)
        mark.record()
        return mark


def open_artist(pipeline: Any, device: torch.device, only_side: int | None = None) -> Artist:
    """The artist of the family of `pipeline`."""
    return artist_class(FAMILIES[type(pipeline).__name__])(pipeline, device, only_side)


def artist_class(family: Family) -> type[Artist]:
    """The class that draws with pipelines of `family`."""
    module, _, name = family.artist.partition(":")
    kind: type[Artist] = getattr(importlib.import_module(module), name)
    return kind


def _up(length: int, unit: int) -> int:
    return -(-length // unit) * unit


def _wait(mark: Any) -> None:
    if mark is not None:
        mark.synchronize()
