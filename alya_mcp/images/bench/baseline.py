"""The baseline: diffusers' pipeline as its documentation runs it, eager, with a PNG of the picture.

In bfloat16, on a CPU in float32. It also measures the device's peak rate of matrix products, and counts the
operations of a picture. It runs in a process of its own, without our code and so that its memory is freed
afterwards, and prints each result at once as a line of JSON.
"""

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

from alya_mcp.images.engine import Job
from alya_mcp.images.flux.loading import load_pipeline, outline
from alya_mcp.images.flux.pipeline import open_artist
from alya_mcp.images.flux.quantised import FP8
from alya_mcp.images.flux.random_weights import random_pipeline
from alya_mcp.images.models import random_model
from alya_mcp.images.plan import Plan, survey

_torch: Any = torch
_SIDE: Final = 1024
_PROMPT: Final = "a red circle on a blue background"
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
    random = random_model(model)
    pipeline = random_pipeline(random, plan, device) if random else load_pipeline(Path(model), plan, device)
    artist = open_artist(pipeline, torch.device(device))
    loaded = time.perf_counter() - began
    pipes: list[float] = []
    files: list[float] = []
    for seed in range(count + 1):
        start = time.perf_counter()
        image = pipeline(
            prompt=f"{_PROMPT} {seed}",
            width=_SIDE,
            height=_SIDE,
            num_inference_steps=artist.family.steps,
            guidance_scale=0.0,
            max_sequence_length=artist.text_tokens,
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
    """Operations a second of a large matrix product, by precision: the device's peak rate."""
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
                continue  # not supported by this card
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
    """Operations of each phase of a picture, counted from shapes alone, without memory.

    `linear` are those of the steps that multiply with weights, which a precision of 8 bits makes faster.
    """
    random = random_model(model)
    pipeline = random_pipeline(random, _plan("meta"), "meta") if random else outline(Path(model))
    artist = open_artist(pipeline, torch.device("meta"))
    job = Job(prompt=_PROMPT, seed=0, steps=artist.family.steps, width=_SIDE, height=_SIDE)
    inputs = artist.tokens(job.prompt).inputs
    first = artist.first_step(job, artist.read(job.prompt))
    scaled = artist.scaled(job, first[0])

    def count(work: Callable[[], Any]) -> dict[str, int]:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            work()
        return {str(each): flops for each, flops in counter.get_flop_counts()["Global"].items()}

    step = count(lambda: artist.step(*first))
    work = {
        "encode": sum(count(lambda: artist.encode(*inputs)).values()),
        "denoise": job.steps * sum(step.values()),
        "decode": sum(count(lambda: artist.decode(scaled)).values()),
    }
    return {"work": work, "linear": job.steps * sum(step.get(each, 0) for each in _LINEAR)}
