"""A real FluxPipeline small enough to build anywhere: seven parts made in code, random weights, no network.

1.7 million parameters. Its VAE halves the size four times (16 pixels a latent), so sides are multiples of 32.
"""

from pathlib import Path
from typing import Any

CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-"
SIDE_UNIT = 32


def build(folder: Path, seed: int = 0, *, levels: int = 5) -> Path:
    """Save the pipeline into `folder` and return it; the same seed gives the same weights.

    With fewer `levels` its VAE has less to compile, and makes fewer pixels of a latent.
    """
    import torch
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        FluxPipeline,
        FluxTransformer2DModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

    generator_state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    clip_tokens, t5_tokens = _clip_tokenizer(), _t5_tokenizer()
    pipeline = FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0),
        tokenizer=clip_tokens,
        tokenizer_2=t5_tokens,
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(clip_tokens),
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                projection_dim=64,
                max_position_embeddings=77,
                bos_token_id=clip_tokens.bos_token_id,
                eos_token_id=clip_tokens.eos_token_id,
                pad_token_id=clip_tokens.pad_token_id,
            )
        ),
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(t5_tokens),
                d_model=64,
                d_kv=16,
                d_ff=128,
                num_layers=2,
                num_heads=4,
                feed_forward_proj="gated-gelu",
                is_encoder_decoder=False,
            )
        ),
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=(4, 8, 16, 32, 32)[:levels],  # few where there are most pixels
            layers_per_block=1,
            latent_channels=16,
            norm_num_groups=4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            mid_block_add_attention=False,
            scaling_factor=0.3611,
            shift_factor=0.1159,
        ),
        transformer=FluxTransformer2DModel(
            in_channels=64,
            num_layers=1,
            num_single_layers=2,
            attention_head_dim=32,
            num_attention_heads=4,
            joint_attention_dim=64,
            pooled_projection_dim=64,
            axes_dims_rope=(8, 12, 12),
            guidance_embeds=False,
        ),
    )
    pipeline.save_pretrained(folder)
    torch.random.set_rng_state(generator_state)
    return folder


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    pieces = [
        *CHARACTERS,
        *(f"{character}</w>" for character in CHARACTERS),
        "<|startoftext|>",
        "<|endoftext|>",
    ]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    scored = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    scored += [(f"▁{word}", -3.0) for word in ("a", "red", "blue", "circle", "square", "on", "the")]
    scored += [(character, -6.0) for character in CHARACTERS]
    return T5Tokenizer(vocab=scored, extra_ids=0, model_max_length=256)
