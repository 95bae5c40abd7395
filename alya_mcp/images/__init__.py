"""Prompt to pixels: what tools call (`engine`), the process that owns the GPU (`worker`), the renderer."""

from alya_mcp.errors import NotConfigured
from alya_mcp.images.engine import Engine
from alya_mcp.settings import Settings


def open_engine(settings: Settings) -> Engine:
    """The engine that `settings` ask for; nothing is started or imported yet.

    Raises:
        NotConfigured: when they lack what it needs.
    """
    if settings.image_engine == "ray":
        if settings.ray_url is None or settings.ray_token is None:
            missing = "ALYA_RAY_URL" if settings.ray_url is None else "ALYA_RAY_TOKEN"
            raise NotConfigured(
                f"ALYA_IMAGE_ENGINE is 'ray', but {missing} is not set. Set ALYA_RAY_URL to the address of "
                "the Ray application, such as http://head:8000, and ALYA_RAY_TOKEN to its token; or set "
                "ALYA_IMAGE_ENGINE to 'local'"
            )
        if not (settings.ray_token.isascii() and settings.ray_token.isprintable()):
            raise NotConfigured(
                "ALYA_RAY_TOKEN holds a character that a request can't carry. Set it, here and on the "
                "cluster, to one of letters, digits, - and _ (docs/scale.md says how to make one)"
            )
        from alya_mcp.images.ray.engine import RayEngine

        return RayEngine(settings.ray_url, settings.ray_token, deadline=settings.image_deadline)
    from alya_mcp.images.local import LocalEngine

    return LocalEngine(settings)
