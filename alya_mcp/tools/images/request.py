"""The arguments of `image_gen`."""

from collections.abc import Hashable, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from alya_mcp.toolkit.models import Input

WAIT: Final = 25
LONGEST_WAIT: Final = 600
"""Seconds until a call answers: the default and the maximum."""

MOST: Final = 4
"""Pictures that a call may ask for."""

FileFormat = Literal["png", "webp", "jpeg"]
Aspect = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9"]
SIZES: Final[Mapping[Aspect, tuple[int, int]]] = {
    "1:1": (1024, 1024), "16:9": (1280, 720), "9:16": (720, 1280), "4:3": (1152, 864), "3:4": (864, 1152),
    "3:2": (1248, 832), "2:3": (832, 1248), "21:9": (1568, 672),
}  # fmt: skip
"""Width and height in pixels: exact ratios of multiples of 16."""


class ImageRequest(Input):
    """What to draw and how to deliver it."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=2000)] = Field(
        description="What the picture shows, in plain words. FLUX.1-schnell reads the first 256 tokens."
    )
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = Field(
        None,
        description="Start of the noise: same seed, prompt and steps, same picture. Random when absent.",
    )
    aspect: Aspect = Field("1:1", description="Width to height; about one megapixel.")
    model: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None,
        description="Another model, of those that the user enabled, such as `flux2-klein-4b` or "
        "`z-image-turbo`; the user's default when absent.",
    )
    count: int = Field(
        1, ge=1, le=MOST, description="Pictures to draw, of seeds that count up from `seed`; each is charged."
    )
    references: (
        Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=2000)]],
            Field(min_length=1, max_length=4),
        ]
        | None
    ) = Field(
        None,
        description="Pictures to edit or follow: the `key` of earlier answers, or https addresses on "
        "hosts that the user named. FLUX.2-klein takes 4; FLUX.1 and Z-Image begin from 1. Give their "
        "`aspect` too.",
    )
    strength: Annotated[float, Field(ge=0.01, le=1)] | None = Field(
        None, description="How far FLUX.1 and Z-Image leave the reference; 1 ignores it, absent is 0.6."
    )
    steps: int = Field(
        4, ge=1, le=8, description="Denoising steps; models are made for 4, `z-image-turbo` for 8."
    )
    format: FileFormat = Field("png", description="File format of the picture.")
    expires_in: int = Field(
        3600, ge=60, le=604_800, description="Seconds for which the URL opens; 7 days at most."
    )
    wait: int = Field(
        WAIT,
        ge=1,
        le=LONGEST_WAIT,
        description="Seconds after which the call answers, done or not.",
    )
    job: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        None,
        description="Gets the picture of an earlier answer with state `drawing`, free; give its prompt.",
    )


def is_address(reference: str) -> bool:
    """Whether a reference is an address rather than a picture's key."""
    scheme = reference.partition(":")[0].lower()
    return "://" in reference or scheme in {"http", "https", "data", "file"}


def request_of(arguments: ImageRequest) -> Hashable:
    """What tells calls for different pictures apart."""
    asked = arguments
    return (
        asked.prompt, asked.model, asked.seed, asked.aspect, asked.steps, asked.format, asked.count,
        tuple(asked.references or ()), asked.strength,
    )  # fmt: skip
