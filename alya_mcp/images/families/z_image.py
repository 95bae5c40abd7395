"""Z-Image: the last layer but one of Qwen3 reads the prompt, pictures and text are one sequence."""

from typing import Final

from alya_mcp.images.families.family import Family, Licence, Model, Weights
from alya_mcp.images.families.qwen3 import qwen3

Z_IMAGE: Final = Family(
    pipeline="ZImagePipeline",
    artist="alya_mcp.images.flux.z_image:ZImageArtist",
    # Of Qwen3-4B's 36.
    encoders=(qwen3(35),),
    blocks=("noise_refiner", "context_refiner", "layers"),
    requires={},
    text_tokens=512,
    steps=8,
    # Computed: a block's widest products and the places in complex numbers.
    step_memory=800_000_000,
    transformer_share=0.08,
    encoder_share=0.16,
)

TURBO: Final = Model(
    name="Z-Image-Turbo",
    setting="z-image-turbo",
    repository="Tongyi-MAI/Z-Image-Turbo",
    licence=Licence(
        name="Apache-2.0", url="https://huggingface.co/Tongyi-MAI/Z-Image-Turbo", commercial=True
    ),
    weights=Weights(
        family=Z_IMAGE,
        transformer=6_154_908_736,
        encoder=3_921_534_720,
        others=83_819_683,
        transformer_kept=11_852_352,
        encoder_kept=388_956_160,
    ),
    size=33_000_000_000,
    work=455.2,
    gated=False,
)
