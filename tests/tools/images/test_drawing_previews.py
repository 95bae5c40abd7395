"""A picture that is still being drawn is answered with a preview, which is gone with the drawing."""

from pathlib import Path

import anyio
import pytest

from alya_mcp.errors import Unavailable
from alya_mcp.gate import Gate, Policy
from alya_mcp.images.engine import EngineStatus, Job, JobProgress, OnProgress, Picture
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.images.drawings import drawings_of
from alya_mcp.tools.images.image_gen import image_gen

pytestmark = pytest.mark.anyio

PREVIEW = b"\xff\xd8 a small JPEG"


class SlowEngine:
    """Shows a preview, and then draws on until it is let go: nothing comes of it."""

    def __init__(self) -> None:
        self.let_go = anyio.Event()

    async def render(self, job: Job, progress: OnProgress) -> Picture:
        await progress(JobProgress(phase="denoise", done=50, total=100, message="Step 1", preview=PREVIEW))
        await progress(JobProgress(phase="denoise", done=60, total=100, message="Step 1 (2 s)"))
        await self.let_go.wait()
        raise Unavailable(f"nothing came of {job.seed}")

    async def status(self) -> EngineStatus:
        return EngineStatus(state="busy")

    async def warm(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def test_a_call_for_an_unfinished_picture_shows_its_newest_preview(tmp_path: Path) -> None:
    policy = Policy.parse({"version": "1", "default": "allow", "tools": {}})
    hub, engine = Hub(Settings(home=tmp_path), Gate(policy)), SlowEngine()
    hub.engine = engine
    seen: list[tuple[bytes, float]] = []
    preview = b""

    def show(jpeg: bytes) -> None:
        nonlocal preview
        preview = jpeg

    async def progress(done: float, total: float, message: str) -> None:
        seen.append((preview, done / total))

    context = Context(
        hub=hub, catalogue={}, session="s", grant="local", progress=progress, abandoned=lambda: False,
        policy=policy.digest, show=show,
    )  # fmt: skip
    try:
        reply = await image_gen.run(
            image_gen.validate({"prompt": "a red circle", "seed": 7, "wait": 1}), context
        )
        told = reply.data.model_dump()
        assert (told["state"], told["url"]) == ("drawing", None)
        assert "preview" in told["notice"]
        (attachment,) = reply.attachments
        assert (attachment.data, attachment.content_type) == (PREVIEW, "image/jpeg")
        assert [each for each, _ in seen][:2] == [PREVIEW, PREVIEW]
        drawing = drawings_of(hub).get("local", told["job"], "a red circle")
        assert drawing is not None
        engine.let_go.set()
        await drawing.work.over()
        assert (drawing.previews, drawing.preview) == ({}, b"")
    finally:
        engine.let_go.set()
        await hub.aclose()
