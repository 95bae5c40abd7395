"""Looks up pictures of earlier calls, and creates new links to them."""

import logging
import time
from typing import TYPE_CHECKING

import anyio

from alya_mcp.errors import Failure
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.images.drawings import Drawn
from alya_mcp.tools.images.making import ASKED, filename_of, heartbeat, milliseconds

if TYPE_CHECKING:
    from alya_mcp.images.engine import Job
    from alya_mcp.storage.store import Stored
    from alya_mcp.tools.images.repeat_index import Known, RepeatIndex, RepeatKey

logger = logging.getLogger(__name__)


async def find_again(question: "RepeatKey", job: "Job", expires_in: int, context: Context) -> Drawn | None:
    """The picture that was drawn for `question` before, with a new link; None if there is none."""
    from alya_mcp.tools.images.repeats import draws_now

    hub, began = context.hub, time.perf_counter()
    known = await anyio.to_thread.run_sync(index_of(context).find, question)
    if known is None:
        return None
    try:
        async with heartbeat(context.progress, "looking for the picture in the store", 0, ASKED):
            if not await draws_now(known.model, job.model, hub.settings, hub.engine):
                return None
            stored = await link_to(known, job.seed, expires_in, context)
    except Failure as failure:
        logger.warning("the link to a picture drawn before failed, so it is drawn again: %s", failure)
        return None
    if stored is None:
        await anyio.to_thread.run_sync(index_of(context).forget, question)
        return None
    timings = {"repeat": milliseconds(began)}
    return Drawn(job=job, known=known, stored=stored, timings=timings, repeated=True)


async def link_to(known: "Known", seed: int, expires_in: int, context: Context) -> "Stored | None":
    """A new link to a stored picture; None if the store no longer has it."""
    suffix = known.key.rpartition(".")[2]
    return await context.hub.store.link(
        known.key, size=known.size, filename=filename_of(seed, suffix), expires_in=expires_in
    )


def index_of(context: Context) -> "RepeatIndex":
    """The index of the server's home."""
    from alya_mcp.tools.images.repeat_index import RepeatIndex

    return context.hub.kept(RepeatIndex, lambda: RepeatIndex(context.hub.settings.home))
