"""The worker's side of one connection."""

import asyncio
from typing import Final

from alya_mcp.images.worker.log import say

MAX_UNREAD: Final = 256 << 20
"""Bytes that may wait for a client: more than a full queue of the largest pictures, all of them its own."""


class Client:
    """One connected server. What is said to it goes out in order, however slowly it reads; not if never.

    `works` says that it asked for a picture or a model, and didn't only look.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.works = False

    def say(self, frame: bytes) -> None:
        """Send a frame: at once when the client reads, else as soon as it does."""
        if not self._writer.is_closing():
            self._writer.write(frame)
            if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
                say("a client doesn't read what it asked for; it is let go")
                self._writer.transport.abort()
