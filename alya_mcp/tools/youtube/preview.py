"""Links to a draft's preview: into the store of pictures once, and a fresh link at every call."""

from functools import partial

import anyio.to_thread

from alya_mcp.errors import Unavailable
from alya_mcp.storage.store import Upload, image_key
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.youtube.drafts import Draft, DraftFile
from alya_mcp.tools.youtube.pipeline import Pipeline

EXPIRES_IN = 86_400
"""Seconds that a link to a preview opens."""


async def preview_link(context: Context, pipeline: Pipeline, draft: Draft, file: DraftFile) -> str:
    """A link to the preview `file` of the draft, which opens for a day.

    Raises:
        Failure: the file is gone, or the store can't take or link it; the text says why.
    """
    store = context.hub.store
    filename = f"preview-{draft.id[:8]}.mp4"
    if file.key is not None:
        stored = await store.link(file.key, size=file.size, filename=filename, expires_in=EXPIRES_IN)
        if stored is not None:
            return stored.url
    try:
        data = await anyio.to_thread.run_sync(file.path.read_bytes)
    except OSError:
        raise Unavailable(
            f"The preview of the draft {draft.id} is no longer on this machine; youtube_generate_video makes "
            "a new draft."
        ) from None
    key = image_key(file.sha256, "mp4", draft.created_at.date())
    upload = Upload(data=data, key=key, content_type="video/mp4", filename=filename)
    stored = await store.put(upload, expires_in=EXPIRES_IN)
    await anyio.to_thread.run_sync(partial(pipeline.keep_link, draft.id, "preview", stored.key))
    return stored.url
