"""Z-Image pictures: a state of Qwen3 for each word of the prompt, latents in float32 between steps."""

import importlib
from typing import Any, ClassVar

import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.families import Model
from alya_mcp.images.flux import qwen3
from alya_mcp.images.flux.encodings import Tokens
from alya_mcp.images.flux.flux1 import full_size_autoencoder
from alya_mcp.images.flux.image_to_image import ImageToImageArtist
from alya_mcp.images.flux.schedule import dynamic_shift


class ZImageArtist(ImageToImageArtist):
    """Draws with a ZImagePipeline."""

    one_length: ClassVar[bool] = False

    @staticmethod
    def full_size(model: Model) -> Any:
        """Z-Image-Turbo's, the only known model."""
        diffusers: Any = importlib.import_module("diffusers")
        with torch.device("meta"):
            transformer = diffusers.ZImageTransformer2DModel().to(torch.bfloat16)
        return diffusers.ZImagePipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0),
            vae=full_size_autoencoder(),
            text_encoder=qwen3.full_size(2560, 9728, model.family.encoder.layers or 0),
            tokenizer=qwen3.random_tokenizer(),
            transformer=transformer,
        )

    def tokens(self, prompt: str) -> Tokens:
        """The ids of `prompt`, and which of them are words."""
        return qwen3.tokens_of(self, prompt, thinks=True)

    @torch.no_grad()
    def encode(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The last state of each token (1, tokens, width)."""
        ids, words = inputs
        return (qwen3.states_of(self.encoder, ids, words)[-1].to(self.dtype),)

    def kept(self, answer: tuple[Tensor, ...], count: int) -> tuple[Tensor, ...]:
        """The hidden states of the prompt's tokens, without padding."""
        return (answer[0][:, :count],)

    def noise(
        self, job: Job, generator: torch.Generator, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Latents (1, channels, height, width); the transformer finds their places."""
        pipeline = self.pipeline
        channels = int(pipeline.transformer.in_channels)
        begun = [self.sampled(moments, generator) for moments in seen]
        # diffusers uses the transformer's dtype for image-to-image.
        dtype = self.dtype if begun else torch.float32
        latents = pipeline.prepare_latents(1, channels, job.height, job.width, dtype, self.device, generator)
        for each in begun:
            latents = self.noised(job, each, latents)
        return latents, ()

    @torch.no_grad()
    def step(self, latents: Tensor, time: Tensor, change: Tensor, *conditions: Tensor) -> tuple[Tensor]:
        """Latents (1, channels, height, width) after a step; the condition is the text (1, words, width)."""
        (text,) = conditions
        (towards,) = self.pipeline.transformer(
            [latents[0].to(self.dtype).unsqueeze(1)], time, [text[0]], return_dict=False
        )[0]
        # This transformer predicts the direction to the picture, not to the noise.
        return (latents - change * towards.float().squeeze(1).unsqueeze(0),)

    def shift(self, tokens: int, steps: int) -> float:
        """The scheduler's dynamic shift, independent of the number of steps."""
        del steps
        return dynamic_shift(self.pipeline.scheduler.config, tokens)

    def times(self, timesteps: Tensor) -> Tensor:
        """From 0 for noise to 1 for the picture."""
        return (1000 - timesteps) / 1000

    def scaled(self, job: Job, latents: Tensor) -> Tensor:
        """Latents as the decoder takes them."""
        del job
        vae = self.pipeline.vae
        return latents.to(vae.dtype) / vae.config.scaling_factor + vae.config.shift_factor
