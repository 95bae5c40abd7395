"""The Ray application on a real cluster with two replicas: what it draws, refuses, and survives."""

import asyncio
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from raw_client import environment
from ray_cluster import REPLICAS, TOKEN, Cluster, running
from stage import PATIENCE, SIDE, Steps, a_job, until

from alya_mcp.errors import Failure, NotConfigured, Unavailable
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.ray import engine as ray_engine
from alya_mcp.images.ray.endpoints import PICTURES
from alya_mcp.images.ray.engine import RayEngine
from alya_mcp.images.renderer import RenderPhase, RenderRequest
from alya_mcp.images.wire.frames import pack
from alya_mcp.images.wire.messages import MAX_FILES
from alya_mcp.images.words import engine_words

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET_PROMPT = "a red circle on the blue square"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster"), tiny) as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _released(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.stage.release()
    cluster.stage.forget()


@asynccontextmanager
async def engine_of(
    cluster: Cluster, application: str = "plain", token: str = TOKEN
) -> AsyncIterator[RayEngine]:
    engine = RayEngine(cluster.url(application), token, deadline=PATIENCE)
    try:
        yield engine
    finally:
        await engine.aclose()


async def busy_with(engine: RayEngine, drawn: int, waiting: int) -> None:
    """Wait until the status tells so many images."""
    words = f"{drawn} images are drawn, {waiting} wait"
    deadline = time.monotonic() + PATIENCE
    while words not in engine_words(status := await engine.status()):
        assert time.monotonic() < deadline, f"not {words}: {engine_words(status)}"
        await anyio.sleep(0.05)


@asynccontextmanager
async def four_pictures_that_all_come(cluster: Cluster) -> AsyncIterator[None]:
    """Two of four pictures are drawn and two wait while the body does its worst; then each is right."""
    cluster.stage.hold("denoise")
    async with engine_of(cluster) as engine:
        drawing = [asyncio.create_task(engine.render(a_job(seed=seed), Steps())) for seed in range(4)]
        await busy_with(engine, REPLICAS, 2)
        yield
        cluster.stage.release()
        pictures = await asyncio.gather(*drawing)
        assert [picture.pixels for picture in pictures] == [stripes(a_job(seed=seed)) for seed in range(4)]


async def deployed(engine: RayEngine, ready: str = f"{REPLICAS} of {REPLICAS}") -> None:
    """Wait until the application answers and so many replicas are ready."""
    deadline = time.monotonic() + PATIENCE
    while f"{ready} replicas" not in engine_words(status := await engine.status()):
        assert time.monotonic() < deadline, engine_words(status)
        await anyio.sleep(0.05)


def stripes(job: Job) -> bytes:
    row = hashlib.shake_256(f"{job.prompt}/{job.seed}/{job.steps}".encode()).digest(3 * job.width)
    return row * job.height


def drawn_here(tiny: Path, jobs: list[Job]) -> list[Picture]:
    """What the renderer draws in this process, with one thread as the replicas have: sums depend on it."""
    import torch

    from alya_mcp.images.flux.renderer import FluxRenderer

    def report(phase: RenderPhase, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
        del phase, at, until, message

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        renderer = FluxRenderer()
        return [
            renderer.render(RenderRequest(model=str(tiny), precision="auto", job=job), job, report)
            for job in jobs
        ]
    finally:
        torch.set_num_threads(threads)


# -- good days --------------------------------------------------------------------------------------


async def test_pictures_are_those_of_the_local_renderer_and_name_their_model(cluster: Cluster, tiny: Path):
    jobs = [a_job(SECRET_PROMPT, seed=seed) for seed in range(4)]
    async with engine_of(cluster, "flux") as one, engine_of(cluster, "flux") as other:
        steps = Steps()
        drawn = await asyncio.gather(
            one.render(jobs[0], steps),
            *(engine.render(job, Steps()) for engine, job in zip((other, one, other), jobs[1:], strict=True)),
        )
    expected = await asyncio.to_thread(drawn_here, tiny, jobs)
    assert [picture.pixels for picture in drawn] == [picture.pixels for picture in expected]
    assert {picture.model for picture in drawn} == {tiny.name}
    assert [picture.notice for picture in drawn] == [picture.notice for picture in expected]
    assert steps.phases()[0] == "start"
    assert steps.phases()[-4:] == ["encode", "denoise", "decode", "receive"]
    assert [step.done for step in steps] == sorted({step.done for step in steps})


async def test_image_gen_draws_on_the_cluster_without_ray_or_torch_here(cluster: Cluster, alya_home: Path):
    hide = alya_home.parent / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import sys\n"
        "for name in ('ray', 'torch', 'diffusers', 'transformers', 'accelerate', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
    )
    variables = environment(
        alya_home,
        PYTHONPATH=str(hide),
        ALYA_IMAGE_ENGINE="ray",
        ALYA_RAY_URL=cluster.url("plain"),
        ALYA_RAY_TOKEN=TOKEN,
    )
    call = [sys.executable, "-m", "alya_mcp", "call", "image_gen", "prompt=a red circle", "--output", "json"]
    ended = await anyio.run_process(call, env=variables, check=False)
    assert ended.returncode == 0, ended.stderr.decode()
    answer = json.loads(ended.stdout)["structuredContent"]
    assert (answer["model"], answer["width"], answer["height"]) == ("plain", 1024, 1024)
    assert answer["bytes"] > 0


async def test_the_status_tells_replicas_queue_and_model(cluster: Cluster, tiny: Path):
    async with engine_of(cluster, "flux") as engine:
        await engine.warm()
        status = await engine.status()
        assert (status.state, status.model, status.device) == ("idle", tiny.name, "cpu")
        assert f"{REPLICAS} of {REPLICAS} replicas on Ray are ready" in engine_words(status)
        assert status.waiting == 0


async def test_a_size_between_the_models_units_is_drawn_as_the_local_engine_does(
    cluster: Cluster, tiny: Path
):
    job = Job(prompt="a red circle", seed=1, steps=1, width=SIDE + 8, height=SIDE)
    (expected,) = await asyncio.to_thread(drawn_here, tiny, [job])
    async with engine_of(cluster, "flux") as engine:
        drawn = await engine.render(job, Steps())
    assert drawn.pixels == expected.pixels


async def test_a_wrong_token_draws_nothing_and_learns_nothing(cluster: Cluster):
    async with engine_of(cluster, token="another-token-of-some-length") as engine:
        with pytest.raises(NotConfigured, match="ALYA_RAY_TOKEN"):
            await engine.render(a_job(), Steps())
        status = await engine.status()
        assert (status.state, status.model) == ("stuck", None)
    assert not cluster.stage.was_at("encode")


async def test_requests_that_are_no_jobs_are_refused_without_being_quoted(cluster: Cluster):
    import httpx2

    headers = {"Authorization": f"Bearer {TOKEN}"}
    job = {"prompt": "secret", "seed": 1, "steps": 1}
    bodies = [
        b"",
        b"[]",
        pack({}),
        pack({"type": "draw", "job": job | {"width": "wide"}}),
        pack({"type": "draw", "job": job}, bytes(MAX_FILES + 70_000)),
    ]
    async with httpx2.AsyncClient(base_url=cluster.url("plain"), headers=headers) as client:
        answers = [await client.post(PICTURES, content=body) for body in bodies]
        assert [answer.status_code for answer in answers] == [400, 400, 400, 400, 413]
        assert not any("secret" in answer.text or "wide" in answer.text for answer in answers)
        too_large = await client.post(PICTURES, content=pack({"type": "draw", "job": job | {"width": 9000}}))
        assert b"width is 9000" in too_large.content
        assert (await client.get("/v1/other")).status_code == 404
        assert (await client.get("/v1/status", headers={"Authorization": ""})).status_code == 401


# -- the queue --------------------------------------------------------------------------------------


async def test_a_full_queue_says_so_and_a_place_is_free_when_a_picture_is_drawn(cluster: Cluster):
    cluster.stage.hold("denoise")
    room = REPLICAS * 2
    async with engine_of(cluster) as engine:
        drawing = [asyncio.create_task(engine.render(a_job(seed=seed), Steps())) for seed in range(room)]
        await busy_with(engine, REPLICAS, room - REPLICAS)
        assert (await engine.status()).waiting == room - REPLICAS
        with pytest.raises(Unavailable, match=f"queue is full: {room - REPLICAS} images wait"):
            await engine.render(a_job(), Steps())
        cluster.stage.release()
        pictures = await asyncio.gather(*drawing)
        assert [picture.pixels for picture in pictures] == [stripes(a_job(seed=seed)) for seed in range(room)]
        assert (await engine.render(a_job(), Steps())).pixels == stripes(a_job())


async def test_a_waiting_caller_hears_how_many_are_first(cluster: Cluster):
    cluster.stage.hold("denoise")
    async with engine_of(cluster) as engine:
        heard = [Steps() for _ in range(4)]
        drawing = [asyncio.create_task(engine.render(a_job(seed=seed), heard[seed])) for seed in range(4)]
        await until(
            lambda: any(step.message == "Waiting: 1 image first" for steps in heard for step in steps),
            "a place",
        )
        cluster.stage.release()
        await asyncio.gather(*drawing)


async def test_a_cancelled_picture_stops_at_its_next_step(cluster: Cluster):
    cluster.stage.hold("denoise")
    async with engine_of(cluster) as engine:
        drawing = [asyncio.create_task(engine.render(a_job(steps=8), Steps())) for _ in range(4)]
        await busy_with(engine, REPLICAS, 2)
        for task in drawing:
            task.cancel()
        await asyncio.gather(*drawing, return_exceptions=True)
        await busy_with(engine, 0, 0)
        cluster.stage.forget()
        cluster.stage.hold("encode")
        following = [asyncio.create_task(engine.render(a_job(seed=seed), Steps())) for seed in range(4)]
        cluster.stage.release("denoise")
        await busy_with(engine, REPLICAS, 2)
        assert not cluster.stage.was_at("decode")
        cluster.stage.release()
        assert [(await task).seed for task in following] == list(range(4))


async def test_one_who_asks_for_much_lets_others_have_their_turn(cluster: Cluster):
    cluster.deploy("roomy", REPLICAS)
    async with engine_of(cluster, "roomy") as greedy, engine_of(cluster, "roomy") as modest:
        await deployed(greedy)
        cluster.stage.hold("denoise")
        many = [asyncio.create_task(greedy.render(a_job(seed=seed), Steps())) for seed in range(12)]
        await busy_with(greedy, REPLICAS, 12 - REPLICAS)
        heard = Steps()
        one = asyncio.create_task(modest.render(a_job(seed=99), heard))
        # A job that lies ready at each replica, and one of the other's who came first.
        await until(lambda: "Waiting: 3 images first" in [step.message for step in heard], "a place")
        cluster.stage.release()
        pictures = await asyncio.gather(*many, one)
        assert [picture.seed for picture in pictures] == [*range(12), 99]
        assert pictures[-1].timings["queue"] > 0


async def test_a_replica_taken_away_loses_no_picture(cluster: Cluster):
    cluster.deploy("shrinking", REPLICAS)
    async with engine_of(cluster, "shrinking") as engine:
        await deployed(engine)
        cluster.stage.hold("denoise")
        drawing = [asyncio.create_task(engine.render(a_job(seed=seed), Steps())) for seed in range(8)]
        await busy_with(engine, REPLICAS, 8 - REPLICAS)
        cluster.deploy("shrinking", 1)
        await until(lambda: len(cluster.replicas("shrinking")) == 1, "one replica less")
        cluster.stage.release()
        pictures = await asyncio.gather(*drawing)
        assert [picture.seed for picture in pictures] == list(range(8))


async def test_where_no_replica_is_ready_the_one_who_waits_hears_it(cluster: Cluster):
    cluster.deploy("gpuless")
    async with engine_of(cluster, "gpuless") as engine:
        await deployed(engine, "0 of 1")
        heard = Steps()
        drawing = asyncio.create_task(engine.render(a_job(), heard))
        await until(lambda: any("no replica is ready" in step.message for step in heard), "the reason")
        drawing.cancel()
        assert (await engine.status()).state == "stuck"


async def test_cancelling_frees_replicas_and_places_again_and_again(cluster: Cluster):
    async with engine_of(cluster) as engine:
        for seed in range(3):
            cluster.stage.hold("denoise")
            drawing = [asyncio.create_task(engine.render(a_job(seed=seed), Steps())) for _ in range(4)]
            await busy_with(engine, REPLICAS, 2)
            for task in drawing:
                task.cancel()
            await asyncio.gather(*drawing, return_exceptions=True)
            await busy_with(engine, 0, 0)
            cluster.stage.release()
            job = a_job("the next one", seed=seed)
            assert (await engine.render(job, Steps())).pixels == stripes(job)


# -- bad days ---------------------------------------------------------------------------------------


async def test_a_killed_replica_loses_no_picture(cluster: Cluster, tiny: Path):
    jobs = [a_job(SECRET_PROMPT, seed=seed, steps=8) for seed in range(12)]
    async with (
        engine_of(cluster, "flux") as one,
        engine_of(cluster, "flux") as two,
        engine_of(cluster, "flux") as three,
    ):
        engines = (one, two, three)
        heard = [Steps() for _ in jobs]
        drawing = [
            asyncio.create_task(engines[number % 3].render(job, heard[number]))
            for number, job in enumerate(jobs)
        ]
        await until(lambda: sum("denoise" in steps.phases() for steps in heard) >= REPLICAS, "work")
        os.kill(min(cluster.replicas("flux")), signal.SIGKILL)
        drawn = await asyncio.gather(*drawing)
    expected = await asyncio.to_thread(drawn_here, tiny, jobs)
    assert [picture.pixels for picture in drawn] == [picture.pixels for picture in expected]


async def test_pictures_in_flight_on_a_killed_replica_are_drawn_by_the_other(cluster: Cluster):
    cluster.stage.hold("denoise")
    async with engine_of(cluster) as one, engine_of(cluster) as other:
        drawing = [
            asyncio.create_task(engine.render(a_job(seed=seed), Steps()))
            for seed, engine in enumerate((one, other, one, other))
        ]
        await busy_with(one, REPLICAS, 2)
        os.kill(min(cluster.replicas("plain")), signal.SIGKILL)
        cluster.stage.release()
        pictures = await asyncio.gather(*drawing)
        assert [picture.pixels for picture in pictures] == [stripes(a_job(seed=seed)) for seed in range(4)]
        assert "replica was lost" in ((await one.status()).last_error or "")


@pytest.mark.parametrize("phase", ["encode", "denoise", "decode"])
async def test_all_replicas_killed_in_any_phase_lose_no_picture(cluster: Cluster, phase: str):
    cluster.stage.hold(phase)
    async with engine_of(cluster) as one, engine_of(cluster) as other:
        drawing = [
            asyncio.create_task(engine.render(a_job(seed=seed), Steps()))
            for seed, engine in enumerate((one, other, one, other))
        ]
        await busy_with(one, REPLICAS, 2)
        await cluster.stage.reached(phase)
        for replica in cluster.replicas("plain"):
            os.kill(replica, signal.SIGKILL)
        cluster.stage.release()
        pictures = await asyncio.gather(*drawing)
        assert [picture.pixels for picture in pictures] == [stripes(a_job(seed=seed)) for seed in range(4)]


async def test_a_killed_proxy_loses_no_picture(cluster: Cluster):
    async with four_pictures_that_all_come(cluster):
        (proxy,) = cluster.proxies()
        os.kill(proxy, signal.SIGKILL)


async def test_a_killed_ingress_loses_no_picture(cluster: Cluster):
    async with four_pictures_that_all_come(cluster):
        (ingress,) = cluster.replicas("plain", "Ingress")
        os.kill(ingress, signal.SIGKILL)
        await until(lambda: cluster.replicas("plain", "Ingress") - {ingress}, "another ingress")


async def test_a_prompt_that_ends_replicas_is_given_up_and_the_next_one_drawn(cluster: Cluster):
    async with engine_of(cluster) as engine:
        with pytest.raises(Unavailable, match=r"[3-6] replicas of the Ray application ended"):
            await engine.render(a_job("crash"), Steps())
        assert (await engine.render(a_job(), Steps())).pixels == stripes(a_job())


async def test_a_replica_that_stands_still_loses_no_picture(cluster: Cluster):
    async with four_pictures_that_all_come(cluster):
        os.kill(min(cluster.replicas("plain")), signal.SIGSTOP)


async def test_a_lost_gpu_costs_the_replica_and_not_the_picture(cluster: Cluster):
    before = cluster.replicas("plain")
    async with engine_of(cluster) as engine:
        job = a_job("lost once")
        assert (await engine.render(job, Steps())).pixels == stripes(job)
    await until(lambda: len(cluster.replicas("plain")) == REPLICAS, "new replicas")
    assert cluster.replicas("plain") != before


async def test_a_bug_costs_its_picture_and_sends_the_person_to_the_cluster(cluster: Cluster):
    async with engine_of(cluster) as engine:
        with pytest.raises(Failure, match=r"RuntimeError.*on the cluster") as caught:
            await engine.render(a_job("bug"), Steps())
        assert "/home" not in str(caught.value)
        with pytest.raises(NotConfigured, match="set something up first"):
            await engine.render(a_job("unconfigured"), Steps())


async def test_where_no_replica_can_start_callers_learn_it_whenever_they_came(cluster: Cluster):
    cluster.deploy("failing")
    async with engine_of(cluster, "failing") as engine:
        deadline = time.monotonic() + PATIENCE
        while "replicas on Ray" not in engine_words(status := await engine.status()):
            assert time.monotonic() < deadline, engine_words(status)
            await anyio.sleep(0.05)
        assert (status.state, status.model) == ("stuck", None)
        with pytest.raises(Unavailable, match="isn't ready: 0 of"):
            await engine.warm()
        early = [asyncio.create_task(engine.render(a_job(), Steps())) for _ in range(3)]
        for drawing in early:
            with pytest.raises(Unavailable, match="No replica of the Ray application can start"):
                await drawing
        with pytest.raises(Unavailable, match="No replica of the Ray application can start"):
            await engine.render(a_job(), Steps())


async def test_logs_hold_neither_prompts_nor_the_token(cluster: Cluster):
    logs = [path for path in cluster.session.rglob("*") if path.is_file() and "logs" in path.parts]
    assert any("serve" in path.parts for path in logs)
    for path in logs:
        text = path.read_bytes()
        assert SECRET_PROMPT.encode() not in text, path
        assert TOKEN.encode() not in text, path


async def test_a_cluster_that_stops_in_the_middle_is_said_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    cluster.stage.hold("denoise")
    async with engine_of(cluster) as engine:
        drawing = asyncio.create_task(engine.render(a_job(), Steps()))
        await busy_with(engine, 1, 0)
        cluster.kill()
        monkeypatch.setattr(ray_engine, "_AWAY", 1.0)
        with pytest.raises(Unavailable, match=r"lost the image\. Nothing answers"):
            await drawing
        with pytest.raises(Unavailable, match="Nothing answers"):
            await engine.render(a_job(), Steps())


async def test_an_ingress_without_a_token_does_not_open():
    start = "from alya_mcp.images.ray.ingress import Ingress; Ingress(None, 'Replica', 1, 1)"
    for token in ("", "short"):
        environment = {**os.environ, "ALYA_RAY_TOKEN": token}
        ended = await anyio.run_process([sys.executable, "-c", start], check=False, env=environment)
        assert ended.returncode != 0
        assert f"ALYA_RAY_TOKEN has {len(token)} characters; it takes at least 16".encode() in ended.stderr
