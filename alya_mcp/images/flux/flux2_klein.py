"""FLUX.2-klein pictures: three states of Qwen3 side by side, latents packed two by two."""

import importlib
from collections.abc import Iterable
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.families import KLEIN_9B, Model
from alya_mcp.images.families.flux2_klein import LAYERS
from alya_mcp.images.flux import qwen3
from alya_mcp.images.flux.encodings import Tokens
from alya_mcp.images.flux.pipeline import Artist

_AREA: Final = 1024 * 1024
"""Pixels of a reference at most; a larger one is scaled down."""


class Flux2KleinArtist(Artist):
    """Draws with a Flux2KleinPipeline."""

    lengthened: ClassVar[bool] = True

    @staticmethod
    def full_size(model: Model) -> Any:
        """The 4B's or the 9B's."""
        diffusers: Any = importlib.import_module("diffusers")
        large = model is KLEIN_9B
        layers, single, heads, width, inner = (8, 24, 32, 4096, 12288) if large else (5, 20, 24, 2560, 9728)
        with torch.device("meta"):
            transformer = diffusers.Flux2Transformer2DModel(
                num_layers=layers,
                num_single_layers=single,
                num_attention_heads=heads,
                joint_attention_dim=len(LAYERS) * width,
                guidance_embeds=False,
            ).to(torch.bfloat16)
        return diffusers.Flux2KleinPipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
            vae=diffusers.AutoencoderKLFlux2().to(torch.bfloat16),
            text_encoder=qwen3.full_size(width, inner, LAYERS[-1]),
            tokenizer=qwen3.random_tokenizer(),
            transformer=transformer,
            is_distilled=True,
        )

    def tokens(self, prompt: str) -> Tokens:
        """The ids of `prompt`, and which of them are words."""
        return qwen3.tokens_of(self, prompt, thinks=False)

    @torch.no_grad()
    def encode(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Three states of each token in a row (1, tokens, 3 * width), and the tokens' places (tokens, 4)."""
        ids, words = inputs
        states = qwen3.states_of(self.encoder, ids, words)
        text = torch.cat([states[layer] for layer in LAYERS], dim=-1)
        places = torch.zeros(text.shape[1], 4, device=text.device)
        places[:, 3] = torch.arange(text.shape[1], device=text.device)
        return text.to(self.dtype), places

    @torch.no_grad()
    def see(self, job: Job, pictures: Iterable[Any]) -> tuple[Tensor, ...]:
        """Latents (1, tokens, channels) of all references in a row, and the tokens' places (tokens, 4)."""
        del job
        pixels = [self._pixels(picture) for picture in pictures]
        latents, places = self.pipeline.prepare_image_latents(
            pixels, 1, None, self.device, self.pipeline.vae.dtype
        )
        return latents, places[0].float()

    def _pixels(self, picture: Any) -> Tensor:
        """A picture for the autoencoder: scaled down if it is too large, and cropped to whole units."""
        processor: Any = self.pipeline.image_processor
        if picture.width * picture.height > _AREA:
            picture = processor._resize_to_target_area(picture, _AREA)
        width, height = (side // self.unit * self.unit for side in picture.size)
        pixels: Tensor = processor.preprocess(picture, height=height, width=width, resize_mode="crop")
        return pixels

    def noise(
        self, job: Job, generator: torch.Generator, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Latents (1, tokens, channels), their places (tokens, 4), and those of references after them."""
        pipeline = self.pipeline
        channels = int(pipeline.transformer.config.in_channels) // 4
        latents, places = pipeline.prepare_latents(
            1, channels, job.height, job.width, self.dtype, self.device, generator
        )
        if not seen:
            return latents, (places[0].float(),)
        references, beside = seen
        return latents, (torch.cat([places[0].float(), beside]), references)

    @torch.no_grad()
    def step(self, latents: Tensor, time: Tensor, change: Tensor, *conditions: Tensor) -> tuple[Tensor]:
        """Latents (1, tokens, channels) after a step; given text, its places, the picture's, references."""
        text, text_places, places, *references = conditions
        velocity = self.pipeline.transformer(
            hidden_states=torch.cat([latents, *references], dim=1).to(self.dtype) if references else latents,
            timestep=time,
            guidance=None,
            encoder_hidden_states=text,
            txt_ids=text_places,
            img_ids=places,
            return_dict=False,
        )[0]
        if references:
            velocity = velocity[:, : latents.shape[1]]
        return ((latents.float() + change * velocity).to(velocity.dtype),)

    def shift(self, tokens: int, steps: int) -> float:
        """This family's empirical shift, between its lines for 10 and for 200 steps."""
        most = 0.00016927 * tokens + 0.45666666
        if tokens > 4300:
            return most
        least = 8.73809524e-05 * tokens + 1.89833333
        slope = (most - least) / 190.0
        return slope * steps + (most - 200.0 * slope)

    def scaled(self, job: Job, latents: Tensor) -> Tensor:
        """Latents (1, channels, height, width), with the spread that the decoder was trained on."""
        vae = self.pipeline.vae
        rows, columns = job.height // self.unit, job.width // self.unit
        packed = latents.permute(0, 2, 1).reshape(1, -1, rows, columns)
        mean = vae.bn.running_mean.view(1, -1, 1, 1).to(packed.dtype)
        spread = torch.sqrt(vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps).to(packed.dtype)
        return self.pipeline._unpatchify_latents(packed * spread + mean).to(vae.dtype)
