"""Image-to-image drawing: a noised picture replaces the first steps.

The same computation as diffusers' image-to-image pipelines, for an autoencoder of FLUX.1's kind.
"""

import importlib
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.flux.pipeline import Artist


class ImageToImageArtist(Artist):
    """An artist whose reference is the picture that the drawing begins from."""

    def see(self, job: Job, pictures: Iterable[Any]) -> tuple[Tensor, ...]:
        """The autoencoder's moments of each picture."""
        return tuple(self._moments(job, picture) for picture in pictures)

    @torch.no_grad()
    def _moments(self, job: Job, picture: Any) -> Tensor:
        """The moments of `picture`, scaled and cropped to the size of `job`."""
        pipeline = self.pipeline
        pixels = pipeline.image_processor.preprocess(
            picture, height=job.height, width=job.width, resize_mode="crop"
        )
        moments: Tensor = pipeline.vae.encode(pixels.to(self.device, self.dtype)).latent_dist.parameters
        return moments

    def sampled(self, moments: Tensor, generator: torch.Generator) -> Tensor:
        """Latents (1, channels, height, width) of a picture's moments; call it before drawing the noise."""
        models: Any = importlib.import_module("diffusers.models.autoencoders.vae")
        latents: Tensor = models.DiagonalGaussianDistribution(moments).sample(generator)
        config = self.pipeline.vae.config
        return (latents - config.shift_factor) * config.scaling_factor

    def noised(self, job: Job, latents: Tensor, noise: Tensor) -> Tensor:
        """Latents with the noise level that the first step of `job` expects."""
        sigmas, _ = self.sigmas(job)
        level = sigmas[0].to(latents.device, latents.dtype)
        return level * noise + (1.0 - level) * latents
