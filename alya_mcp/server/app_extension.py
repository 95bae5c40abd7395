"""MCP Apps, the protocol's extension for pages of tools: its names, and whether a client declares it.

This module doesn't import the SDK, since the first answers are given before it is imported.
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
