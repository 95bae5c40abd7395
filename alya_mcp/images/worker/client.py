"""The worker's side of one connection."""

import asyncio
from typing import Final

from alya_mcp.images.worker.log import say

MAX_UNREAD: Final = 256 << 20
"""Bytes that may be buffered for a client: more than a full queue of its largest pictures."""


class Client:
    """One connected server.

    Frames are sent in order, buffered for a slow reader up to a limit. `works`: it asked for a picture or a
    model, not only for the status.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.works = False

    def say(self, frame: bytes) -> None:
        """Send a frame, or buffer it until the client reads."""
        if not self._writer.is_closing():
            self._writer.write(frame)
            if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
                say("a client doesn't read what it asked for; it is let go")
                self._writer.transport.abort()
