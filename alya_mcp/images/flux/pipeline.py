"""From a prompt to pixels with a pipeline of diffusers: text encoders, denoising, decoder, each by itself.

The same sums as diffusers' pipelines, without their waits between steps, so that a device always has the
next step at hand while a cancelled job still stops within one. What is a family's own is in its module.
"""

import contextlib
import importlib
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.families import FAMILIES, Family, Model
from alya_mcp.images.flux.cuda_graph import Replay

_REMEMBERED: Final = 32
"""Prompts whose encoding is kept (2 MB each for FLUX.1)."""


class NotFinite(Exception):
    """Numbers that aren't finite came out of the part that `str()` names."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A prompt's tokens: what the text encoders are given, how many are the prompt's, if they are all."""

    inputs: tuple[Tensor, ...]
    count: int
    truncated: bool


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the text encoders read it: `truncated` tells that they read only its beginning."""

    parts: tuple[Tensor, ...]
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """What is compiled, for pictures of `height` and `width`, and of that what is recorded for replay."""

    height: int
    width: int
    encode: Replay | None = None
    step: Replay | None = None
    decode: Replay | None = None


class Artist(ABC):
    """Draws with `pipeline` on `device`; used by one thread. A class for each family.

    `only_side` is the side in pixels of the square pictures that are all the model has seen: others are
    composed by `fitted`. None for a model of many sizes.
    """

    one_length: ClassVar[bool] = True
    """Whether every prompt is as many tokens to the transformer, so that a step can be recorded."""
    lengthened: ClassVar[bool] = False
    """Whether references are more tokens to the transformer, so that what was recorded doesn't fit them."""

    def __init__(self, pipeline: Any, device: torch.device, only_side: int | None = None) -> None:
        self.pipeline = pipeline
        self.device = device
        self.only_side = only_side
        self.shortcuts: Shortcuts | None = None
        self._encoded: OrderedDict[str, EncodedPrompt] = OrderedDict()

    @staticmethod
    @abstractmethod
    def full_size(model: Model) -> Any:
        """A pipeline of the size of `model`, its large parts without numbers."""

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
        """Give up what is recorded, and the memory that it holds; False when nothing was."""
        ways = self.shortcuts
        if ways is None or not any((ways.encode, ways.step, ways.decode)):
            return False
        self.shortcuts = Shortcuts(height=ways.height, width=ways.width)
        return True

    # -- text

    def read(self, prompt: str) -> EncodedPrompt:
        """Encode `prompt`, or remember how it was encoded."""
        known = self._encoded.get(prompt)
        if known is not None:
            self._encoded.move_to_end(prompt)
            return known
        tokens = self.tokens(prompt)
        recorded = self.shortcuts.encode if self.shortcuts else None
        answer = (recorded or self.encode)(*tokens.inputs)
        # A recording writes its next answer over this one.
        parts = tuple(part.clone() for part in self.kept(tuple(answer), tokens.count))
        encoded = EncodedPrompt(parts, tokens.truncated)
        self._encoded[prompt] = encoded
        if len(self._encoded) > _REMEMBERED:
            self._encoded.popitem(last=False)
        return encoded

    @abstractmethod
    def tokens(self, prompt: str) -> Tokens:
        """What the text encoders are given for `prompt`."""

    @abstractmethod
    def encode(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The text encoders' answer to `inputs`, in the same shapes for every prompt."""

    def kept(self, answer: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
        """What the transformer gets of the text encoders' answer to `count` tokens."""
        del count
        return answer

    # -- references

    @abstractmethod
    def see(self, job: Job, pictures: Iterable[Any]) -> tuple[Tensor, ...]:
        """What the drawing of `job` is given of `pictures`, Pillow's in RGB; taken one by one."""

    # -- denoising

    @torch.no_grad()
    def denoise(
        self, job: Job, encoded: EncodedPrompt, after: Callable[[int], None], seen: tuple[Tensor, ...] = ()
    ) -> Tensor:
        """The latents of `job`; `after` is told each step that is done, and may raise to stop.

        Raises:
            NotFinite: when the transformer computes nonsense.
        """
        latents, *first = self.first_step(job, encoded, seen)
        conditions = first[2:]
        times, changes = self._schedule(job)
        with self._pace(job, whole=not (seen and self.lengthened)) as shortcuts:
            recorded = shortcuts.step if shortcuts else None
            take = recorded or self.step
            # A recorded step takes no time to launch; of others, the next is launched while one is at work.
            ahead = 0 if recorded else 1
            done: list[Any] = []
            for number in range(len(times)):
                (latents,) = take(latents, times[number], changes[number], *conditions)
                done.append(self._mark())
                if number >= ahead:
                    _wait(done[number - ahead])
                    after(number - ahead + 1)
            if ahead:
                _wait(done[-1])
                after(len(times))
        latents = latents.clone()
        if not bool(torch.isfinite(latents).all()):
            # If the text's encoding is what is wrong, every later picture of it would be.
            self._encoded.pop(job.prompt, None)
            raise NotFinite("model")
        return latents

    def first_step(
        self, job: Job, encoded: EncodedPrompt, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, ...]:
        """What `step` is given first for `job`: noise, time, change, and what stays the same."""
        generator = torch.Generator("cpu").manual_seed(job.seed)
        latents, others = self.noise(job, generator, seen)
        times, changes = self._schedule(job)
        return latents, times[0], changes[0], *encoded.parts, *others

    @abstractmethod
    def noise(
        self, job: Job, generator: torch.Generator, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What `job` begins with, noise or what was `seen` in noise, and what else each step is given.

        That is where its tokens are, as far as the transformer is told, and references.
        """

    @abstractmethod
    def step(self, latents: Tensor, time: Tensor, change: Tensor, *conditions: Tensor) -> tuple[Tensor]:
        """Latents after a step of `change` at `time` (as the transformer takes it)."""

    def tokens_in(self, job: Job) -> int:
        """How many tokens the picture of `job` is to the transformer."""
        return (job.height // self.unit) * (job.width // self.unit)

    @property
    def dtype(self) -> torch.dtype:
        """The type of number that the transformer computes with."""
        dtype: torch.dtype = self.pipeline.transformer.dtype
        return dtype

    def _schedule(self, job: Job) -> tuple[list[Tensor], list[Tensor]]:
        """For each step its time, as the transformer takes it, and the change of noise."""
        sigmas, timesteps = self.sigmas(job)
        changes = (sigmas[1:] - sigmas[:-1]).to(self.device)
        times = self.times(timesteps).to(self.device)
        return [times[number : number + 1] for number in range(len(times))], list(changes.unbind())

    def sigmas(self, job: Job) -> tuple[Tensor, Tensor]:
        """The share of noise before each step of `job` and after the last one, and each step's time."""
        scheduler: Any = self.pipeline.scheduler
        steps = job.steps
        given = None if scheduler.config.get("use_flow_sigmas") else np.linspace(1.0, 1 / steps, steps)
        wanted: dict[str, Any] = {"num_inference_steps": steps} if given is None else {"sigmas": given}
        scheduler.set_timesteps(**wanted, device="cpu", mu=self.shift(self.tokens_in(job), steps))
        first = steps - drawn_steps(job)
        return scheduler.sigmas[first:], scheduler.timesteps[first:]

    @abstractmethod
    def shift(self, tokens: int, steps: int) -> float:
        """How far the steps are shifted towards noise for a picture of so many tokens."""

    def times(self, timesteps: Tensor) -> Tensor:
        """The scheduler's times as the transformer takes them: 1 is noise, 0 the picture."""
        return timesteps.to(self.dtype) / 1000

    # -- decoding

    @torch.no_grad()
    def pixels(self, job: Job, latents: Tensor) -> Tensor:
        """The picture of `latents`: (height, width, 3), 8 bits a channel, in main memory.

        Raises:
            NotFinite: when the decoder computes nonsense, in full precision too.
        """
        vae, scaled = self.pipeline.vae, self.scaled(job, latents)
        with self._pace(job, whole=not vae.use_tiling) as shortcuts:
            recorded = shortcuts.decode if shortcuts else None
            levels, finite = (recorded or self.decode)(scaled)
            if not bool(finite) and vae.dtype != torch.float32:
                levels, finite = self._decode_widely(scaled)
        if not bool(finite):
            raise NotFinite("decoder")
        return levels.cpu()

    @abstractmethod
    def scaled(self, job: Job, latents: Tensor) -> Tensor:
        """Latents as the decoder takes them."""

    @torch.no_grad()
    def decode(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's picture in 8 bits a channel, and whether all its numbers are finite."""
        decoded = self.pipeline.vae.decode(scaled, return_dict=False)[0]
        levels = (decoded[0].float() / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
        return levels.permute(1, 2, 0).contiguous(), torch.isfinite(decoded).all()

    def _decode_widely(self, scaled: Tensor) -> tuple[Tensor, Tensor]:
        """Half precision overflows now and then; full precision doesn't.

        The weights come back to where they lay, which is where a recording reads them.
        """
        kept = [(tensor, tensor.data) for tensor in self.pipeline.vae.parameters()]
        try:
            for tensor, narrow in kept:
                tensor.data = narrow.float()
            with torch.compiler.set_stance("force_eager"):
                return self.decode(scaled.float())
        finally:
            for tensor, narrow in kept:
                tensor.data = narrow

    @contextlib.contextmanager
    def _pace(self, job: Job, *, whole: bool = True) -> Generator[Shortcuts | None]:
        """The shortcuts for the size of `job`; where it is another, nothing is compiled for it either."""
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


def drawn_steps(job: Job) -> int:
    """How many of its steps `job` takes; its reference stands for the others, more with less `strength`."""
    if job.strength is None:
        return job.steps
    return job.steps - int(max(job.steps - min(job.steps * job.strength, job.steps), 0))


def open_artist(pipeline: Any, device: torch.device, only_side: int | None = None) -> Artist:
    """The artist of the family of `pipeline`."""
    return artist_class(FAMILIES[type(pipeline).__name__])(pipeline, device, only_side)


def artist_class(family: Family) -> type[Artist]:
    """The class that draws with pipelines of `family`."""
    module, _, name = family.artist.partition(":")
    kind: type[Artist] = getattr(importlib.import_module(module), name)
    return kind


def dynamic_shift(config: Any, tokens: int) -> float:
    """The shift for a picture of so many tokens, on the line that a scheduler's `config` draws."""
    few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
    least, most = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
    slope = (most - least) / (many - few)
    return tokens * slope + (least - slope * few)


def middle(pixels: Tensor, width: int, height: int) -> Tensor:
    """The middle of a picture (height, width, 3)."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width].contiguous()


def _up(length: int, unit: int) -> int:
    return -(-length // unit) * unit


@contextlib.contextmanager
def tiles(pipeline: Any, side: int) -> Generator[None]:
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


def _wait(mark: Any) -> None:
    if mark is not None:
        mark.synchronize()
