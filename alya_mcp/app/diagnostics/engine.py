"""Checks of the image engine, without starting it."""

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
