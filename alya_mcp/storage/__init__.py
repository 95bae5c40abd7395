"""Stores for generated files: an S3 bucket when one is configured, else this machine."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alya_mcp.settings import Settings
    from alya_mcp.storage.store import Store

__all__ = ["open_store", "resume_links"]


def open_store(settings: "Settings") -> "Store":
    """The store that `settings` ask for: S3 when a bucket is configured, else the local one."""
    if settings.s3_bucket is None:
        from alya_mcp.storage.local import LocalStore

        return LocalStore(settings.home)
    from alya_mcp.storage.s3 import S3Store

    return S3Store(settings, settings.s3_bucket)


async def resume_links(settings: "Settings") -> None:
    """Start the store process again if local links are still open and it has ended, say by a reboot.

    To be called once when a server starts, whichever store is configured.

    Raises:
        Failure: links are open and the store process can't be started.
    """
    from alya_mcp.storage.local import LocalStore

    await LocalStore(settings.home).resume()
