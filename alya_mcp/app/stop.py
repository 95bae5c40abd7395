"""The kill switch: stops every call of this state, and resumes them."""

from datetime import UTC, datetime

from alya_mcp.gate import FileSwitch
from alya_mcp.runtime.private_files import private_folder, write_private
from alya_mcp.settings import Settings


def stop_calls(settings: Settings) -> datetime | None:
    """Stop every call of this state and return since when; a second stop keeps the first one's time.

    Raises:
        OSError: the file can't be written, so calls still run.
    """
    if stopped_since(settings) is None:
        private_folder(settings.home)
        write_private(settings.stop_file, b"Every call is denied while this file is here: alya-mcp resume\n")
    return stopped_since(settings)


def resume_calls(settings: Settings) -> bool:
    """Let calls run again; False when they weren't stopped.

    Raises:
        OSError: the file can't be removed, so calls stay stopped.
    """
    try:
        settings.stop_file.unlink()
    except FileNotFoundError:
        return False
    return True


def is_stopped(settings: Settings) -> bool:
    """Whether every call is denied, as long as nobody resumes."""
    return FileSwitch(settings.stop_file).is_stopped()


def stopped_since(settings: Settings) -> datetime | None:
    """When calls were stopped (UTC); None if they aren't, or if that can't be read."""
    since = FileSwitch(settings.stop_file).since()
    return None if since is None else datetime.fromtimestamp(since, UTC)
