"""A decoder that works in bands makes the pictures of the one that works on whole layers."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from alya_mcp.images.flux.banded import decode_in_bands  # noqa: E402

SKETCH = Path(__file__).resolve().parents[2] / "alya_mcp" / "images" / "sketch" / "vae"


def small(**changes: object):
    torch.manual_seed(0)
    config = {
        "up_block_types": ["UpDecoderBlock2D"] * 3,
        "down_block_types": ["DownEncoderBlock2D"] * 3,
        "block_out_channels": [4, 6, 8],
        "layers_per_block": 1,
        "norm_num_groups": 1,
        "latent_channels": 4,
        "mid_block_add_attention": False,
    }
    return diffusers.AutoencoderKL(**{**config, **changes}).decoder.eval().requires_grad_(requires_grad=False)


def sketch():
    vae = diffusers.AutoencoderKL.from_pretrained(SKETCH, local_files_only=True)
    return vae.decoder.eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize(
    ("make", "shape", "most"),
    [
        (small, (1, 4, 40, 200), 1e-5),
        (small, (1, 4, 7, 3), 1e-5),
        (small, (1, 4, 1, 1), 1e-5),
        (sketch, (1, 16, 8, 12), 1 / 255),
    ],
)
def test_a_picture_in_bands_is_that_of_whole_layers_in_double_precision(make, shape, most: float) -> None:
    whole = make().double()
    banded = make()
    assert decode_in_bands(banded)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    threads = torch.get_num_threads()
    with torch.no_grad():
        expected, found = whole(latents.double()), banded(latents)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) < most
    assert torch.get_num_threads() == threads


def test_what_does_not_fit_into_bands_is_decoded_as_before() -> None:
    for unknown in (small(mid_block_add_attention=True), small(norm_num_groups=2), small().double()):
        assert not decode_in_bands(unknown)
    whole = small()
    banded = copy.deepcopy(whole)
    assert decode_in_bands(banded)
    two = torch.randn(2, 4, 3, 3)
    with torch.no_grad():
        assert torch.equal(banded(two), whole(two))
