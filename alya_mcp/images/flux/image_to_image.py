"""Pictures begun from another one, which stands for the first steps, under as much noise as they leave.

The same sums as those of diffusers' image-to-image pipelines, for an autoencoder of FLUX.1's kind.
"""

import importlib
from typing import Any

import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.flux.pipeline import Artist


@torch.no_grad()
def read(artist: Artist, job: Job, picture: Any) -> Tensor:
    """What the autoencoder reads of `picture`, of which the middle is scaled to the size of `job`."""
    pipeline = artist.pipeline
    pixels = pipeline.image_processor.preprocess(
        picture, height=job.height, width=job.width, resize_mode="crop"
    )
    moments: Tensor = pipeline.vae.encode(pixels.to(artist.device, artist.dtype)).latent_dist.parameters
    return moments


def drawn_from(artist: Artist, moments: Tensor, generator: torch.Generator) -> Tensor:
    """Latents (1, channels, height, width) out of what was read; to be drawn before the noise is."""
    models: Any = importlib.import_module("diffusers.models.autoencoders.vae")
    latents: Tensor = models.DiagonalGaussianDistribution(moments).sample(generator)
    config = artist.pipeline.vae.config
    return (latents - config.shift_factor) * config.scaling_factor


def under_noise(artist: Artist, job: Job, latents: Tensor, noise: Tensor) -> Tensor:
    """Latents under as much noise as the first step of `job` expects."""
    sigmas, _ = artist.sigmas(job)
    level = sigmas[0].to(latents.device, latents.dtype)
    return level * noise + (1.0 - level) * latents
