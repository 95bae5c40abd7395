"""Drawings that outlive their server, where the engine keeps them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alya_mcp.images.engine import Engine, Job, OnProgress, Picture


def keeps_drawings(engine: "Engine") -> bool:
    """Whether a drawing of `engine` outlives the server that asked for it."""
    from alya_mcp.images.engine import KeepingEngine

    return isinstance(engine, KeepingEngine)


class KeptRendering:
    """Draws a picture that `engine` may keep under `key`, or `collects` the one of an ended server.

    Afterwards `anew` is true if that was lost and the picture drawn a second time.
    """

    def __init__(self, engine: "Engine", key: str, *, collects: bool) -> None:
        self._engine = engine
        self._key = key
        self._collects = collects
        self.anew = False

    async def render(self, job: "Job", progress: "OnProgress") -> "Picture":
        """The picture of `job`; a lost one is drawn again."""
        from alya_mcp.images.engine import DrawingLost, KeepingEngine

        if not isinstance(self._engine, KeepingEngine):
            return await self._engine.render(job, progress)
        if self._collects:
            try:
                return await self._engine.collect(self._key, job, progress)
            except DrawingLost:
                self.anew = True
        return await self._engine.render(job, progress, key=self._key)
