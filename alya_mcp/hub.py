"""The parts that tools share: made on first use, closed with the server."""

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from alya_mcp.gate import Gate
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.images.engine import Engine
    from alya_mcp.stores import Store


class Hub:
    """What every handler may reach through its context."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.gate = gate
        self.since = datetime.now(UTC)

    @cached_property
    def engine(self) -> "Engine":
        """Turns prompts into pixels."""
        from alya_mcp.images.engine import open_engine

        return open_engine(self.settings)

    @cached_property
    def store(self) -> "Store":
        """Keeps pictures and gives out their addresses."""
        from alya_mcp.stores import open_store

        return open_store(self.settings)

    async def aclose(self) -> None:
        """Close what was opened."""
        for name in ("engine", "store"):
            if name in self.__dict__:
                await getattr(self, name).aclose()
