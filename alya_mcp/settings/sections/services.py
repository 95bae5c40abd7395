"""Outside services and language models; their addresses and keys are in `providers`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from alya_mcp.settings import parsers
from alya_mcp.settings.setting import Setting

ModelKind = Literal["openai", "anthropic", "ollama"]


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Outside services and language models; their addresses and keys are in `providers`."""

    contact: Annotated[
        str | None,
        Setting(
            parse=parsers.contact,
            meaning="an e-mail or web address of yours that outside sources are told; MET Norway is asked "
            "only with it",
            read_by=("notifier",),
        ),
    ] = None
    web_keyless: Annotated[
        bool,
        Setting(
            parse=parsers.flag,
            meaning="`0` keeps `web_search` from asking Tavily without a key where nothing else answered: "
            "searches then go to nobody that you didn't set up",
        ),
    ] = True
    web_ddgs: Annotated[
        bool,
        Setting(
            parse=parsers.flag,
            meaning="`1` lets `web_search` read search engines' pages through the `ddgs` package "
            "(`alya-mcp[web]`) when all else failed; many engines' terms forbid that",
        ),
    ] = False
    llm_model: Annotated[
        str | None,
        Setting(
            meaning="the name of a language model; with one `web_search` and `alya_ask` answer in its "
            "words and `alya_clone_chat` answers at all",
            page="tools/web.md#language-models",
        ),
    ] = None
    llm_kind: Annotated[
        ModelKind,
        Setting(
            parse=parsers.choice(ModelKind),
            meaning="how it is spoken to: `openai` (and everything compatible), `anthropic` or `ollama`",
        ),
    ] = "openai"
    ask_model: Annotated[
        Path | None,
        Setting(
            parse=parsers.path("the absolute path of a folder"),
            meaning="the folder of a transformers model that answers `alya_ask` on this machine's "
            "processor; an absolute path",
        ),
    ] = None
    a2a_agents: Annotated[
        tuple[str, ...],
        Setting(
            parse=parsers.web_addresses("https://a.example/.well-known/agent-card.json"),
            meaning="addresses of A2A agents or of their cards for `agent_registry`, with spaces or commas "
            "between",
        ),
    ] = ()
    youtube_daily_searches: Annotated[
        int,
        Setting(
            parse=parsers.count,
            meaning="the most searches of the YouTube API's quota that are used until midnight Pacific "
            "time; `0` for none",
        ),
    ] = 100
    youtube_daily_uploads: Annotated[
        int, Setting(parse=parsers.count, meaning="the most uploads that are begun, likewise")
    ] = 100
    youtube_daily_units: Annotated[
        int, Setting(parse=parsers.count, meaning="the most other units of the quota, likewise")
    ] = 10_000
