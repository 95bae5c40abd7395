"""Where questions that wait are sent."""

import shutil
import sys
from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, ok, warn
from alya_mcp.settings import Settings


def notify(settings: Settings) -> Iterator[Check]:
    """The ways that are set; nothing where none is, and nobody is asked whether they work."""
    if not settings.notify:
        return
    if "desktop" in settings.notify and sys.platform != "darwin" and shutil.which("notify-send") is None:
        yield warn(
            "notify", "notify-send isn't installed", "Debian and Ubuntu: apt-get install libnotify-bin"
        )
    withheld = "" if settings.notify_arguments else ", without arguments"
    yield ok("notify", f"questions that wait are sent by {', '.join(settings.notify)}{withheld}")
