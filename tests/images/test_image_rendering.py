"""A tiny real FluxPipeline through the whole engine (reference: diffusers, measured on such a pipeline)."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import anyio
import numpy as np
import pytest
from raw_client import expect_nothing_running, processes_of
from stage import RENDER_PHASES, SIDE, Stage, Steps, a_job, engine_at

from alya_mcp.errors import Failure, InvalidInput, NotConfigured
from alya_mcp.images import open_engine
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.local import LocalEngine
from alya_mcp.settings import Settings

pytestmark = pytest.mark.anyio


class Studio:
    """One home whose worker stays for all tests here, so that torch is imported once."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.stage = Stage(folder / "stage")
        self.model = model
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._keeper = engine_at(self.home, str(model))
        self._run(self._keeper.warm())

    def _run(self, work) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def close(self) -> None:
        self.stage.release()
        self._run(self._keeper.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def render(self, job: Job, model: Path | str | None = None, steps: Steps | None = None) -> Picture:
        engine = engine_at(self.home, str(model or self.model))
        try:
            return await engine.render(job, Steps() if steps is None else steps)
        finally:
            await engine.aclose()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("studio")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STAGE_FOLDER", str(folder / "stage"))
        patch.setenv("STAGE_RENDERER", "flux")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(folder / "hub"))
        studio = Studio(folder, tiny)
        yield studio
        studio.close()
    expect_nothing_running(studio.home)


def altered(tiny: Path, folder: Path, part: str, values: dict[str, float]) -> Path:
    """A copy of the tiny model in which whole tensors of `part` hold one value."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(tiny, folder)
    (file,) = (folder / part).glob("*.safetensors")
    tensors = load_file(file)
    for name, value in values.items():
        tensors[name].fill_(value)
    save_file(tensors, file, {"format": "pt"})
    return folder


def digest(picture: Picture) -> str:
    return hashlib.sha256(picture.pixels).hexdigest()


async def test_a_picture_is_what_the_pipeline_itself_draws(studio: Studio, tiny: Path):
    import numpy
    import torch
    from diffusers import FluxPipeline

    picture = await studio.render(a_job(seed=11, steps=3))
    pipeline = FluxPipeline.from_pretrained(tiny, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "a red circle",
        width=SIDE,
        height=SIDE,
        num_inference_steps=3,
        guidance_scale=0.0,
        max_sequence_length=256,
        generator=torch.Generator("cpu").manual_seed(11),
        output_type="np",
    ).images[0]
    drawn = numpy.frombuffer(picture.pixels, numpy.uint8).reshape(SIDE, SIDE, 3)
    assert numpy.abs(drawn - expected * 255).max() <= 1


async def test_the_same_seed_draws_the_same_picture_and_another_one_another(studio: Studio):
    first, again = await studio.render(a_job()), await studio.render(a_job())
    assert digest(first) == digest(again)
    assert digest(await studio.render(a_job(seed=8))) != digest(first)
    assert digest(await studio.render(a_job("a blue square"))) != digest(first)


async def test_phases_come_in_order_with_one_report_per_step(studio: Studio):
    steps = Steps()
    await studio.render(a_job(steps=4), steps=steps)
    assert steps.phases() == ["start", "encode", "denoise", "decode", "receive"]
    done = [step.done for step in steps]
    assert done == sorted(set(done))
    assert [step.message for step in steps if step.phase == "denoise" and "of" in step.message] == [
        f"Step {number} of 4" for number in range(1, 5)
    ]


async def test_a_large_picture_is_drawn_whole(studio: Studio):
    picture = await studio.render(Job(prompt="a red circle", seed=1, steps=1))
    assert (picture.width, picture.height, len(picture.pixels)) == (1024, 1024, 1024 * 1024 * 3)


async def test_width_and_height_are_not_mixed_up(studio: Studio):
    picture = await studio.render(Job(prompt="a red circle", seed=1, steps=1, width=128, height=320))
    assert (picture.width, picture.height, len(picture.pixels)) == (128, 320, 128 * 320 * 3)


async def test_a_size_between_the_models_units_is_the_middle_of_the_next_larger(studio: Studio):
    picture = await studio.render(Job(prompt="a red circle", seed=1, steps=1, width=272, height=250))
    larger = await studio.render(Job(prompt="a red circle", seed=1, steps=1, width=288, height=256))
    whole = np.frombuffer(larger.pixels, np.uint8).reshape(256, 288, 3)
    assert picture.pixels == whole[3:253, 8:280].tobytes()


async def test_the_notice_names_the_model_that_is_not_flux(studio: Studio):
    picture = await studio.render(a_job())
    assert picture.model == "tiny"
    assert picture.notice == "Drawn with the model in the local folder 'tiny', not with FLUX.1-schnell"
    assert not picture.truncated


async def test_a_prompt_beyond_the_text_limit_is_drawn_and_reported_as_cut(studio: Studio):
    picture = await studio.render(a_job("red circle on the blue square " * 60))
    assert picture.truncated
    assert picture.notice is not None
    assert "first 256 tokens" in picture.notice


async def test_words_outside_the_models_vocabulary_are_named(studio: Studio, tiny: Path, tmp_path: Path):
    model = altered(tiny, tmp_path / "worded", "vae", {})
    (model / "vocabulary.json").write_text(json.dumps(["red", "circle", "a"]))
    picture = await studio.render(a_job("A red dragon, a red DRAGON and a circle"), model)
    assert picture.ignored == ("dragon", "and")
    assert picture.notice is not None
    assert picture.notice.startswith("Not understood and left out: dragon, and. ")


@pytest.mark.parametrize("prompt", ["a dragon", "lütfen bir ejderha", "a beautiful picture, please", "42"])
async def test_a_prompt_of_which_nothing_can_be_drawn_is_an_error(
    studio: Studio, tiny: Path, tmp_path: Path, prompt: str
):
    model = altered(tiny, tmp_path / "worded", "vae", {})
    (model / "vocabulary.json").write_text(
        json.dumps(["red", "circle", "a", "beautiful", "picture", "please"])
    )
    with pytest.raises(InvalidInput, match="Nothing was drawn"):
        await studio.render(a_job(prompt), model)


@pytest.mark.parametrize("phase", RENDER_PHASES)
async def test_a_cancelled_picture_stops_there_and_the_next_one_is_bit_identical_in(
    studio: Studio, tiny: Path, tmp_path: Path, phase: str
):
    undisturbed = await studio.render(a_job())
    # Loading happens only with another model than the one in memory.
    model = altered(tiny, tmp_path / "other", "vae", {}) if phase == "load" else tiny
    engine = engine_at(studio.home, str(model))
    studio.stage.forget()
    studio.stage.hold(phase)
    async with anyio.create_task_group() as group:
        group.start_soon(engine.render, a_job("unwanted", steps=8), Steps())
        await studio.stage.reached(phase)
        group.cancel_scope.cancel()
    assert (await engine.status()).state == "busy"
    studio.stage.forget()
    studio.stage.release()
    with anyio.fail_after(120):
        while True:
            if (await engine.status()).state == "idle":
                break
            await anyio.sleep(0.01)
    await engine.aclose()
    later = RENDER_PHASES[RENDER_PHASES.index(phase) + 1 :]
    assert not any(studio.stage.was_at(name) for name in later)
    assert digest(await studio.render(a_job())) == digest(undisturbed)


@pytest.mark.slow  # test_picture_end_to_end.py does the same to a worker as it is shipped
async def test_a_worker_killed_while_it_denoises_is_replaced_and_the_picture_is_the_same(
    tiny: Path, tmp_path: Path, studio: Studio, alya_home: Path, monkeypatch: pytest.MonkeyPatch
):
    stage = Stage(tmp_path / "stage")
    monkeypatch.setenv("STAGE_FOLDER", str(stage.folder))
    monkeypatch.setenv("STAGE_RENDERER", "flux")
    engine, pictures = engine_at(alya_home, str(tiny)), list[Picture]()

    async def draw() -> None:
        pictures.append(await engine.render(a_job(), Steps()))

    stage.hold("denoise")
    async with anyio.create_task_group() as group:
        group.start_soon(draw)
        await stage.reached("denoise")
        (worker,) = processes_of(alya_home)
        stage.release()
        os.kill(worker, signal.SIGKILL)
    await engine.aclose()
    assert digest(pictures[0]) == digest(await studio.render(a_job()))


async def test_numbers_that_are_not_finite_in_the_transformer_are_a_failure(
    studio: Studio, tiny: Path, tmp_path: Path
):
    model = altered(tiny, tmp_path / "nan", "transformer", {"proj_out.bias": float("nan")})
    with pytest.raises(Failure, match="NaN"):
        await studio.render(a_job(), model)
    assert (await studio.render(a_job())).model == "tiny"


async def test_numbers_that_are_not_finite_in_the_decoder_are_a_failure(
    studio: Studio, tiny: Path, tmp_path: Path
):
    model = altered(tiny, tmp_path / "nan", "vae", {"decoder.conv_out.bias": float("nan")})
    with pytest.raises(Failure, match=r"decoder computed numbers that aren't finite"):
        await studio.render(a_job(), model)


@pytest.mark.parametrize("level", [-5.0, 0.1, 5.0])
async def test_a_blank_picture_is_a_failure(studio: Studio, tiny: Path, tmp_path: Path, level: float):
    values = {"decoder.conv_out.weight": 0.0, "decoder.conv_out.bias": level}
    model = altered(tiny, tmp_path / "blank", "vae", values)
    with pytest.raises(Failure, match="one flat colour"):
        await studio.render(a_job(), model)


async def test_a_missing_folder_is_told_without_its_path(studio: Studio, tmp_path: Path):
    with pytest.raises(NotConfigured, match="folder that doesn't exist") as raised:
        await studio.render(a_job(), tmp_path / "nowhere")
    assert str(tmp_path) not in str(raised.value)


async def test_a_folder_without_a_pipeline_is_told_with_what_it_takes(studio: Studio, tmp_path: Path):
    with pytest.raises(NotConfigured, match=r"model_index\.json"):
        await studio.render(a_job(), tmp_path)


async def test_a_pipeline_of_another_kind_is_named(studio: Studio, tmp_path: Path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    with pytest.raises(NotConfigured, match="StableDiffusionPipeline"):
        await studio.render(a_job(), tmp_path)


async def test_a_damaged_file_of_a_model_is_a_failure_that_says_so(
    studio: Studio, tiny: Path, tmp_path: Path
):
    model = altered(tiny, tmp_path / "damaged", "vae", {})
    (file,) = (model / "transformer").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(Failure, match="missing or damaged"):
        await studio.render(a_job(), model)


async def test_weights_in_another_form_than_safetensors_are_not_loaded(
    studio: Studio, tiny: Path, tmp_path: Path
):
    import torch
    from safetensors.torch import load_file

    model = altered(tiny, tmp_path / "pickled", "vae", {})
    (file,) = (model / "vae").glob("*.safetensors")
    torch.save(load_file(file), file.with_suffix(".bin"))
    file.unlink()
    with pytest.raises(Failure, match="missing or damaged"):
        await studio.render(a_job(), model)


async def test_a_hub_id_without_network_is_told_at_once(studio: Studio):
    with pytest.raises(NotConfigured, match="HF_HUB_OFFLINE"):
        await studio.render(a_job(), "nobody/nothing")


async def test_flux_on_a_machine_without_gpu_is_refused_with_the_figures(studio: Studio):
    with pytest.raises(NotConfigured, match="34"):
        await studio.render(a_job(), "flux-schnell")


async def test_nonsense_as_a_model_is_told_with_what_it_takes(studio: Studio):
    with pytest.raises(NotConfigured, match="'flux-schnell'"):
        await studio.render(a_job(), "../relative folder")


async def test_a_precision_that_this_version_lacks_is_refused(studio: Studio, tiny: Path):
    engine = LocalEngine(
        Settings(home=studio.home, image_model=str(tiny), image_precision="fp8", image_linger=0)
    )
    with pytest.raises(NotConfigured, match="ALYA_IMAGE_PRECISION"):
        await engine.render(a_job(), Steps())
    await engine.aclose()


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Where whatever looks for a model hub or a proxy would connect."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        for name in ("HF_ENDPOINT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            for each in (name, name.lower()):
                monkeypatch.setenv(each, f"http://127.0.0.1:{outside.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        outside.setblocking(False)
        yield outside


async def test_the_bundled_model_draws_as_it_is_shipped_without_a_network_and_code_of_the_current_folder(
    alya_home: Path, tmp_path: Path, outside: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "somewhere"
    folder.mkdir()
    for module in ("torch", "diffusers", "asyncio", "alya_mcp"):
        (folder / f"{module}.py").write_text("raise SystemExit('code of the current folder ran')")
    monkeypatch.chdir(folder)
    engine, steps = open_engine(Settings(home=alya_home, image_model="sketch", image_linger=0)), Steps()
    picture = await engine.render(Job(prompt="a red circle and a zebra", seed=3, steps=1), steps)
    await engine.aclose()
    assert picture.model == "alya-sketch"
    assert picture.notice is not None
    assert "not by FLUX.1-schnell" in picture.notice
    assert picture.ignored == ("zebra",)
    assert steps.phases() == ["start", "load", "encode", "denoise", "decode", "receive"]
    with pytest.raises(BlockingIOError):
        outside.accept()


async def test_the_worker_writes_nothing_about_prompts_into_its_log(studio: Studio):
    await studio.render(a_job("confidential " * 60))
    assert "confidential" not in (studio.home / "logs" / "image-worker.log").read_text()
