"""The hub: the gate and the services that tools share, created on first use and closed with the server."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

from alya_mcp.gate import Gate, StateError
from alya_mcp.gate.sanitizer import clean_text, fit, hidden
from alya_mcp.runtime.paths import home_folder
from alya_mcp.settings import Settings, secret_words
from alya_mcp.toolkit.caller import Caller

if TYPE_CHECKING:
    from alya_mcp.images.engine import Engine
    from alya_mcp.net.client import Http
    from alya_mcp.storage.store import Store

T = TypeVar("T")

LARGEST_RESULT = 900_000
"""Characters of a result's JSON; Claude Desktop refuses more than 1,048,576, attachments included."""


class Hub:
    """The services that handlers reach through their context."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.gate = gate
        self.since = datetime.now(UTC)
        self._caller = Caller(settings)
        self._kept: dict[type, Any] = {}
        self._hide = hidden(
            secrets=secret_words(),
            private=[str(folder) for folder in (home_folder(), settings.home) if folder and folder.name],
            public=[str(settings.home / "images"), str(settings.home / "youtube" / "drafts")],
        )

    @cached_property
    def engine(self) -> "Engine":
        """The image engine."""
        from alya_mcp.images import open_engine

        return open_engine(self.settings)

    @cached_property
    def store(self) -> "Store":
        """The store of pictures, which signs links to them."""
        from alya_mcp.storage import open_store

        return open_store(self.settings)

    @cached_property
    def http(self) -> "Http":
        """The HTTP client for outside sources."""
        from alya_mcp.net.client import Http

        return Http(self.settings)

    def kept(self, kind: type[T], make: Callable[[], T]) -> T:
        """The server's only instance of `kind`, made at first use and closed with the server."""
        if kind not in self._kept:
            self._kept[kind] = make()
        return cast("T", self._kept[kind])

    def caller(self) -> str | None:
        """The label under which this process's calls are counted and logged; None for an unknown caller.

        A caller whose grant can't be looked up is unknown: the gate then denies the call and says why.
        """
        try:
            return self._caller.label()
        except StateError:
            return None

    def clean(self, result: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """`result` without secrets, private paths and unfit characters, and its JSON text.

        Raises:
            UnfitResult: it is larger than clients accept.
        """
        return fit(result, hide=self._hide, limit=LARGEST_RESULT)

    def clean_text(self, text: str) -> str:
        """`text` without secrets, private paths, lone surrogates and control characters."""
        return clean_text(text, self._hide)

    async def start(self) -> None:
        """Do what shouldn't wait for a call: serve links of earlier sessions, load the model if configured.

        Raises:
            Failure: something couldn't be done; calls still work.
        """
        from alya_mcp.storage import resume_links

        await resume_links(self.settings)
        if self.settings.image_warm:
            await self.engine.warm()

    async def aclose(self) -> None:
        """Close the services that were used."""
        for name in ("engine", "store", "http"):
            if name in self.__dict__:
                await getattr(self, name).aclose()
        for each in self._kept.values():
            each.close()
        self._caller.close()
        self.gate.close()
