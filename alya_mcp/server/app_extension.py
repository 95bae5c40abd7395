"""MCP Apps, the protocol's extension for pages beside a tool's answer: its names, and who declares it.

Nothing of the SDK is imported here: the first answers are given before it is there.
"""

from collections.abc import Mapping
from typing import Final, cast

EXTENSION: Final = "io.modelcontextprotocol/ui"
MEDIA_TYPE: Final = "text/html;profile=mcp-app"


def declares_apps(extensions: object) -> bool:
    """Whether a client with these `extensions` among its capabilities shows pages of our media type."""
    settings = _member(extensions, EXTENSION)
    shown = _member(settings, "mimeTypes")
    return isinstance(shown, list) and MEDIA_TYPE in shown


def _member(value: object, name: str) -> object:
    return cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None
