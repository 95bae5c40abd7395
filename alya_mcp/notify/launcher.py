"""Starts the notifier if a question was kept and the user has configured notifications."""

import logging
import os

from alya_mcp.runtime.daemon import spawn
from alya_mcp.runtime.locks import FileLock
from alya_mcp.runtime.private_files import private_folder
from alya_mcp.runtime.python_process import module_command
from alya_mcp.settings import Settings, environment_of

_log = logging.getLogger(__name__)


def notify(settings: Settings) -> None:
    """Start the notifier, unless it runs already; returns at once.

    Trouble is logged: the question waits for `alya-mcp approvals` and the dashboard all the same.
    """
    if not settings.notify:
        return
    try:
        lock = FileLock(private_folder(settings.home / "notify") / "lock")
        if not lock.acquire():
            return
        lock.release()
        environment = environment_of("notifier", os.environ)
        spawn(
            module_command("alya_mcp.notify.main"), settings.home, cwd=settings.home, environment=environment
        )
    except OSError as error:
        _log.warning("a question can't be sent to the user: %s", error.strerror or error)
