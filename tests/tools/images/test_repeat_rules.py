"""When a picture drawn before is what a call asks for: whose it is, what decides it, what draws."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alya_mcp.images.engine import EngineStatus, Job, OnProgress, Picture
from alya_mcp.settings import Settings
from alya_mcp.tools.images.repeat_index import Known, RepeatIndex
from alya_mcp.tools.images.repeats import draws_now, question_of

pytestmark = pytest.mark.anyio

JOB = Job(prompt="a harbour", seed=7, steps=4)
KNOWN = Known(
    key="2026-11-22/a.png", sha256="a", size=1, content_type="image/png", width=1024, height=1024,
    model="alya-sketch", notice=None, preview=b"preview",
)  # fmt: skip


class Loaded:
    """An engine that has `model` in memory, or must not be asked what it has."""

    def __init__(self, model: str | None = None, *, ask: bool = True) -> None:
        self._model, self._ask = model, ask

    async def render(self, job: Job, progress: OnProgress) -> Picture:
        raise AssertionError("nothing is drawn to find out what would draw")

    async def status(self) -> EngineStatus:
        assert self._ask, "asked without need"
        return EngineStatus(state="idle" if self._model else "stopped", model=self._model)

    async def warm(self) -> None:
        raise AssertionError("nothing is loaded to find out what would draw")

    async def aclose(self) -> None: ...


def test_what_one_caller_asked_is_nothing_to_another(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    index = RepeatIndex(tmp_path)
    index.remember(question_of(settings, "alice", JOB, "png"), KNOWN)
    assert index.find(question_of(settings, "bob", JOB, "png")) is None
    assert index.find(question_of(settings, "alice", JOB, "png")) == KNOWN
    index.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"image_model": "sketch"},
        {"image_model": "flux-schnell"},
        {"image_precision": "fp8"},
        {"image_engine": "ray", "ray_url": "http://head:8000"},
        {"s3_bucket": "pictures"},
        {"s3_bucket": "pictures", "s3_prefix": "mine"},
        {"s3_bucket": "pictures", "s3_endpoint_url": "http://127.0.0.1:9000"},
    ],
)
def test_other_settings_make_it_another_question(tmp_path: Path, changes: dict[str, Any]) -> None:
    before = Settings(home=tmp_path)
    after = replace(before, **changes)
    assert question_of(before, "local", JOB, "png") != question_of(after, "local", JOB, "png")


@pytest.mark.parametrize(
    "changes", [{"prompt": "a harbour "}, {"seed": 8}, {"steps": 5}, {"width": 512}, {"height": 512}]
)
def test_another_job_is_another_question(tmp_path: Path, changes: dict[str, Any]) -> None:
    settings = Settings(home=tmp_path)
    other = replace(JOB, **changes)
    assert question_of(settings, "local", JOB, "png") != question_of(settings, "local", other, "png")


def test_other_weights_in_the_same_folder_make_it_another_question(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    settings = Settings(home=tmp_path, image_model=str(folder))
    absent = question_of(settings, "local", JOB, "png")
    (folder / "vae").mkdir(parents=True)
    (folder / "vae" / "weights.safetensors").write_bytes(b"some")
    first = question_of(settings, "local", JOB, "png")
    assert question_of(settings, "local", JOB, "png") == first != absent
    (folder / "vae" / "weights.safetensors").write_bytes(b"other")
    assert question_of(settings, "local", JOB, "png") != first


def test_a_folder_that_cannot_be_looked_into_is_left_to_the_engine_to_refuse(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, image_model=f"/{'too-long-a-name' * 30}")
    assert question_of(settings, "local", JOB, "png")


@pytest.mark.parametrize("asked", ["sketch", "flux-schnell", "/models/mine", "owner/name"])
async def test_a_model_asked_for_by_name_draws(tmp_path: Path, asked: str) -> None:
    settings = Settings(home=tmp_path, image_model=asked)
    assert await draws_now("whatever it is called", None, settings, Loaded(ask=False))


async def test_auto_draws_with_nothing_better_than_flux(tmp_path: Path) -> None:
    assert await draws_now("FLUX.1-schnell", None, Settings(home=tmp_path), Loaded(ask=False))


@pytest.mark.parametrize(
    ("loaded", "draws"), [("alya-sketch", True), ("FLUX.1-schnell", False), (None, False)]
)
async def test_what_auto_fell_back_to_draws_while_it_is_loaded(
    tmp_path: Path, loaded: str | None, draws: bool
) -> None:
    assert await draws_now("alya-sketch", None, Settings(home=tmp_path), Loaded(loaded)) is draws


@pytest.mark.parametrize(
    ("loaded", "draws"), [("FLUX.1-schnell", True), ("alya-sketch", False), (None, False)]
)
async def test_an_engine_elsewhere_is_asked_what_it_draws_with(
    tmp_path: Path, loaded: str | None, draws: bool
) -> None:
    settings = Settings(home=tmp_path, image_engine="ray", image_model="flux-schnell")
    assert await draws_now("FLUX.1-schnell", None, settings, Loaded(loaded)) is draws
