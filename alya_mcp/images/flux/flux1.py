"""FLUX.1 pictures: T5's text and CLIP's summary of it, latents packed two by two."""

import importlib
from typing import Any, Final

import torch
from torch import Tensor

from alya_mcp.images.engine import Job
from alya_mcp.images.families import Model
from alya_mcp.images.flux.encodings import Tokens
from alya_mcp.images.flux.image_to_image import ImageToImageArtist
from alya_mcp.images.flux.schedule import dynamic_shift
from alya_mcp.images.flux.word_tokenizer import word_tokenizer

_GUIDANCE: Final = 3.5
"""The guidance input of guidance-distilled models; FLUX.1-schnell has none."""


def full_size_autoencoder() -> Any:
    """FLUX.1's autoencoder, which Z-Image has too, with random weights."""
    diffusers: Any = importlib.import_module("diffusers")
    return diffusers.AutoencoderKL(
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
    ).to(torch.bfloat16)


class Flux1Artist(ImageToImageArtist):
    """Draws with a FluxPipeline."""

    @staticmethod
    def full_size(model: Model) -> Any:
        """FLUX.1-schnell's, the only known model."""
        del model
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
        return diffusers.FluxPipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0),
            tokenizer=word_tokenizer(77),
            tokenizer_2=word_tokenizer(512),
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
            vae=full_size_autoencoder(),
            transformer=transformer,
        )

    def tokens(self, prompt: str) -> Tokens:
        """The ids of `prompt` for T5 and for CLIP; truncation is that of T5."""
        pipeline, limit = self.pipeline, self.text_tokens
        options: Any = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
        clip = pipeline.tokenizer([prompt], max_length=pipeline.tokenizer_max_length, **options).input_ids
        five = pipeline.tokenizer_2([prompt], max_length=limit, **options).input_ids
        count = len(pipeline.tokenizer_2(prompt).input_ids)
        return Tokens((five.to(self.device), clip.to(self.device)), min(count, limit), count > limit)

    @torch.no_grad()
    def encode(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The text's encoding (1, tokens, width) and its pooled one (1, width), for both tokenisers' ids."""
        pipeline, (five, clip) = self.pipeline, inputs
        pooled = pipeline.text_encoder(clip, output_hidden_states=False).pooler_output
        text = pipeline.text_encoder_2(five, output_hidden_states=False)[0]
        return text.to(self.dtype), pooled.to(self.dtype)

    def noise(
        self, job: Job, generator: torch.Generator, seen: tuple[Tensor, ...] = ()
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Latents (1, tokens, channels) and the tokens' places (tokens, 3)."""
        pipeline = self.pipeline
        channels = int(pipeline.transformer.config.in_channels) // 4
        begun = [self.sampled(moments, generator) for moments in seen]
        latents, places = pipeline.prepare_latents(
            1, channels, job.height, job.width, self.dtype, self.device, generator
        )
        if self.only_side is not None and job.width != job.height:
            rows, columns = job.height // self.unit, job.width // self.unit
            places = fitted(rows, columns, self.only_side // self.unit).to(self.device)
        for each in begun:
            packed = pipeline._pack_latents(each, 1, channels, *each.shape[2:])
            latents = self.noised(job, packed, latents)
        return latents, (places,)

    @torch.no_grad()
    def step(self, latents: Tensor, time: Tensor, change: Tensor, *conditions: Tensor) -> tuple[Tensor]:
        """Latents (1, tokens, channels) after a step; the conditions are text, pooled text and places."""
        text, pooled, places = conditions
        transformer = self.pipeline.transformer
        guidance = None
        if transformer.config.guidance_embeds:
            guidance = torch.full((1,), _GUIDANCE, device=self.device, dtype=torch.float32)
        velocity = transformer(
            hidden_states=latents,
            timestep=time,
            guidance=guidance,
            pooled_projections=pooled,
            encoder_hidden_states=text,
            txt_ids=torch.zeros(text.shape[1], 3, device=self.device, dtype=text.dtype),
            img_ids=places,
            joint_attention_kwargs={},
            return_dict=False,
        )[0]
        return ((latents.float() + change * velocity).to(velocity.dtype),)

    def shift(self, tokens: int, steps: int) -> float:
        """The scheduler's dynamic shift, independent of the number of steps."""
        del steps
        return dynamic_shift(self.pipeline.scheduler.config, tokens)

    def scaled(self, job: Job, latents: Tensor) -> Tensor:
        """Latents (1, channels, height, width)."""
        pipeline, vae = self.pipeline, self.pipeline.vae
        unpacked = pipeline._unpack_latents(latents, job.height, job.width, pipeline.vae_scale_factor)
        return (unpacked / vae.config.scaling_factor + vae.config.shift_factor).to(vae.dtype)


def fitted(rows: int, columns: int, side: int) -> Tensor:
    """Positions (rows * columns, 3) of tokens that fit the composition of a square of `side` to the picture.

    The model's positions are those of a square. They are stretched over the shorter side and extended evenly
    on the longer one: half on the left and half on the right, or a fifth above and the rest below, where the
    ground extends better than the sky (observed with alya-sketch).
    """
    scale = side / min(rows, columns)
    beyond = rows * scale - side
    middle = (side - 1) / 2
    down = (torch.arange(rows) - (rows - 1) / 2) * scale + middle + beyond * (0.5 - 0.2)
    across = (torch.arange(columns) - (columns - 1) / 2) * scale + middle
    places = torch.zeros(rows, columns, 3)
    places[..., 1] = down[:, None]
    places[..., 2] = across[None, :]
    return places.reshape(rows * columns, 3)
