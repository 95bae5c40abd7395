"""The baseline: FluxPipeline as its documentation runs it, eager, with a PNG of the picture.

In bfloat16, on a CPU in float32. Beside it what a device could do at best: how fast it multiplies, and how
much a picture takes.

Runs as a process of its own, so that nothing of ours is in its way and its memory is gone afterwards. It
prints a JSON object a line, each as soon as it is known.
"""

import importlib
import io
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import MAX_TEXT_TOKENS
from alya_mcp.images.flux.quantised import FP8
from alya_mcp.images.flux.random_weights import random_pipeline
from alya_mcp.images.models import RANDOM
from alya_mcp.images.plan import Plan, survey

_torch: Any = torch
_SIDE: Final = 1024
_MATRIX: Final = {"cuda": 8192, "mps": 4096, "cpu": 2048}
_LINEAR: Final = ("aten.mm", "aten.addmm")
"""Products with weights; those of attention are batched."""


def main() -> None:
    """Draw with the model that the first argument names as often as the second says; print JSON.

    With 0 nothing is loaded. Ends with status 1 when a part failed, after the others.
    """
    model, count = sys.argv[1], int(sys.argv[2])
    device = survey().device
    parts: list[Callable[[], dict[str, Any]]] = [partial(_rates, device), partial(_work, model)]
    if count:
        parts.append(partial(_drawn, model, count, device))
    failed = False
    for part in parts:
        try:
            sys.stdout.write(json.dumps(part()) + "\n")
            sys.stdout.flush()
        except Exception:  # noqa: BLE001 - the other parts count without it
            traceback.print_exc()
            failed = True
    sys.exit(failed)


def _plan(device: str) -> Plan:
    precision = "fp32" if device == "cpu" else "bf16"
    return Plan(precision=precision, encoder=precision, needs=0)


def _drawn(model: str, count: int, device: str) -> dict[str, Any]:
    """Milliseconds of loading, of the first picture and of later ones; the most GPU memory in bytes."""
    plan = _plan(device)
    began = time.perf_counter()
    pipeline = random_pipeline(plan, device) if model == RANDOM else load_pipeline(Path(model), plan, device)
    loaded = time.perf_counter() - began
    pipes: list[float] = []
    files: list[float] = []
    for seed in range(count + 1):
        start = time.perf_counter()
        image = pipeline(
            f"a red circle on a blue background {seed}",
            width=_SIDE,
            height=_SIDE,
            num_inference_steps=4,
            guidance_scale=0.0,
            max_sequence_length=min(MAX_TEXT_TOKENS, int(pipeline.tokenizer_2.model_max_length)),
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]
        drawn = time.perf_counter()
        image.save(io.BytesIO(), "PNG")
        pipes.append(1000 * (drawn - start))
        files.append(1000 * (time.perf_counter() - drawn))
    return {
        "load": round(1000 * loaded, 1),
        "first": round(pipes[0], 1),
        "pipeline": round(statistics.median(pipes[1:]), 1),
        "file": round(statistics.median(files[1:]), 1),
        "peak": torch.cuda.max_memory_allocated() if device == "cuda" else None,
    }


def _rates(device: str) -> dict[str, Any]:
    """Operations a second of a large product of two matrices, by precision: what the arithmetic allows."""
    side = _MATRIX[device]
    wide = torch.float32 if device == "cpu" else torch.bfloat16
    one, other = (torch.randn(side, side, device=device, dtype=wide) for _ in range(2))
    rates = {"wide": _rate(side, device, partial(torch.matmul, one, other))}
    if device == "cuda":
        ones = torch.ones(side, 1, device=device)
        for precision, dtype, product in (
            ("fp8", FP8, partial(_torch._scaled_mm, scale_a=ones, scale_b=ones.t(), out_dtype=wide)),
            ("int8", torch.int8, _torch._int_mm),
        ):
            try:
                rates[precision] = _rate(side, device, partial(product, one.to(dtype), other.to(dtype).t()))
            except RuntimeError:
                continue  # this card has no such products
    return {"torch": torch.__version__, "rates": rates}


def _rate(side: int, device: str, product: Callable[[], torch.Tensor]) -> float:
    def wait() -> None:
        if device != "cpu":
            torch.accelerator.synchronize()

    times: list[float] = []
    for _ in range(10):
        wait()
        start = time.perf_counter()
        product()
        wait()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times)


def _work(model: str) -> dict[str, Any]:
    """Operations of each phase of a picture with 4 steps, counted in its shapes alone, without memory.

    `linear` are those of the steps that multiply with weights, which a precision of 8 bits makes faster.
    """
    transformer, encoder, vae, tokens = _shapes(model)
    limit = min(MAX_TEXT_TOKENS, tokens)
    cells = _SIDE // 2 ** len(vae.config.block_out_channels)
    config = transformer.config

    def zeros(*shape: int, dtype: torch.dtype = transformer.dtype) -> torch.Tensor:
        return torch.zeros(*shape, dtype=dtype, device="meta")

    def count(work: Callable[[], Any]) -> dict[str, int]:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        return {str(each): flops for each, flops in counter.get_flop_counts()["Global"].items()}

    step = count(
        lambda: transformer(
            hidden_states=zeros(1, cells * cells, config.in_channels),
            encoder_hidden_states=zeros(1, limit, config.joint_attention_dim),
            pooled_projections=zeros(1, config.pooled_projection_dim),
            timestep=zeros(1),
            guidance=zeros(1) if config.guidance_embeds else None,
            img_ids=zeros(cells * cells, 3),
            txt_ids=zeros(limit, 3),
        )
    )
    latents = zeros(1, config.in_channels // 4, 2 * cells, 2 * cells, dtype=vae.dtype)
    work = {
        "encode": sum(count(lambda: encoder(zeros(1, limit, dtype=torch.long))).values()),
        "denoise": 4 * sum(step.values()),
        "decode": sum(count(lambda: vae.decode(latents)).values()),
    }
    return {"work": work, "linear": 4 * sum(step.get(each, 0) for each in _LINEAR)}


def _shapes(model: str) -> tuple[Any, Any, Any, int]:
    """Transformer, text encoder and decoder of `model` without values, and how many tokens it reads."""
    with torch.device("meta"):
        if model == RANDOM:
            pipeline = random_pipeline(_plan("meta"), "meta")
            tokens = int(pipeline.tokenizer_2.model_max_length)
            return pipeline.transformer, pipeline.text_encoder_2, pipeline.vae, tokens
        diffusers: Any = importlib.import_module("diffusers")
        transformers: Any = importlib.import_module("transformers")
        folder = Path(model)
        said = json.loads((folder / "tokenizer_2" / "tokenizer_config.json").read_text(encoding="utf-8"))
        parts = {"transformer": diffusers.FluxTransformer2DModel, "vae": diffusers.AutoencoderKL}
        transformer, vae = (
            kind.from_config(kind.load_config(folder, subfolder=name, local_files_only=True))
            for name, kind in parts.items()
        )
        encoder = transformers.T5EncoderModel(
            transformers.T5Config.from_pretrained(folder / "text_encoder_2", local_files_only=True)
        )
        return transformer, encoder, vae, int(said["model_max_length"])
