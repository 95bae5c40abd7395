"""Previews of a drawing: they resemble what it becomes, for each family, and cost little."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alya_mcp.images.encode import thumbnail
from alya_mcp.images.engine import MAX_PREVIEW, Job
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.flux.previews import SIDE, Previews
from alya_mcp.images.models import SKETCH_FOLDER
from alya_mcp.images.plan import Plan
from alya_mcp.images.wire.frames import WireError, unpack
from alya_mcp.images.wire.messages import JobStep, pack_answer, read_answer

_PLAN = Plan(precision="fp32", encoder="fp32", needs=0)


def opened(folder: Path) -> Artist:
    return open_artist(load_pipeline(folder, _PLAN, "cpu"), torch.device("cpu"))


def drawn(artist: Artist, job: Job, share: float) -> tuple[dict[int, Any], Any]:
    """The previews by step, and the picture."""
    previews, found = Previews(artist, job, share=share), dict[int, Any]()

    def after(step: int) -> None:
        levels = previews.of(step)
        if levels is not None:
            found[step] = levels.numpy()

    latents = artist.denoise(job, artist.read(job.prompt), after, look=previews)
    return found, artist.pixels(job, latents).numpy()


def alike(one: Any, other: Any) -> float:
    """How far two pictures vary together when both are made small."""
    small = [np.asarray(Image.fromarray(each).resize((16, 16)), dtype=float) for each in (one, other)]
    return float(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1])


def test_a_preview_shows_what_the_picture_will_be_from_the_first_step_on() -> None:
    job = Job(prompt="a large red circle on a blue background", seed=7, steps=3)
    found, picture = drawn(opened(SKETCH_FOLDER), job, share=0.0)
    assert list(found) == [1]
    assert alike(found[1], picture) > 0.7
    jpeg = Image.open(io.BytesIO(thumbnail(found[1], SIDE, MAX_PREVIEW)))
    assert (jpeg.format, jpeg.size) == ("JPEG", (SIDE, SIDE))


@pytest.mark.parametrize("model", ["tiny", "tiny_klein", "tiny_z_image"])
def test_every_family_has_previews_before_the_last_step_and_draws_the_same_picture(
    model: str, request: pytest.FixtureRequest
) -> None:
    artist = opened(request.getfixturevalue(model))
    job = Job(prompt="a red circle", seed=8, steps=3, width=256, height=128)
    found, picture = drawn(artist, job, share=float("inf"))
    # Of a step that is launched before the one before it is done there is none.
    assert list(found) == [1]
    assert found[1].shape == (64, 128, 3)
    assert np.abs(found[1].mean((0, 1)) - picture.mean((0, 1))).max() < 8
    plain = artist.pixels(job, artist.denoise(job, artist.read(job.prompt), lambda _: None)).numpy()
    assert (picture == plain).all()


def test_a_preview_travels_as_the_payload_of_its_step_and_is_bounded() -> None:
    step = JobStep(phase="denoise", at=0.5, until=1.0, message="Step 1 of 2", preview=b"\xff\xd8 small")
    frame = unpack(pack_answer(step, 3))
    assert (frame.payload, "preview" in frame.head) == (step.preview, False)
    assert read_answer(frame) == step
    with pytest.raises(WireError):
        JobStep(phase="denoise", at=0, until=1, message="", preview=bytes(MAX_PREVIEW + 1))
