"""FLUX.1: T5 and CLIP read the prompt, latents are packed two by two."""

from typing import Final

from alya_mcp.images.families.family import Encoder, Family, Licence, Model, Weights

FLUX1: Final = Family(
    pipeline="FluxPipeline",
    artist="alya_mcp.images.flux.flux1:Flux1Artist",
    encoders=(
        Encoder(part="text_encoder", tokenizer="tokenizer"),
        Encoder(part="text_encoder_2", tokenizer="tokenizer_2", blocks_in="encoder"),
    ),
    blocks=("transformer_blocks", "single_transformer_blocks"),
    fused=("transformer_blocks", "single_transformer_blocks"),
    requires={},
    text_tokens=256,
    steps=4,
    # 0.5 GB measured on an H100.
    step_memory=600_000_000,
    transformer_share=0.12,
    encoder_share=0.12,
    keeps=False,
)

SCHNELL: Final = Model(
    name="FLUX.1-schnell",
    setting="flux-schnell",
    repository="black-forest-labs/FLUX.1-schnell",
    licence=Licence(
        name="Apache-2.0", url="https://huggingface.co/black-forest-labs/FLUX.1-schnell", commercial=True
    ),
    # Counted from the configurations in the repository.
    weights=Weights(
        family=FLUX1,
        transformer=11_891_178_560,
        encoder=4_762_310_656,
        others=123_060_480 + 83_819_683,
    ),
    size=34_000_000_000,
    work=290.7,
    gated=True,
)
