"""What previews cost: pictures drawn with and without them, in turns, by the renderer's own parts.

`python scripts/bench/previews.py [STEPS] [PAIRS] [FOLDER]`; without a folder with a model the bundled one, on
the CPU or the first CUDA GPU. A picture is its denoising and its decoding, and its previews are JPEGs as the
renderer makes them. Goal: at most 1.03 times as long with previews.
"""

import statistics
import sys
import time
from pathlib import Path

from alya_mcp.images.library_environment import tell_libraries

tell_libraries()

import torch  # noqa: E402

from alya_mcp.images.encode import thumbnail  # noqa: E402
from alya_mcp.images.engine import MAX_PREVIEW, Job  # noqa: E402
from alya_mcp.images.flux.banded import decode_in_bands  # noqa: E402
from alya_mcp.images.flux.loading import load_pipeline  # noqa: E402
from alya_mcp.images.flux.pipeline import Artist, EncodedPrompt, open_artist  # noqa: E402
from alya_mcp.images.flux.previews import SIDE, Previews  # noqa: E402
from alya_mcp.images.models import SKETCH_FOLDER  # noqa: E402
from alya_mcp.images.plan import choose_plan, survey, weigh  # noqa: E402


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    folder = Path(sys.argv[3]) if len(sys.argv) > 3 else SKETCH_FOLDER
    artist = _open(folder)
    job = artist.canvas(Job(prompt="a red circle on a blue background", seed=7, steps=steps))
    encoded = artist.read(job.prompt)
    _draw(artist, job, encoded, previews=True)
    _draw(artist, job, encoded, previews=False)
    wall: dict[bool, list[float]] = {True: [], False: []}
    processor: dict[bool, list[float]] = {True: [], False: []}
    seen = 0
    for number in range(pairs):
        for previews in (True, False) if number % 2 else (False, True):
            began = time.perf_counter(), time.process_time()
            seen += _draw(artist, job, encoded, previews=previews)
            wall[previews].append(time.perf_counter() - began[0])
            processor[previews].append(time.process_time() - began[1])
    each = f"{seen / pairs:.1f} previews a picture"
    print(f"{folder.name}, {steps} steps, {artist.device.type}, {pairs} pairs, {each}")
    for what, times in (("by the clock", wall), ("of the processor", processor)):
        without, with_them = (1000 * statistics.median(times[previews]) for previews in (False, True))
        ratios = [more / less for more, less in zip(times[True], times[False], strict=True)]
        figures = f"without {without:,.0f} ms, with {with_them:,.0f} ms, ratio {with_them / without:.3f}"
        print(f"{what:17} {figures}, of the pairs {statistics.median(ratios):.3f}")


def _open(folder: Path) -> Artist:
    machine = survey(None)
    plan = choose_plan(machine, weigh(folder), "auto", full_precision=machine.device == "cpu")
    pipeline = load_pipeline(folder, plan, machine.device)
    if machine.device == "cpu":
        pipeline.vae.to(memory_format=torch.channels_last)
        decode_in_bands(pipeline.vae.decoder)
    return open_artist(pipeline, torch.device(machine.device))


def _draw(artist: Artist, job: Job, encoded: EncodedPrompt, *, previews: bool) -> int:
    """Draw once; how many previews there were."""
    count = 0
    look = Previews(artist, job) if previews else None

    def after(done: int) -> None:
        nonlocal count
        levels = look.of(done) if look else None
        if levels is not None:
            thumbnail(levels.numpy(), SIDE, MAX_PREVIEW)
            count += 1

    artist.pixels(job, artist.denoise(job, encoded, after, look=look))
    return count


if __name__ == "__main__":
    main()
