"""The parts of a server: the gate, and what tools share, made on first use and closed with it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alya_mcp.toolkit.caller import Caller
from alya_mcp.gate import Audit, Gate, SqliteState, StateError
from alya_mcp.gate.sanitizer import clean_text, fit, hidden
from alya_mcp.app.policy import open_policy
from alya_mcp.settings import Settings, home_folder, secret_words

if TYPE_CHECKING:
    from alya_mcp.tools.hub.knowledge.library import Alya
    from alya_mcp.images.engine import Engine
    from alya_mcp.net.client import Http
    from alya_mcp.storage.store import Store
    from alya_mcp.tools.images.repeat_index import Index

LARGEST_RESULT = 900_000
"""Characters of a result's JSON; Claude Desktop refuses more than 1,048,576, attachments included."""


class Hub:
    """What every handler may reach through its context."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.gate = gate
        self.since = datetime.now(UTC)
        self._caller = Caller(settings)
        self._hide = hidden(
            secrets=secret_words(),
            private=[str(folder) for folder in (home_folder(), settings.home) if folder and folder.name],
            public=[str(settings.home / "images")],
        )

    @cached_property
    def engine(self) -> "Engine":
        """Turns prompts into pixels."""
        from alya_mcp.images import open_engine

        return open_engine(self.settings)

    @cached_property
    def store(self) -> "Store":
        """Keeps pictures and gives out their addresses."""
        from alya_mcp.storage import open_store

        return open_store(self.settings)

    @cached_property
    def index(self) -> "Index":
        """Knows which stored picture answers what was asked before."""
        from alya_mcp.tools.images.repeat_index import Index

        return Index(self.settings.home)

    @cached_property
    def http(self) -> "Http":
        """Asks outside sources."""
        from alya_mcp.net.client import Http

        return Http(self.settings)

    @cached_property
    def alya(self) -> "Alya":
        """Answers questions about this hub."""
        from alya_mcp.tools.hub.knowledge.library import Alya

        return Alya(self.settings)

    def caller(self) -> str | None:
        """The label under which this process's calls are counted and logged; None for one that nobody knows.

        Nobody knows a caller whose grant can't be looked up: the gate then denies the call and says why.
        """
        try:
            return self._caller.label()
        except StateError:
            return None

    def clean(self, result: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """`result` without secrets, private paths and unfit characters, and its JSON text.

        Raises:
            UnfitResult: when it is larger than a client takes.
        """
        return fit(result, hide=self._hide, limit=LARGEST_RESULT)

    def clean_text(self, text: str) -> str:
        """`text` without secrets, private paths, lone surrogates and control characters."""
        return clean_text(text, self._hide)

    async def start(self) -> None:
        """Do what needn't wait for a call: open links of earlier sessions, load the model if asked to.

        Raises:
            Failure: saying what couldn't be done; calls still work.
        """
        from alya_mcp.storage import resume_links

        await resume_links(self.settings)
        if self.settings.image_warm:
            await self.engine.warm()

    async def aclose(self) -> None:
        """Close what was opened."""
        for name in ("engine", "store", "http"):
            if name in self.__dict__:
                await getattr(self, name).aclose()
        for name in ("index", "alya"):
            if name in self.__dict__:
                getattr(self, name).close()
        self._caller.close()
        self.gate.close()


def open_gate(settings: Settings) -> Gate:
    """The gate with the policy, state and audit log that `settings` lead to; nothing is written yet."""
    state = SqliteState(settings.state_file)
    audit = Audit(settings.audit_folder, state, keep_days=settings.audit_keep_days)
    return Gate(open_policy(settings), state=state, audit=audit)
