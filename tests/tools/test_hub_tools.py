"""The catalogue is the hub's: names, parameters, category, risk and price of its 32 tools."""

from pathlib import Path
from typing import NamedTuple

import pytest

from alya_mcp.gate import Gate, Policy
from alya_mcp.settings import Settings
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context, Tool
from alya_mcp.tools import CATALOGUE, NAMES, Catalogue, load_catalogue
from alya_mcp.tools.hub.status import alya_status, alya_usage

pytestmark = pytest.mark.anyio


class Published(NamedTuple):
    """A tool as the hub publishes it; a parameter that ends in `*` is required."""

    category: str
    risk: str
    price: float
    parameters: str = ""


HUB = {
    "image_gen": Published("Read", "Low", 0.001, "prompt* seed steps format expiresIn"),
    "alya_ask": Published("Read", "Low", 0.001, "question*"),
    "agent_registry": Published("Read", "Low", 0.001, "action slug query limit cursor"),
    "alya_app_directory": Published("Read", "Low", 0.001, "query category limit"),
    "alya_usage": Published("Read", "Low", 0, "window tool"),
    "alya_status": Published("Read", "Low", 0),
    "web_search": Published("Read", "Low", 0.001, "query* count language freshness"),
    "calibrate_decision": Published("Read", "Low", 0.001, "domain* statement* confidence* odds"),
    "get_domain_accuracy": Published("Read", "Low", 0.001, "domain*"),
    "record_outcome": Published("Write", "Low", 0.001, "callId* outcome* note"),
    "alpaca_paper_status": Published("Read", "Low", 0.001),
    "polymarket_edge": Published("Read", "Medium", 0.50, "limit"),
    "polymarket_signals": Published("Read", "Low", 0.001, "limit minVolume24h kind"),
    "polymarket_categorize": Published("Read", "Low", 0.001, "titles*"),
    "polymarket_top_traders": Published("Read", "Low", 0.001, "limit window"),
    "alya_seismic_recent": Published("Read", "Low", 0.001, "hours limit minMagnitude"),
    "alya_seismic_forecast": Published(
        "Read", "Medium", 0.001, "latitude* longitude* radiusKm hours minMagnitude"
    ),
    "alya_weather_now": Published("Read", "Low", 0.001, "city*"),
    "alya_drug_interactions": Published("Read", "High", 0.05, "drugs*"),
    "alya_symptom_check": Published("Read", "High", 0.10, "complaint* age sex answers sessionId"),
    "alya_gem_appraise": Published("Read", "Medium", 0.10, "gemId*"),
    "alya_antiques_undervalued": Published("Read", "Low", 0.001, "query* limit maxPriceUsd"),
    "alya_demand_signals": Published("Read", "Low", 0.001, "topic* days limit"),
    "alya_iconic_clones": Published("Read", "Low", 0.001, "limit category"),
    "alya_clone_chat": Published("Read", "Low", 0.001, "clone* message* sessionId"),
    "youtube_find_opportunities": Published("Read", "Low", 0.001, "count locale"),
    "youtube_generate_video": Published("Write", "Low", 0.001, "topic* titleHint durationSec"),
    "youtube_upload_video": Published("Write", "High", 0.001, "tenantVideoId* publish"),
    "youtube_get_pipeline_status": Published("Read", "Low", 0.001),
    "youtube_get_recommendations": Published("Read", "Low", 0.001),
    "youtube_configure_channel": Published(
        "Write", "Medium", 0.001, "nicheKeywords brandVoice language cadencePerWeek"
    ),
    "youtube_list_drafts": Published("Read", "Low", 0, "state limit cursor"),
}


def test_the_catalogue_holds_the_hubs_32_tools_in_its_order() -> None:
    assert len(HUB) == 32
    assert list(HUB) == list(NAMES)


@pytest.mark.parametrize("name", HUB)
def test_a_tool_is_as_the_hub_publishes_it(name: str) -> None:
    tool, hub = load_catalogue()[name], HUB[name]
    assert (tool.category, tool.risk, tool.price) == hub[:3]
    wanted = hub.parameters.split()
    properties = set(tool.schema.get("properties", {}))
    assert {parameter.rstrip("*") for parameter in wanted} <= properties
    required = {parameter.rstrip("*") for parameter in wanted if parameter.endswith("*")}
    assert set(tool.schema.get("required", [])) == required


async def test_usage_and_status_import_no_other_tool(tmp_path: Path) -> None:
    looked_at: list[str] = []

    class Noting(Catalogue):
        def __getitem__(self, name: str) -> Tool:
            looked_at.append(name)
            return super().__getitem__(name)

    async def progress(done: float, total: float, message: str) -> None:
        pass

    hub = Hub(Settings(home=tmp_path), Gate(Policy.parse({"version": "1", "default": "allow"})))
    context = Context(
        hub=hub,
        catalogue=Noting(CATALOGUE),
        session="s",
        grant="",
        progress=progress,
        abandoned=lambda: False,
    )
    for tool in (alya_usage, alya_status):
        await tool.run(tool.validate({}), context)
    await hub.aclose()
    assert looked_at == []
