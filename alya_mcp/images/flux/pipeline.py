"""From a prompt to pixels with a FLUX pipeline: text encoders, denoising, decoder, each by itself.

The same sums as diffusers' FluxPipeline, without its waits between steps, so that a device always has the
next step at hand while a cancelled job still stops within one.
"""

import contextlib
import importlib
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.flux.cuda_graph import Replay

MAX_TEXT_TOKENS: Final = 256
_GUIDANCE: Final = 3.5
"""For models that were distilled with a guidance input; FLUX.1-schnell has none."""
_REMEMBERED: Final = 32
"""Prompts whose encoding is kept (2 MB each for FLUX.1)."""


class NotFinite(Exception):
    """Numbers that aren't finite came out of the part that `str()` names."""


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as the text encoders read it: `truncated` tells that they read only its beginning."""

    text: Tensor
    pooled: Tensor
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcuts:
    """What is compiled, for pictures of `height` and `width`, and of that what is recorded for replay."""

    height: int
    width: int
    encode: Replay | None = None
    step: Replay | None = None
    decode: Replay | None = None


class Artist:
    """Draws with `pipeline` on `device`; used by one thread.

    `only_side` is the side in pixels of the square pictures that are all the model has seen: others are
    composed by `fitted`. None for a model of many sizes.
    """

    def __init__(self, pipeline: Any, device: torch.device, only_side: int | None = None) -> None:
        self.pipeline = pipeline
        self.device = device
        self.only_side = only_side
        self.shortcuts: Shortcuts | None = None
        self._encoded: OrderedDict[str, EncodedPrompt] = OrderedDict()
        self._flux: Any = importlib.import_module("diffusers.pipelines.flux.pipeline_flux")

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
        return min(MAX_TEXT_TOKENS, int(self.pipeline.tokenizer_2.model_max_length))

    def forget_recordings(self) -> bool:
        """Give up what is recorded, and the memory that it holds; False when nothing was."""
        ways = self.shortcuts
        if ways is None or ways.step is None:
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
        five, clip, truncated = self.tokens(prompt)
        recorded = self.shortcuts.encode if self.shortcuts else None
        text, pooled = (recorded or self.encode)(five, clip)
        # A recording writes its next answer over this one.
        encoded = EncodedPrompt(text.clone(), pooled.clone(), truncated)
        self._encoded[prompt] = encoded
        if len(self._encoded) > _REMEMBERED:
            self._encoded.popitem(last=False)
        return encoded

    def tokens(self, prompt: str) -> tuple[Tensor, Tensor, bool]:
        """The ids of `prompt` for T5 and for CLIP, and whether T5 gets only its beginning."""
        pipeline, limit = self.pipeline, self.text_tokens
        options: Any = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        clip = pipeline.tokenizer([prompt], max_length=pipeline.tokenizer_max_length, **options).input_ids
        five = pipeline.tokenizer_2([prompt], max_length=limit, **options).input_ids
        truncated = len(pipeline.tokenizer_2(prompt).input_ids) > limit
        return five.to(self.device), clip.to(self.device), truncated

    @torch.no_grad()
    def encode(self, five: Tensor, clip: Tensor) -> tuple[Tensor, Tensor]:
        """The text's encoding (1, tokens, width) and its pooled one (1, width), for both tokenisers' ids."""
        pipeline = self.pipeline
        pooled = pipeline.text_encoder(clip, output_hidden_states=False).pooler_output
        text = pipeline.text_encoder_2(five, output_hidden_states=False)[0]
        return text.to(pipeline.transformer.dtype), pooled.to(pipeline.transformer.dtype)

    # -- denoising

    @torch.no_grad()
    def denoise(self, job: Job, encoded: EncodedPrompt, after: Callable[[int], None]) -> Tensor:
        """The latents of `job`; `after` is told each step that is done, and may raise to stop.

        Raises:
            NotFinite: when the transformer computes nonsense.
        """
        latents, places = self._noise(job, encoded.text.dtype)
        times, changes = self._schedule(job.steps, latents.shape[1], encoded.text.dtype)
        with self._pace(job) as shortcuts:
            recorded = shortcuts.step if shortcuts else None
            take = recorded or self.step
            # A recorded step takes no time to launch; of others, the next is launched while one is at work.
            ahead = 0 if recorded else 1
            done: list[Any] = []
            for number in range(job.steps):
                (latents,) = take(
                    latents, times[number], changes[number], encoded.text, encoded.pooled, places
                )
                done.append(self._mark())
                if number >= ahead:
                    _wait(done[number - ahead])
                    after(number - ahead + 1)
            if ahead:
                _wait(done[-1])
                after(job.steps)
        latents = latents.clone()
        if not bool(torch.isfinite(latents).all()):
            # If the text's encoding is what is wrong, every later picture of it would be.
            self._encoded.pop(job.prompt, None)
            raise NotFinite("model")
        return latents

    def first_step(self, job: Job, encoded: EncodedPrompt) -> tuple[Tensor, ...]:
        """What `step` is given first for `job`."""
        latents, places = self._noise(job, encoded.text.dtype)
        times, changes = self._schedule(job.steps, latents.shape[1], encoded.text.dtype)
        return latents, times[0], changes[0], encoded.text, encoded.pooled, places

    def _noise(self, job: Job, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The noise that `job` begins with and where its tokens are."""
        pipeline = self.pipeline
        channels = int(pipeline.transformer.config.in_channels) // 4
        generator = torch.Generator("cpu").manual_seed(job.seed)
        latents, places = pipeline.prepare_latents(
            1, channels, job.height, job.width, dtype, self.device, generator
        )
        if self.only_side is not None and job.width != job.height:
            rows, columns = job.height // self.unit, job.width // self.unit
            places = fitted(rows, columns, self.only_side // self.unit).to(self.device)
        return latents, places

    @torch.no_grad()
    def step(
        self, latents: Tensor, time: Tensor, change: Tensor, text: Tensor, pooled: Tensor, places: Tensor
    ) -> tuple[Tensor]:
        """Latents (1, tokens, channels) after a step of `change` at `time` (1 is noise, 0 the picture)."""
        transformer = self.pipeline.transformer
        guidance = None
        if transformer.config.guidance_embeds:
            guidance = torch.full((1,), _GUIDANCE, device=self.device, dtype=torch.float32)
        velocity = transformer(
            hidden_states=latents,
            timestep=time,
            guidance=guidance,
            pooled_projections=pooled,
            encoder_hidden_states=text,
            txt_ids=torch.zeros(text.shape[1], 3, device=self.device, dtype=text.dtype),
            img_ids=places,
            joint_attention_kwargs={},
            return_dict=False,
        )[0]
        return ((latents.float() + change * velocity).to(velocity.dtype),)

    def _schedule(self, steps: int, tokens: int, dtype: torch.dtype) -> tuple[list[Tensor], list[Tensor]]:
        """For each step its time, as the transformer takes it, and the change of noise."""
        scheduler: Any = self.pipeline.scheduler
        config = scheduler.config
        shift = self._flux.calculate_shift(
            tokens,
            config.get("base_image_seq_len", 256),
            config.get("max_image_seq_len", 4096),
            config.get("base_shift", 0.5),
            config.get("max_shift", 1.15),
        )
        given = None if config.get("use_flow_sigmas") else np.linspace(1.0, 1 / steps, steps)
        self._flux.retrieve_timesteps(scheduler, steps, "cpu", sigmas=given, mu=shift)
        times = (scheduler.timesteps.to(dtype) / 1000).to(self.device)
        sigmas = scheduler.sigmas
        changes = (sigmas[1:] - sigmas[:-1]).to(self.device)
        return list(times.split(1)), list(changes.unbind())

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

    def scaled(self, job: Job, latents: Tensor) -> Tensor:
        """Latents as the decoder takes them."""
        pipeline, vae = self.pipeline, self.pipeline.vae
        unpacked = pipeline._unpack_latents(latents, job.height, job.width, pipeline.vae_scale_factor)
        return (unpacked / vae.config.scaling_factor + vae.config.shift_factor).to(vae.dtype)

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


def fitted(rows: int, columns: int, side: int) -> Tensor:
    """Places (rows * columns, 3) of tokens that put the composition of a square of `side` into the picture.

    The model's places are those of a square. They are stretched over the shorter side and go on evenly beyond
    the square on the longer one: half on the left and half on the right, or a fifth above and the rest below,
    where the ground goes on better than the sky (seen with alya-sketch).
    """
    scale = side / min(rows, columns)
    beyond = rows * scale - side
    middle = (side - 1) / 2
    down = (torch.arange(rows) - (rows - 1) / 2) * scale + middle + beyond * (0.5 - 0.2)
    across = (torch.arange(columns) - (columns - 1) / 2) * scale + middle
    places = torch.zeros(rows, columns, 3)
    places[..., 1] = down[:, None]
    places[..., 2] = across[None, :]
    return places.reshape(rows * columns, 3)


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
