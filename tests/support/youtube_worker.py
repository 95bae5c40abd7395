"""A process that uploads one draft as a server does: `youtube_worker.py DRAFT`; it writes the answer."""

import json
import sys

import anyio

from alya_mcp.gate import Gate, Policy
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context
from alya_mcp.tools.youtube.upload import youtube_upload_video


async def upload(draft: str) -> None:
    hub = Hub(Settings.from_environment(), Gate(Policy.parse({"version": "1", "default": "allow"})))

    async def progress(done: float, total: float, message: str) -> None:
        pass

    context = Context(
        hub=hub, catalogue={}, session="s", grant="local", progress=progress, abandoned=lambda: False
    )
    try:
        arguments = youtube_upload_video.validate({"tenantVideoId": draft})
        reply = await youtube_upload_video.run(arguments, context)
        sys.stdout.write(json.dumps(reply.data.model_dump(mode="json", by_alias=True)))
    finally:
        await hub.aclose()


if __name__ == "__main__":
    anyio.run(upload, sys.argv[1])
