"""FLUX.2-klein: layers 9, 18 and 27 of Qwen3 read the prompt, latents are packed two by two."""

from typing import Final

from alya_mcp.images.families.family import Family, Licence, Model, Weights
from alya_mcp.images.families.qwen3 import qwen3

LAYERS: Final = (9, 18, 27)
"""The layers of the text encoder after which it is read."""

FLUX2_KLEIN: Final = Family(
    pipeline="Flux2KleinPipeline",
    artist="alya_mcp.images.flux.flux2_klein:Flux2KleinArtist",
    encoders=(qwen3(LAYERS[-1]),),
    blocks=("transformer_blocks", "single_transformer_blocks"),
    # The single blocks' projections are one already.
    fused=("transformer_blocks",),
    requires={
        "is_distilled": (True, "it is a base model, made for 50 steps with guidance, not for a few without")
    },
    text_tokens=512,
    steps=4,
    # Computed: the widest product of a single block and what is alive beside it.
    step_memory=800_000_000,
    transformer_share=0.18,
    encoder_share=0.2,
    references=4,
    strength=None,
)

_VAE: Final = 84_046_115

KLEIN_4B: Final = Model(
    name="FLUX.2-klein-4B",
    setting="flux2-klein-4b",
    repository="black-forest-labs/FLUX.2-klein-4B",
    licence=Licence(
        name="Apache-2.0", url="https://huggingface.co/black-forest-labs/FLUX.2-klein-4B", commercial=True
    ),
    weights=Weights(
        family=FLUX2_KLEIN,
        transformer=3_875_544_576,
        encoder=3_114_088_192,
        others=_VAE,
        transformer_kept=195_035_136,
        encoder_kept=388_956_160,
    ),
    size=16_000_000_000,
    work=152.7,
    gated=False,
)

KLEIN_9B: Final = Model(
    name="FLUX.2-klein-9B",
    setting="flux2-klein-9b",
    repository="black-forest-labs/FLUX.2-klein-9B",
    licence=Licence(
        name="FLUX Non-Commercial License",
        url="https://huggingface.co/black-forest-labs/FLUX.2-klein-9B",
        commercial=False,
    ),
    weights=Weights(
        family=FLUX2_KLEIN,
        transformer=9_078_581_248,
        encoder=5_831_883_520,
        others=_VAE,
        transformer_kept=354_418_688,
        encoder_kept=622_329_856,
    ),
    size=35_000_000_000,
    work=318.0,
    gated=True,
)
