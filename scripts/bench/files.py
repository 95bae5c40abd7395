"""How long a picture takes to become a file, beside Pillow's PNG at level 1 in the same run.

    python scripts/bench/files.py [--rounds 15] [--cores 1,2] [--output json]

Two synthetic pictures of 1024x1024: a smooth one (gradients, soft shapes, light grain, as a drawn scene has)
and a grainy one (1/f noise, as a photograph of foliage has). Every encoder takes its turn in every round; a
row holds medians. Cores are set by affinity (Linux); elsewhere all of them are used.
"""

import argparse
import hashlib
import io
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from alya_mcp.images.encode import encode, preview
from alya_mcp.images.engine import Picture

SIDE = 1024
SAID = {"model": "bench", "seed": "1", "steps": "4", "software": "bench"}


def smooth() -> Any:
    dice = np.random.default_rng(1)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE
    pixels = np.stack([x * 160 + 40, y * 150 + 50, (x + y) * 80 + 40], -1)
    for waves, strength in ((4, 30), (16, 14), (64, 6)):
        for channel in range(3):
            coarse = Image.fromarray(dice.standard_normal((waves, waves)).astype(np.float32))
            pixels[..., channel] += strength * np.asarray(
                coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            )
    for _ in range(12):
        left, top, size = dice.random(3)
        pixels[(x - left) ** 2 + (y - top) ** 2 < (0.05 + 0.1 * size) ** 2] += dice.normal(0, 40, 3)
    return pixels + dice.normal(0, 1.2, pixels.shape)


def grainy() -> Any:
    dice = np.random.default_rng(2)
    frequency = np.fft.fftfreq(SIDE)
    distance = np.sqrt(frequency[:, None] ** 2 + frequency[None] ** 2)
    distance[0, 0] = 1

    def layer() -> Any:
        noise = np.fft.ifft2(np.fft.fft2(dice.standard_normal((SIDE, SIDE))) / distance).real
        return noise / noise.std()

    light = layer()
    pixels = np.stack([128 + 40 * light + 12 * layer() for _ in range(3)], -1)
    return pixels + dice.normal(0, 3, pixels.shape)


def picture(values: Any) -> Picture:
    pixels = np.clip(values, 0, 255).astype(np.uint8).tobytes()
    return Picture(
        pixels=pixels, width=SIDE, height=SIDE, seed=1, steps=4, model="bench", notice=None, timings={}
    )


def pillow_png(drawn: Picture) -> bytes:
    buffer = io.BytesIO()
    image = Image.frombytes("RGB", (drawn.width, drawn.height), drawn.pixels)
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


ENCODERS: dict[str, Callable[[Picture], bytes]] = {
    "Pillow PNG level 1": pillow_png,
    "png": lambda drawn: encode(drawn, "png", SAID).data,
    "webp": lambda drawn: encode(drawn, "webp", SAID).data,
    "jpeg": lambda drawn: encode(drawn, "jpeg", SAID).data,
    "preview": preview,
}


def use_cores(count: int) -> int:
    """Run on `count` cores where that can be chosen; how many are used."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    return count


def measure(name: str, drawn: Picture, rounds: int, cores: int) -> list[dict[str, Any]]:
    took: dict[str, list[float]] = {encoder: [] for encoder in ENCODERS}
    files: dict[str, set[bytes]] = {encoder: set() for encoder in ENCODERS}
    for _ in range(rounds):
        for encoder, work in ENCODERS.items():
            start = time.perf_counter()
            file = work(drawn)
            took[encoder].append((time.perf_counter() - start) * 1e3)
            files[encoder].add(file)
    rows: list[dict[str, Any]] = []
    for encoder, times in took.items():
        (file,) = files[encoder]  # equal input gives equal bytes
        rows.append(
            {
                "picture": name,
                "cores": cores,
                "encoder": encoder,
                "ms": round(statistics.median(times), 1),
                "times as fast": round(
                    statistics.median(took["Pillow PNG level 1"]) / statistics.median(times), 2
                ),
                "bytes": len(file),
                "sha256": hashlib.sha256(file).hexdigest()[:12],
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the encoders.")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cores", default="2,1", help="how many cores to use, one run for each")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    given = parser.parse_args()
    drawn = {"smooth": picture(smooth()), "grainy": picture(grainy())}
    rows: list[dict[str, Any]] = []
    for count in sorted(map(int, given.cores.split(",")), reverse=True):
        cores = use_cores(count)
        for name, each in drawn.items():
            rows += measure(name, each, given.rounds, cores)
    if given.output == "json":
        print(json.dumps(rows))
        return
    print(f"{SIDE}x{SIDE}, medians of {given.rounds}")
    print("picture  cores  encoder                  ms  times as fast      bytes  size  sha256")
    for row in rows:
        least = next(r for r in rows if r["picture"] == row["picture"])["bytes"]
        print(
            f"{row['picture']:8} {row['cores']:5}  {row['encoder']:20} {row['ms']:6.1f}  "
            f"{row['times as fast']:13.2f}  {row['bytes']:9,}  {row['bytes'] / least:4.2f}  {row['sha256']}"
        )


if __name__ == "__main__":
    main()
