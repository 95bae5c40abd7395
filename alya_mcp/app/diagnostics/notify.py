"""Checks of the channels that waiting questions are sent to."""

import shutil
import sys
from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, ok, warn
from alya_mcp.app.diagnostics.words import gate as words
from alya_mcp.settings import Settings


def notify(settings: Settings) -> Iterator[Check]:
    """The channels that are configured; no check if none is. It doesn't try whether they work."""
    if not settings.notify:
        return
    if "desktop" in settings.notify and sys.platform != "darwin" and shutil.which("notify-send") is None:
        yield warn("notify", words.notify_program_missing, program="notify-send", package="libnotify-bin")
    yield ok("notify", words.notify, ways=settings.notify, arguments=settings.notify_arguments)
