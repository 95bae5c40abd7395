"""The tools, in the order in which clients see them: one package per family.

A family holds its handlers, `logic` (pure) and `sources` (its outside services), and imports no other family.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from alya_mcp.toolkit.tool import Tool

CATALOGUE = (
    "alya_mcp.tools.images.image_gen:image_gen",
    "alya_mcp.tools.hub.ask:alya_ask",
    "alya_mcp.tools.directory.agents:agent_registry",
    "alya_mcp.tools.directory.apps:alya_app_directory",
    "alya_mcp.tools.hub.status:alya_usage",
    "alya_mcp.tools.hub.status:alya_status",
    "alya_mcp.tools.web.web_search:web_search",
    "alya_mcp.tools.decisions.calibrate:calibrate_decision",
    "alya_mcp.tools.decisions.accuracy:get_domain_accuracy",
    "alya_mcp.tools.decisions.outcome:record_outcome",
    "alya_mcp.tools.markets.account:alpaca_paper_status",
    "alya_mcp.tools.markets.edge:polymarket_edge",
    "alya_mcp.tools.markets.signals:polymarket_signals",
    "alya_mcp.tools.markets.categorize:polymarket_categorize",
    "alya_mcp.tools.markets.traders:polymarket_top_traders",
    "alya_mcp.tools.earth.recent:alya_seismic_recent",
    "alya_mcp.tools.earth.forecast:alya_seismic_forecast",
    "alya_mcp.tools.earth.weather:alya_weather_now",
    "alya_mcp.tools.health.drug_interactions:alya_drug_interactions",
    "alya_mcp.tools.health.symptom_check:alya_symptom_check",
    "alya_mcp.tools.goods.appraise:alya_gem_appraise",
    "alya_mcp.tools.goods.undervalued:alya_antiques_undervalued",
    "alya_mcp.tools.demand.demand_signals:alya_demand_signals",
    "alya_mcp.tools.clones.catalogue:alya_iconic_clones",
    "alya_mcp.tools.clones.chat:alya_clone_chat",
    "alya_mcp.tools.youtube.opportunities:youtube_find_opportunities",
    "alya_mcp.tools.youtube.generate:youtube_generate_video",
    "alya_mcp.tools.youtube.upload:youtube_upload_video",
    "alya_mcp.tools.youtube.status:youtube_get_pipeline_status",
    "alya_mcp.tools.youtube.status:youtube_get_recommendations",
    "alya_mcp.tools.youtube.configure:youtube_configure_channel",
    "alya_mcp.tools.youtube.listing:youtube_list_drafts",
)
"""Where each tool lives, in the order in which clients see them."""

NAMES = tuple(each.partition(":")[2] for each in CATALOGUE)
"""The tools' names; they are known before their modules are imported."""


OUTLINES: Final = Path(__file__).with_name("outlines.json")


class ToolOutline(NamedTuple):
    """What is known of a tool without its module. `schema` is the JSON Schema of its arguments."""

    name: str
    title: str
    category: str
    risk: str
    price: float
    schema: Mapping[str, Any]


def tool_outlines() -> Mapping[str, ToolOutline]:
    """Every tool by name, from a document of `scripts/first_answers.py`: importing the tools takes 0.3 s."""
    return {each["name"]: ToolOutline(**each) for each in json.loads(OUTLINES.read_text("utf-8"))}


class Catalogue(Mapping[str, "Tool"]):
    """Tools by name, in the order in which clients see them.

    A place, as in `CATALOGUE`, stands for a tool whose module is imported when the tool is first looked at:
    all of them take 0.5 s, one 0.05.
    """

    def __init__(self, tools: "Sequence[Tool | str]") -> None:
        self._tools: dict[str, Tool | str] = {}
        for each in tools:
            name = each.partition(":")[2] if isinstance(each, str) else each.name
            if self._tools.setdefault(name, each) is not each:
                from alya_mcp.toolkit.tool import CatalogueError

                raise CatalogueError(f"two tools have the name {name}")

    def __getitem__(self, name: str) -> "Tool":
        found = self._tools[name]
        if isinstance(found, str):
            found = self._tools[name] = getattr(import_module(found.partition(":")[0]), name)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


def load_catalogue() -> Catalogue:
    """The tools of alya-mcp, each imported when it is needed."""
    return Catalogue(CATALOGUE)
