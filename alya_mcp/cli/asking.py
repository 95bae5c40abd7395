"""Asks the user at the terminal to approve a call."""

import asyncio
import os
import sys
import threading
from contextlib import suppress

import mcp_types as types
from mcp.client import ClientRequestContext

from alya_mcp.cli.output import say
from alya_mcp.cli.progress import ProgressLine
from alya_mcp.server.approvals import accepted

_PROMPT = "Allow it? [y/N] "


class UserAtTheTerminal:
    """Answers a server's elicitation with what the user types; any line but a yes is a no."""

    def __init__(self, progress: ProgressLine) -> None:
        self._progress = progress

    async def __call__(
        self,
        context: ClientRequestContext,  # noqa: ARG002 - the SDK's signature
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        """Show the question and wait for a line that is typed after it."""
        if not isinstance(params, types.ElicitRequestFormParams):
            return types.ElicitResult(action="decline")
        _forget_typed()
        self._progress.show_aside(f"{params.message}\n{_PROMPT}")
        line = await _next_line()
        if not line:
            say("")
            return types.ElicitResult(action="cancel")
        if line.strip().lower() in {b"y", b"yes"}:
            return accepted()
        return types.ElicitResult(action="decline")


def _forget_typed() -> None:
    """Drop what was typed before: it was no answer to this question."""
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios

        termios.tcflush(0, termios.TCIFLUSH)


async def _next_line() -> bytes:
    """The next line that is typed, empty at the end of input. Cancelling it leaves a thread that waits."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[bytes] = loop.create_future()

    def read() -> None:
        try:
            line = os.read(0, 1024)
        except OSError:
            line = b""
        with suppress(RuntimeError):  # the loop has ended, nobody waits any more
            loop.call_soon_threadsafe(lambda: typed.done() or typed.set_result(line))

    threading.Thread(target=read, name="alya-question", daemon=True).start()
    return await typed
