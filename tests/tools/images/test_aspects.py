"""The sizes of pictures that `image_gen` offers."""

from fractions import Fraction
from typing import get_args

from alya_mcp.tools.images.request import SIZES, Aspect


def test_every_aspect_is_exact_about_a_megapixel_and_one_that_flux_draws() -> None:
    assert set(SIZES) == set(get_args(Aspect))
    for aspect, (width, height) in SIZES.items():
        across, down = map(int, aspect.split(":"))
        assert Fraction(width, height) == Fraction(across, down)
        assert width % 16 == height % 16 == 0
        assert 0.87 * 2**20 <= width * height <= 1.01 * 2**20
