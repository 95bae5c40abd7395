"""The renderer alone, in this process: pictures before, beside and after compiling, and how alike they are.

`python scripts/bench/renderer.py [MODEL] [PRECISION]`; without a model, random weights in the shapes of
FLUX.1-schnell, with random:NAME those of NAME, which says so in every line and needs a GPU.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.models import RANDOM, random_model
from alya_mcp.images.renderer import RenderRequest

COUNT = 5
POLL = 0.2


def main() -> None:
    model = sys.argv[1] if len(sys.argv) > 1 else f"{RANDOM}flux-schnell"
    precision = sys.argv[2] if len(sys.argv) > 2 else "auto"
    label = "random weights" if random_model(model) else model
    renderer = FluxRenderer()

    def say(what: str, figures: str) -> None:
        print(f"{label}: {what:28} {figures}", flush=True)

    def draw(seed: int) -> tuple[float, str, Picture]:
        return _draw(renderer, model, precision, seed)

    took, _, _ = draw(0)
    say("start to first picture", f"{took:,.0f} ms")
    say("eager", _median(draw, 1))
    before = draw(100)[2]
    began, beside, seed = time.monotonic(), list[float](), 200
    while renderer.tend(idle=True):
        seed += 1
        beside.append(draw(seed)[0])
        time.sleep(POLL)
    if beside:
        say("beside the compiler", f"median {statistics.median(beside):,.0f} ms, most {max(beside):,.0f} ms")
        say("compiling took", f"{time.monotonic() - began:,.0f} s")
    status = renderer.status()
    say("after", _median(draw, 300))
    after = draw(100)[2]
    apart = np.abs(_levels(before) - _levels(after))
    say("the same picture, apart by", f"mean {apart.mean():.2f}, most {apart.max()} of 255")
    say("plan", status.plan or "")
    memory = ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in status.memory.items())
    say("memory", memory or "main memory only")


def _draw(renderer: FluxRenderer, model: str, precision: str, seed: int) -> tuple[float, str, Picture]:
    """Milliseconds in all, by phase in words, and the picture."""
    marks: dict[str, float] = {}

    def report(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
        del at, until, message, preview
        marks.setdefault(phase, time.perf_counter())

    job = Job(prompt=f"a red circle on a blue background {seed}", seed=seed, steps=4)
    began = time.perf_counter()
    picture = renderer.render(RenderRequest(model=model, precision=precision, job=job), job, report)
    ended = time.perf_counter()
    times = [*marks.values(), ended]
    phases = [
        f"{phase} {1000 * (until - since):,.1f}"
        for phase, since, until in zip(marks, times[:-1], times[1:], strict=True)
    ]
    return 1000 * (ended - began), ", ".join(phases), picture


def _median(draw: Callable[[int], tuple[float, str, Picture]], first: int) -> str:
    drawn = sorted((draw(first + number) for number in range(COUNT)), key=lambda each: each[0])
    took, phases, _ = drawn[COUNT // 2]
    return f"{took:,.1f} ms ({phases})"


def _levels(picture: Picture) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    return np.frombuffer(picture.pixels, np.uint8).astype(np.int16)


if __name__ == "__main__":
    main()
