"""The precisions of a model's weights: the one list of them."""

from typing import Final, Literal, get_args

Rounded = Literal["fp8", "int8", "int4"]
"""Weights lose some of their digits."""
Selectable = Literal["bf16", Rounded]
"""Those that a user can ask for. Models that are made for it run in `fp32`."""
Precision = Literal["fp32", Selectable]
Requested = Literal["auto", Selectable]
"""What ALYA_IMAGE_PRECISION takes."""

ROUNDED: Final[tuple[str, ...]] = get_args(Rounded)
SELECTABLE: Final[tuple[str, ...]] = get_args(Selectable)
REQUESTED: Final[tuple[str, ...]] = get_args(Requested)
