"""What the Ray application adds to drawing: a cluster here whose replicas draw nothing, at a fixed pace.

    python scripts/bench/cluster.py [--replicas 2] [--seconds 0.5] [--images 60] [--output json]

Pictures are 1024x1024, 3 MB each. First replicas answer at once: what is left is the way of a picture
through replica, ingress, proxy and HTTP. Then each takes `--seconds`, as a GPU would, with all images asked
for at once: what is left of replicas / seconds is how well they are kept busy.
"""

import argparse
import json
import os
import secrets
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import anyio

from alya_mcp.images.engine import Job, JobProgress, Picture
from alya_mcp.images.ray.engine import RayEngine
from alya_mcp.images.renderer import Renderer, RendererStatus, RenderRequest, ReportProgress

TOKEN = "a token for this benchmark"
PIXELS = 3 * 1024 * 1024


class Paced:
    """Draws the same grey for every prompt, in `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pixels = b"\x80" * PIXELS

    def prepare(self, request: RenderRequest, report: ReportProgress) -> None:
        pass

    def render(self, request: RenderRequest, job: Job, report: ReportProgress) -> Picture:
        for step in range(job.steps):
            report("denoise", step / job.steps, (step + 1) / job.steps, f"Step {step}")
            time.sleep(self._seconds / job.steps)
        return Picture(
            pixels=self._pixels,
            width=job.width,
            height=job.height,
            seed=job.seed,
            steps=job.steps,
            model=request.model,
            notice=None,
            timings={},
        )

    def tend(self, *, idle: bool) -> bool:
        del idle
        return False

    def status(self) -> RendererStatus:
        return RendererStatus(model="paced", device="none")


def paced(seconds: float) -> Callable[[], Renderer]:
    return lambda: Paced(seconds)


def deploy(serve: Any, name: str, replicas: int, seconds: float) -> None:
    from alya_mcp.images.ray.app import Options, application

    options = Options(model="paced", replicas=replicas, gpus=0, cpus=0, waiting=1000)
    serve.run(application(options, paced(seconds)), name=name, route_prefix=f"/{name}")


async def nobody(step: JobProgress) -> None:
    del step


async def ask(url: str, images: int, at_a_time: int) -> tuple[float, list[float]]:
    """The seconds for all images, and for each."""
    took: list[float] = []
    seeds = iter(range(images))

    async def caller(engine: RayEngine) -> None:
        for seed in seeds:
            began = time.perf_counter()
            await engine.render(Job(prompt="grey", seed=seed, steps=4), nobody)
            took.append(time.perf_counter() - began)

    engine = RayEngine(url, TOKEN, deadline=600)
    await engine.warm()
    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(at_a_time):
            group.start_soon(caller, engine)
    whole = time.perf_counter() - began
    await engine.aclose()
    return whole, took


def measure(replicas: int, seconds: float, images: int) -> dict[str, float]:
    os.environ |= {
        "ALYA_RAY_TOKEN": TOKEN,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }
    import ray
    from ray import serve

    with (
        tempfile.TemporaryDirectory(prefix="alya-ray-", ignore_cleanup_errors=True) as session,
        socket.socket() as free,
    ):
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        ray.init(num_gpus=0, include_dashboard=False, log_to_driver=False, _temp_dir=session)
        try:
            serve.start(http_options={"host": "127.0.0.1", "port": port})
            deploy(serve, "at-once", replicas, 0)
            deploy(serve, "paced", replicas, seconds)
            url = f"http://127.0.0.1:{port}"
            anyio.run(ask, f"{url}/at-once", replicas, replicas)
            _, alone = anyio.run(ask, f"{url}/at-once", images, 1)
            whole, _ = anyio.run(ask, f"{url}/at-once", images, 8)
            kept, _ = anyio.run(ask, f"{url}/paced", images, images)
        finally:
            serve.shutdown()
            ray.shutdown()
    return {
        "replicas": replicas,
        "seconds": seconds,
        "images": images,
        "way_ms": round(statistics.median(alone) * 1000, 1),
        "way_images_per_s": round(images / whole, 1),
        "paced_images_per_s": round(images / kept, 2),
        "busy": round(images * seconds / replicas / kept, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the Ray application.")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.5, help="that a replica takes for an image")
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--output", choices=["text", "json"], default="text")
    given = parser.parse_args()
    found = measure(given.replicas, given.seconds, given.images)
    if given.output == "json":
        print(json.dumps(found))
        return
    print(f"one image at a time, drawn at once: {found['way_ms']} ms (median)")
    print(f"8 images at a time, drawn at once: {found['way_images_per_s']} images/s")
    print(
        f"{given.replicas} replicas at {given.seconds:g} s an image: {found['paced_images_per_s']} images/s, "
        f"{found['busy']:.1%} of what they could"
    )


if __name__ == "__main__":
    main()
