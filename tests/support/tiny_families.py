"""Real pipelines of the other families, small enough to build anywhere, as `tiny_flux` is of FLUX.1.

Their text encoders have the layers that the families read and one more; their VAEs halve the size four times.
"""

from pathlib import Path
from typing import Any

from tiny_flux import CHARACTERS

TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
"""What Qwen3's template makes of a conversation without tools."""
_MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")


def klein(folder: Path, seed: int = 0) -> Path:
    """Save a Flux2KleinPipeline into `folder` and return it; the same seed gives the same weights."""
    import torch
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        vae = AutoencoderKLFlux2(**_shape(), latent_channels=16)
        vae.bn.running_mean.normal_(0.0, 0.1)
        vae.bn.running_var.uniform_(0.5, 2.0)
        tokenizer = _tokenizer()
        pipeline = Flux2KleinPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
            vae=vae,
            text_encoder=_qwen3(28, len(tokenizer)),
            tokenizer=tokenizer,
            transformer=Flux2Transformer2DModel(
                in_channels=64,
                num_layers=2,
                num_single_layers=2,
                attention_head_dim=32,
                num_attention_heads=4,
                joint_attention_dim=3 * 64,
                axes_dims_rope=(8, 8, 8, 8),
                guidance_embeds=False,
            ),
            is_distilled=True,
        )
        pipeline.save_pretrained(folder)
    return folder


def z_image(folder: Path, seed: int = 0) -> Path:
    """Save a ZImagePipeline into `folder` and return it; the same seed gives the same weights."""
    import torch
    from diffusers import (
        AutoencoderKL,
        FlowMatchEulerDiscreteScheduler,
        ZImagePipeline,
        ZImageTransformer2DModel,
    )

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokenizer = _tokenizer()
        pipeline = ZImagePipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0),
            vae=AutoencoderKL(
                **_shape(),
                latent_channels=16,
                use_quant_conv=False,
                use_post_quant_conv=False,
                scaling_factor=0.3611,
                shift_factor=0.1159,
            ),
            text_encoder=_qwen3(36, len(tokenizer)),
            tokenizer=tokenizer,
            transformer=ZImageTransformer2DModel(
                dim=192,
                n_layers=2,
                n_refiner_layers=2,
                n_heads=6,
                n_kv_heads=6,
                cap_feat_dim=64,
                axes_dims=[8, 12, 12],
                axes_lens=[1024, 128, 128],
            ),
        )
        for token in (pipeline.transformer.x_pad_token, pipeline.transformer.cap_pad_token):
            torch.nn.init.normal_(token)
        pipeline.save_pretrained(folder)
    return folder


def _shape() -> dict[str, Any]:
    return {
        "down_block_types": ("DownEncoderBlock2D",) * 5,
        "up_block_types": ("UpDecoderBlock2D",) * 5,
        "block_out_channels": (8, 16, 32, 32, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "mid_block_add_attention": False,
    }


def _qwen3(layers: int, words: int) -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=words,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=layers,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            max_position_embeddings=512,
            tie_word_embeddings=True,
        )
    ).eval()


def _tokenizer() -> Any:
    from transformers import Qwen2Tokenizer

    pieces = [*CHARACTERS, "\u0120", "\u010a", "<", ">", "/", "|", "_"]
    vocabulary = {piece: number for number, piece in enumerate([*_MARKS, *pieces])}
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary, merges=[], unk_token="<|endoftext|>", pad_token="<|endoftext|>",
        additional_special_tokens=list(_MARKS[1:]), model_max_length=1024,
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE
    return tokenizer
