"""The worker's side of one connection."""

import asyncio


class Client:
    """One connected server. What is said to it goes out in order, however slowly it reads."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def say(self, frame: bytes) -> None:
        """Send a frame: at once when the client reads, else as soon as it does."""
        if not self._writer.is_closing():
            self._writer.write(frame)
