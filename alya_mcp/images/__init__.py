"""Prompt to pixels: what tools call (`engine`), the process that owns the GPU (`worker`), the renderer."""

from alya_mcp.failures import NotConfigured
from alya_mcp.images.engine import Engine
from alya_mcp.settings import Settings


def open_engine(settings: Settings) -> Engine:
    """The engine that `settings` ask for; nothing is started or imported yet.

    Raises:
        NotConfigured: when this version can't provide it.
    """
    if settings.image_engine != "local":
        raise NotConfigured(
            f"ALYA_IMAGE_ENGINE is {settings.image_engine!r}, but this version draws on this machine only; "
            "set it to 'local' or leave it out"
        )
    from alya_mcp.images.local import LocalEngine

    return LocalEngine(settings)
