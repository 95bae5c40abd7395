"""FLUX.1-schnell's shapes filled with random numbers: true speed and memory without a download.

What such a model draws shows nothing, and says nothing of a precision's quality.
"""

import importlib
from typing import Any, Final

import torch
from torch import nn

from alya_mcp.images.flux.loading import settle
from alya_mcp.images.plan import Plan

_SPREAD: Final = 0.02
_PAD, _END, _UNKNOWN = "<pad>", "</s>", "<unk>"
_WORDS: Final = (_PAD, _END, _UNKNOWN, "a", "the", "of", "red", "blue", "circle", "on", "background")


def random_pipeline(plan: Plan, device: str) -> Any:
    """A FluxPipeline of FLUX.1-schnell's size, run by `plan`."""
    diffusers: Any = importlib.import_module("diffusers")
    transformers: Any = importlib.import_module("transformers")
    with torch.device("meta"):
        transformer = diffusers.FluxTransformer2DModel(guidance_embeds=False).to(torch.bfloat16)
        encoder = transformers.T5EncoderModel(
            transformers.T5Config(
                vocab_size=32128,
                d_model=4096,
                d_kv=64,
                d_ff=10240,
                num_layers=24,
                num_heads=64,
                feed_forward_proj="gated-gelu",
                is_encoder_decoder=False,
                use_cache=False,
            )
        ).to(torch.bfloat16)
    torch.default_generator.manual_seed(0)
    pipeline = diffusers.FluxPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0),
        tokenizer=_tokenizer(transformers, 77),
        tokenizer_2=_tokenizer(transformers, 512),
        text_encoder=transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                vocab_size=49408,
                hidden_size=768,
                intermediate_size=3072,
                num_hidden_layers=12,
                num_attention_heads=12,
                projection_dim=768,
                max_position_embeddings=77,
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=0,
            )
        ).to(torch.bfloat16),
        text_encoder_2=encoder,
        vae=diffusers.AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=16,
            sample_size=1024,
            scaling_factor=0.3611,
            shift_factor=0.1159,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ).to(torch.bfloat16),
        transformer=transformer,
    )
    return settle(pipeline, plan, torch.device(device), _fill)


@torch.no_grad()
def _fill(module: nn.Module, device: torch.device) -> None:
    for each in module.modules():
        own = [*each.parameters(recurse=False), *each.buffers(recurse=False)]
        if any(tensor.is_meta for tensor in own):
            each.to_empty(device=device, recurse=False)
            norm = "norm" in type(each).__name__.lower()
            for name, parameter in each.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    parameter.normal_(0.0, _SPREAD)
                else:
                    parameter.fill_(1.0 if norm and name == "weight" else 0.0)
    module.to(device)
    # Modules that share numbers were given some each.
    share: Any = getattr(module, "tie_weights", None)
    if share is not None:
        share()


def _tokenizer(transformers: Any, length: int) -> Any:
    tokenizers: Any = importlib.import_module("tokenizers")
    vocabulary = {word: number for number, word in enumerate(_WORDS)}
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    plain.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    plain.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"$A {_END}", special_tokens=[(_END, vocabulary[_END])]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token=_PAD,
        eos_token=_END,
        unk_token=_UNKNOWN,
        model_max_length=length,
    )
