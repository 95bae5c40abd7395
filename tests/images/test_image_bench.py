"""The measurements where the engine fails under them."""

import asyncio
from typing import Any

import pytest
from stage import PATIENCE

from alya_mcp.failures import Unavailable
from alya_mcp.images.bench import measure
from alya_mcp.images.engine import Job, Picture, Progress


class Gone:
    """An engine whose worker is gone before the first step."""

    async def render(self, job: Job, progress: Progress) -> Picture:
        raise Unavailable("The image worker ended unexpectedly")


@pytest.mark.anyio
async def test_a_picture_that_fails_before_it_can_be_cancelled_ends_the_measurement_with_its_reason():
    gone: Any = Gone()
    with pytest.raises(Unavailable, match="ended unexpectedly"):
        await asyncio.wait_for(measure._cancel(gone, 1), PATIENCE)
