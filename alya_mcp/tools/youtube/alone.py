"""A lock between processes that is waited for without a thread."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from alya_mcp.errors import Unavailable
from alya_mcp.runtime.locks import FileLock
from alya_mcp.runtime.private_files import private_folder

_POLL: Final = 0.05


@asynccontextmanager
async def alone(path: Path) -> AsyncGenerator[None]:
    """Hold the lock file `path`, however long that takes; a killed holder gives it back.

    Raises:
        Unavailable: the file can't be opened.
    """
    lock = FileLock(path)
    try:
        await anyio.to_thread.run_sync(private_folder, path.parent)
        while not lock.acquire():  # noqa: ASYNC110 - the holder is another process
            await anyio.sleep(_POLL)
    except OSError as error:
        raise Unavailable(f"ALYA_HOME/youtube can't be used: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()
