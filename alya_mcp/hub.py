"""The parts of a server: the gate, and what tools share, made on first use and closed with it."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alya_mcp.gate import Audit, Gate, SqliteState
from alya_mcp.gate.hygiene import clean_text, fit, hidden
from alya_mcp.outside import SOURCES
from alya_mcp.policy import open_policy
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.images.engine import Engine
    from alya_mcp.sources.http import Http
    from alya_mcp.stores import Store
    from alya_mcp.stores.index import Index

LARGEST_RESULT = 900_000
"""Characters of a result's JSON; Claude Desktop refuses more than 1,048,576, attachments included."""

_SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "ALYA_GRANT", "ALYA_RAY_TOKEN"),
    *(variable for source in SOURCES.values() for variable in source.keys),
)


class Hub:
    """What every handler may reach through its context."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.gate = gate
        self.since = datetime.now(UTC)
        self._hide = hidden(
            secrets=[secret for name in _SECRETS if len(secret := os.environ.get(name, "")) >= 8],
            private=[home for home in (str(Path.home()),) if home != os.sep],
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
        from alya_mcp.stores import open_store

        return open_store(self.settings)

    @cached_property
    def index(self) -> "Index":
        """Knows which stored picture answers what was asked before."""
        from alya_mcp.stores.index import Index

        return Index(self.settings.home)

    @cached_property
    def http(self) -> "Http":
        """Asks outside sources."""
        from alya_mcp.sources.http import Http

        return Http(self.settings)

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
        from alya_mcp.stores import resume_links

        await resume_links(self.settings)
        if self.settings.image_warm:
            await self.engine.warm()

    async def aclose(self) -> None:
        """Close what was opened."""
        for name in ("engine", "store", "http"):
            if name in self.__dict__:
                await getattr(self, name).aclose()
        if "index" in self.__dict__:
            self.index.close()
        self.gate.close()


def open_gate(settings: Settings) -> Gate:
    """The gate with the policy, state and audit log that `settings` lead to; nothing is written yet."""
    state = SqliteState(settings.state_file)
    return Gate(open_policy(settings), state=state, audit=Audit(settings.audit_folder, state))
