"""The baseline: FluxPipeline as its documentation runs it, eager, with a PNG of the picture.

In bfloat16, on a CPU in float32.

Runs as a process of its own, so that nothing of ours is in its way and its memory is gone afterwards.
"""

import io
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from alya_mcp.images.flux.drawing import MAX_TEXT_TOKENS
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.random_weights import random_pipeline
from alya_mcp.images.models import RANDOM
from alya_mcp.images.plan import Plan, Precision, survey

_SIDE: Final = 1024
_MATRIX: Final = {"cuda": 8192, "mps": 4096, "cpu": 2048}


def main() -> None:
    """Draw with the model that the first argument names as often as the second says; print JSON."""
    model, count = sys.argv[1], int(sys.argv[2])
    machine = survey()
    device = machine.device
    precision: Precision = "fp32" if device == "cpu" else "bf16"
    plan = Plan(precision=precision, encoder=precision, needs=0)
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
            max_sequence_length=_text_tokens(pipeline),
            generator=torch.Generator("cpu").manual_seed(seed),
        ).images[0]
        drawn = time.perf_counter()
        image.save(io.BytesIO(), "PNG")
        pipes.append(1000 * (drawn - start))
        files.append(1000 * (time.perf_counter() - drawn))
    answer = {
        "device": "CPU" if device == "cpu" else machine.name,
        "torch": torch.__version__,
        "load": round(1000 * loaded, 1),
        "first": round(pipes[0], 1),
        "pipeline": round(statistics.median(pipes[1:]), 1),
        "file": round(statistics.median(files[1:]), 1),
        "peak": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "rate": _rate(device, precision),
        "work": _work(pipeline),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def _text_tokens(pipeline: Any) -> int:
    return min(MAX_TEXT_TOKENS, int(pipeline.tokenizer_2.model_max_length))


def _rate(device: str, precision: Precision) -> float:
    """Operations a second of a large product of two matrices on this device: what its arithmetic allows."""
    side = _MATRIX[device]
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    times: list[float] = []
    for _ in range(10):
        if device != "cpu":
            torch.accelerator.synchronize()
        start = time.perf_counter()
        torch.matmul(one, other)
        if device != "cpu":
            torch.accelerator.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times)


def _work(pipeline: Any) -> dict[str, int]:
    """Operations of each phase of a picture with 4 steps, counted while the parts work."""
    transformer, five, vae = pipeline.transformer, pipeline.text_encoder_2, pipeline.vae
    limit = _text_tokens(pipeline)
    cells = _SIDE // (2 * pipeline.vae_scale_factor)
    dtype, device = transformer.dtype, transformer.device
    config = transformer.config

    def zeros(*shape: int) -> torch.Tensor:
        return torch.zeros(*shape, dtype=dtype, device=device)

    def count(work: Any) -> int:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        return int(counter.get_total_flops())

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
    text = count(lambda: five(torch.zeros(1, limit, dtype=torch.long, device=device)))
    latents = zeros(1, config.in_channels // 4, 2 * cells, 2 * cells)
    return {"encode": text, "denoise": 4 * step, "decode": count(lambda: vae.decode(latents.to(vae.dtype)))}


if __name__ == "__main__":
    main()
