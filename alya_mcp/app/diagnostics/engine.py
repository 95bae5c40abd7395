"""Health of the image engine, without starting anything."""

import time
from typing import TYPE_CHECKING

from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.images.engine import EngineStatus


def engine_status(settings: Settings) -> "EngineStatus":
    """Ask the engine that `settings` name.

    Raises:
        Failure: when they lack what it needs.
    """
    import anyio

    from alya_mcp.images import open_engine

    async def ask() -> "EngineStatus":
        engine = open_engine(settings)
        try:
            return await engine.status()
        finally:
            await engine.aclose()

    return anyio.run(ask)


def words_of(status: "EngineStatus") -> str:
    """State, model, plan, temperature and memory in a line; the last failure is told by `last_error`."""
    parts = [f"{status.state}: {status.detail}"]
    if status.pid is not None:
        parts.append(f"process {status.pid}, {status.model or 'no model'} on {status.device or 'no device'}")
        parts.append(f"connections: {status.clients}, this one included; jobs waiting: {status.waiting}")
    parts += [status.plan] if status.plan else []
    memory = status.memory or {}
    if "gpu_allocated" in memory:
        parts.append(f"holds {memory['gpu_allocated'] / 1e9:.1f} GB of the GPU")
    if "resident" in memory:
        parts.append(f"holds {memory['resident'] / 1e9:.1f} GB of main memory")
    if status.temperature is not None:
        parts.append(f"{status.temperature} degrees Celsius")
    return "; ".join(parts)


def last_error(status: "EngineStatus") -> str | None:
    """The last failure, with its time where that is known."""
    if status.last_error is None:
        return None
    if status.last_error_at is None:
        return status.last_error
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(status.last_error_at))}: {status.last_error}"
