"""A call that was let pass because it collects begins nothing of its own."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from alya_mcp.errors import Unavailable
from alya_mcp.gate import Gate, Policy
from alya_mcp.images.engine import Job
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context, Validated
from alya_mcp.tools.images.drawings import Drawn, drawings_of
from alya_mcp.tools.images.image_gen import image_gen
from alya_mcp.tools.images.request import ImageRequest

pytestmark = pytest.mark.anyio

GRANT = "local"


async def test_what_another_call_collected_first_is_not_drawn_again_for_free(tmp_path: Path) -> None:
    policy = Policy.parse({"version": "1", "default": "allow", "tools": {}})
    hub = Hub(Settings(home=tmp_path), Gate(policy))
    drawings = drawings_of(hub)
    arguments = image_gen.validate({"prompt": "a red circle", "seed": 7})
    assert isinstance(arguments, Validated)
    asked = arguments.model
    assert isinstance(asked, ImageRequest)

    async def draw(_progress: Any, _key: str) -> list[Drawn]:
        await anyio.sleep_forever()
        raise AssertionError

    async def progress(done: float, total: float, message: str) -> None:
        pass

    drawing = drawings.begin(
        GRANT,
        asked,
        [Job(prompt=asked.prompt, seed=7, steps=asked.steps)],
        draw,
        done={},
        policy=policy.digest,
    )
    drawing.work.left = drawing.paid = True
    assert image_gen.collects(arguments, policy.digest, hub, GRANT) == policy.digest
    drawings.drop(drawing)
    context = Context(
        hub=hub, catalogue={}, session="s", grant=GRANT, progress=progress, abandoned=lambda: False
    )
    with pytest.raises(Unavailable, match="meanwhile"):
        await image_gen.run(arguments, context)
    await hub.aclose()
