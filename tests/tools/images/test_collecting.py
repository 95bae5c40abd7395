"""Collecting what an earlier call began: nothing new begins, and the call gives what isn't kept."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.gate import Gate, InvalidArguments, Policy
from alya_mcp.images.engine import Job
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context, Validated
from alya_mcp.tools.images.begun import Begun
from alya_mcp.tools.images.drawings import Drawing, Drawings, Drawn, drawings_of
from alya_mcp.tools.images.image_gen import image_gen
from alya_mcp.tools.images.request import ImageRequest

pytestmark = pytest.mark.anyio

GRANT = "local"
ADDRESS = "https://pictures.example/private/a.png?token=secret"


def judged(**arguments: Any) -> tuple[Validated, ImageRequest]:
    validated = image_gen.validate({"prompt": "a red circle", **arguments})
    assert isinstance(validated, Validated)
    assert isinstance(validated.model, ImageRequest)
    return validated, validated.model


def begin(
    drawings: Drawings, arguments: ImageRequest, *, policy: str = "p", begun: Begun | None = None,
    fails: Exception | None = None,
) -> Drawing:  # fmt: skip
    async def draw(_progress: Any, _key: str) -> list[Drawn]:
        if fails is None:
            await anyio.sleep_forever()
        raise fails or AssertionError

    jobs = [Job(prompt=arguments.prompt, seed=7, steps=arguments.steps)]
    return drawings.begin(GRANT, arguments, jobs, draw, done={}, previews={}, policy=policy, begun=begun)


def context_of(hub: Hub) -> Context:
    async def progress(done: float, total: float, message: str) -> None:
        pass

    return Context(
        hub=hub, catalogue={}, session="s", grant=GRANT, progress=progress, abandoned=lambda: False
    )


def hub_at(home: Path) -> tuple[Hub, str]:
    policy = Policy.parse({"version": "1", "default": "allow", "tools": {}})
    return Hub(Settings(home=home), Gate(policy)), policy.digest


async def test_what_another_call_collected_first_is_not_drawn_again_for_free(tmp_path: Path) -> None:
    hub, policy = hub_at(tmp_path)
    drawings = drawings_of(hub)
    arguments, asked = judged(seed=7)
    drawing = begin(drawings, asked, policy=policy)
    drawing.work.left = drawing.paid = True
    assert image_gen.collects(arguments, policy, hub, GRANT) == policy
    drawings.drop(drawing)
    with pytest.raises(Unavailable, match="meanwhile"):
        await image_gen.run(arguments, context_of(hub))
    await hub.aclose()


async def test_a_charged_picture_that_failed_is_drawn_again_for_free_once_and_no_other(
    tmp_path: Path,
) -> None:
    hub, policy = hub_at(tmp_path)
    drawings, context = drawings_of(hub), context_of(hub)
    arguments, asked = judged(seed=7)
    for failure, free in ((InvalidInput("no such subject"), False), (Unavailable("the worker died"), True)):
        drawing = begin(drawings, asked, policy=policy, fails=failure)
        drawings.leave(drawing, paid=True)
        with pytest.raises(type(failure), match=f"{failure}.*for free" if free else f"{failure}$"):
            await image_gen.run(arguments, context)
        assert image_gen.collects(arguments, policy, hub, GRANT) == (policy if free else None)
    with_job = judged(seed=7, job=drawing.id)[0]
    assert image_gen.collects(with_job, policy, hub, GRANT) == policy
    owed = drawings.left_behind(GRANT, asked)
    assert owed is not None
    again = begin(drawings, asked, begun=owed)
    assert (again.id, again.paid) == (drawing.id, True)
    drawings.drop(again)
    with pytest.raises(InvalidArguments, match=again.id):
        image_gen.collects(with_job, policy, hub, GRANT)
    assert image_gen.collects(arguments, policy, hub, GRANT) is None
    await hub.aclose()


async def test_addresses_of_references_are_not_kept_and_have_to_be_given_again_with_the_job(
    tmp_path: Path,
) -> None:
    gone, later = Drawings(tmp_path), Drawings(tmp_path)
    job = begin(gone, judged(references=[ADDRESS], strength=0.5, seed=7)[1]).id
    by_key = begin(gone, judged(references=["images/2026-12-01/a.png"], strength=0.4)[1]).id
    gone.close()
    kept = (tmp_path / "drawings" / "begun.sqlite").read_bytes()
    assert job.encode() in kept
    assert b"pictures.example" not in kept
    assert b"secret" not in kept

    for given in ({}, {"references": [f"{ADDRESS}2"]}):
        with pytest.raises(InvalidInput, match="references"):
            later.left_behind(GRANT, judged(job=job, **given)[1])
    collecting = judged(job=job, references=[ADDRESS])[1]
    found = later.left_behind(GRANT, collecting)
    assert found is not None
    whole = found.completed(collecting)
    assert (whole.references, whole.strength, whole.seed) == ([ADDRESS], 0.5, 7)
    other = judged(job=by_key)[1]
    found = later.left_behind(GRANT, other)
    assert found is not None
    assert found.completed(other).references == ["images/2026-12-01/a.png"]
    later.close()


async def test_a_call_that_fails_before_it_collects_leaves_the_picture_to_the_next(tmp_path: Path) -> None:
    hub, policy = hub_at(tmp_path)
    gone, later = Drawings(tmp_path), drawings_of(hub)
    arguments, asked = judged(references=["images/2026-12-01/gone.png"])
    begin(gone, asked, policy=policy)
    gone.close()
    assert image_gen.collects(arguments, policy, hub, GRANT) == policy
    with pytest.raises(InvalidInput):  # its reference can't be had
        await image_gen.run(arguments, context_of(hub))
    first, second = later.left_behind(GRANT, asked), later.left_behind(GRANT, asked)
    assert first is not None
    drawing = begin(later, asked, begun=first)
    assert (drawing.id, drawing.paid) == (first.id, True)
    with pytest.raises(Unavailable, match="meanwhile"):
        begin(later, asked, begun=second)
    later.drop(drawing)
    await hub.aclose()
