"""Checks of the store: the bucket, or this machine and the process that serves links to it."""

import os
from collections.abc import Iterator

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.words import integrations as words
from alya_mcp.settings import Settings, secrets_in_links


def store(settings: Settings) -> Iterator[Check]:
    """Ask the configured store how it is."""
    import anyio

    from alya_mcp.storage import open_store
    from alya_mcp.storage.status import StoreStatus

    async def ask() -> StoreStatus:
        store = open_store(settings)
        try:
            return await store.status()
        finally:
            await store.aclose()

    for variable in secrets_in_links(os.environ):
        yield warn("s3 store", words.secret_in_links, variable=variable)
    kind = "local store" if settings.s3_bucket is None else "s3 store"
    status = anyio.run(ask)
    if status.state == "ok":
        yield ok(kind, words.store, status=status)
    else:
        yield fail(kind, words.store_failing, status=status)
