"""State that alya_ask keeps between questions: passages, agents and the local model."""

import tomllib
from collections.abc import Iterable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from alya_mcp.net.single_flight import SingleFlight
from alya_mcp.runtime.threads import run_abandonable
from alya_mcp.settings import Settings
from alya_mcp.toolkit.tool import Tool
from alya_mcp.tools.hub.knowledge.classifier import classifier
from alya_mcp.tools.hub.knowledge.index import PassageIndex
from alya_mcp.tools.hub.knowledge.passages import Passage, documentation
from alya_mcp.tools.hub.knowledge.questions import Guide

if TYPE_CHECKING:
    from alya_mcp.llm import LanguageModel


_MOST_GUIDES = 8
"""Kept at once; what callers see differs by policy only."""


class Alya:
    """Made once per server; both are made with the first question that needs them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._flights = SingleFlight()
        self._index: PassageIndex | None = None
        self._guides: dict[frozenset[str], Guide] = {}

    async def index(self, tools: Iterable[Tool]) -> PassageIndex:
        """The documentation and the descriptions of the server's tools, ready to be searched."""
        if self._index is None:
            self._index = await self._flights.join("index", lambda: run_abandonable(partial(_read, tools)))
        return self._index

    async def guide(self, tools: Iterable[Tool]) -> Guide:
        """What answers a question of a caller for whom only `tools` exist."""
        seen = frozenset(each.name for each in tools)
        if seen not in self._guides:
            made = await self._flights.join(seen, lambda: run_abandonable(partial(_guide, seen)))
            while len(self._guides) >= _MOST_GUIDES:
                del self._guides[next(iter(self._guides))]
            self._guides[seen] = made
        return self._guides[seen]

    @cached_property
    def model(self) -> "LanguageModel | None":
        """The model of this machine that ALYA_ASK_MODEL names; None when it names none."""
        if self._settings.ask_model is None:
            return None
        from alya_mcp.llm.local import LocalModel

        return LocalModel(self._settings.ask_model)

    def close(self) -> None:
        """Let go of the index."""
        if self._index is not None:
            self._index.close()


def _read(tools: Iterable[Tool]) -> PassageIndex:
    described = (
        Passage(title=each.title, source=f"the tool {each.name}", text=each.description) for each in tools
    )
    return PassageIndex([*documentation(), *described])


def _guide(tools: frozenset[str]) -> Guide:
    sections = tomllib.loads((Path(__file__).parent / "sections.toml").read_text(encoding="utf-8"))
    return Guide(classifier(), tools, sections)
