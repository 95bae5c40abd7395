"""alya-sketch's decoder in bands beside the same one on whole layers, in turn, in one process.

Usage: python scripts/bench/decoder.py [--rounds N] [--threads N]

Prints seconds by the wall clock and of the processor, their ratios in the median of the rounds (goal: at
least 2), the difference between the two pictures, and how far each is from one in double precision. Latents
are those that the model makes of four prompts.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from typing import Any

from alya_mcp.images.library_environment import tell_libraries

tell_libraries()

import torch  # noqa: E402

from alya_mcp.images.engine import Job  # noqa: E402
from alya_mcp.images.flux.banded import decode_in_bands  # noqa: E402
from alya_mcp.images.flux.flux1 import Flux1Artist  # noqa: E402
from alya_mcp.images.flux.loading import load_pipeline  # noqa: E402
from alya_mcp.images.models import SKETCH_FOLDER  # noqa: E402
from alya_mcp.images.plan import choose_plan, survey, weigh  # noqa: E402

PROMPTS = (
    "a red circle on a blue background",
    "a yellow house on a hill at night",
    "two green triangles and a white star",
    "a tree beside a sea at sunset",
)


def latents_of(artist: Flux1Artist, prompt: str) -> torch.Tensor:
    job = Job(prompt=prompt, seed=1, steps=4)
    return artist.scaled(job, artist.denoise(job, artist.read(prompt), lambda _done: None))


def levels(picture: torch.Tensor) -> torch.Tensor:
    return (picture / 2 + 0.5).clamp(0, 1).mul(255).round()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


@torch.no_grad()
def main(rounds: int, threads: int | None) -> None:
    if threads is not None:
        torch.set_num_threads(threads)
    plan = choose_plan(survey(None), weigh(SKETCH_FOLDER), "auto", full_precision=True)
    pipeline: Any = load_pipeline(SKETCH_FOLDER, plan, "cpu")
    artist = Flux1Artist(pipeline, torch.device("cpu"), 1024)
    found = [latents_of(artist, prompt) for prompt in PROMPTS]
    exact = copy.deepcopy(pipeline.vae.decoder).double()
    whole = pipeline.vae.decoder.to(memory_format=torch.channels_last)
    banded = copy.deepcopy(whole)
    assert decode_in_bands(banded)
    times: list[tuple[float, ...]] = []
    for number in range(rounds + 1):
        latents = found[number % len(found)]
        pair = (*timed(lambda: whole(latents)), *timed(lambda: banded(latents)))  # noqa: B023 - called here
        times += [pair] if number else []
    print(f"{rounds} rounds in turn, {torch.get_num_threads()} threads; medians in seconds")
    for name, at in (("wall", 0), ("processor", 1)):
        one, other = (statistics.median(each[at + step] for each in times) for step in (0, 2))
        ratio = statistics.median(each[at] / each[at + 2] for each in times)
        print(f"{name:10} whole layers {one:.3f}, in bands {other:.3f}, ratio {ratio:.2f} (goal >= 2)")
    for prompt, latents in zip(PROMPTS, found, strict=True):
        old, new, true = whole(latents), banded(latents), exact(latents.double())
        apart = (levels(old) - levels(new)).abs()
        errors = [float((each - true).abs().max()) * 127.5 for each in (old, new)]
        many = f"more than 1 in {int((apart > 1).sum())} of {apart.numel():,}"
        print(f"{prompt}: apart by at most {int(apart.max())} of 255, {many};")
        print(f"  from double precision: whole layers {errors[0]:.2f}, in bands {errors[1]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, help="PyTorch's own number when left out")
    asked = parser.parse_args()
    main(asked.rounds, asked.threads)
