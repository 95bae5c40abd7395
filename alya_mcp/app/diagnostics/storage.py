"""Where pictures go: the bucket, or this machine and the process that serves links to it."""

from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, fail, ok
from alya_mcp.settings import Settings


def store(settings: Settings) -> Iterator[Check]:
    """Ask the configured store how it is."""
    import anyio

    from alya_mcp.storage import open_store
    from alya_mcp.storage.store import StoreStatus

    async def ask() -> StoreStatus:
        store = open_store(settings)
        try:
            return await store.status()
        finally:
            await store.aclose()

    kind = "local store" if settings.s3_bucket is None else "s3 store"
    status = anyio.run(ask)
    if status.state == "ok":
        yield ok(kind, status.detail)
    else:
        yield fail(kind, status.detail, "Mend what that names; docs/storage.md explains each error.")
