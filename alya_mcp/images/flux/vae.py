"""Decoding with a pipeline's VAE: in tiles, in full precision, and cut to the size of the picture."""

import contextlib
from collections.abc import Generator
from typing import Any

from torch import Tensor


@contextlib.contextmanager
def tiles(pipeline: Any, side: int) -> Generator[None]:
    """Decode in tiles of half a side, which need a fraction of the memory; their seams are blended.

    By default a decoder's tile size is that of its training pictures: a picture of 1024 pixels wouldn't be
    split.
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


@contextlib.contextmanager
def in_float32(vae: Any) -> Generator[None]:
    """`vae` in float32. Its old weights come back to their addresses, which a CUDA graph may read."""
    kept = [(tensor, tensor.data) for tensor in vae.parameters()]
    try:
        for tensor, narrow in kept:
            tensor.data = narrow.float()
        yield
    finally:
        for tensor, narrow in kept:
            tensor.data = narrow


def middle(pixels: Tensor, width: int, height: int) -> Tensor:
    """The middle of a picture (height, width, 3)."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width].contiguous()
