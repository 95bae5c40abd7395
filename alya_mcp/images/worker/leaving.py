"""Asks a running image worker to finish its pictures and end, before its environment is changed."""

import asyncio
from pathlib import Path
from typing import Final

from alya_mcp.errors import Unavailable
from alya_mcp.images.wire.messages import LeaveRequest
from alya_mcp.images.worker.greeting import RefusedError
from alya_mcp.images.worker.launcher import Launcher
from alya_mcp.runtime.daemon import runs

_ANSWER: Final = 20.0
_POLL: Final = 0.1


async def send_away(home: Path, patience: float) -> None:
    """Make the worker of `home`, if one runs, end within `patience` seconds.

    Raises:
        Unavailable: it still runs.
    """
    launcher = Launcher(home, None)
    address = launcher.run_folder.read_address()
    try:
        connection = await launcher.find(_ANSWER)
    except RefusedError:
        connection = None  # it leaves by itself
    if connection is not None:
        connection.tell(LeaveRequest())
        await connection.close()
    deadline = asyncio.get_running_loop().time() + patience
    while address is not None and runs(address.pid):
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable(
                f"The image worker (process {address.pid}) still runs after {patience:.0f} s. Try again when "
                "its pictures are finished, or end that process"
            )
        await asyncio.sleep(_POLL)
