"""Every network tool by `alya-mcp call`: with its sources there, and with them gone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import demand_answers
import directory_answers
import earth_answers
import jsonschema
import loopback_source
import market_answers
import pytest
import web_answers
from loopback_source import Asked, LoopbackSource, Reply
from raw_client import environment

from alya_mcp.settings.providers import SOURCES
from alya_mcp.tools import load_catalogue

APART = ("usgs", "emsc", "gfz", "searxng", "itunes", "open_meteo_geocoding")
"""Sources that are asked under the same paths as others; each has a folder of its own at the one address."""

CALLS = {
    "web_search": ("query=istanbul nüfusu kaç",),
    "alya_ask": ("question=What does polymarket_edge cost?",),
    "agent_registry": (),
    "alya_app_directory": ("query=payroll",),
    "alya_demand_signals": ("topic=invoicing",),
    "alpaca_paper_status": (),
    "polymarket_edge": (),
    "polymarket_signals": (),
    "polymarket_categorize": ("--args", '{"titles": ["Lakers vs. Celtics"]}'),
    "polymarket_top_traders": (),
    "alya_seismic_recent": (),
    "alya_seismic_forecast": ("latitude=37.2", "longitude=37.0"),
    "alya_weather_now": ("city=İstanbul",),
}
NEED_NOBODY = {"alya_ask", "agent_registry", "alpaca_paper_status", "polymarket_categorize"}


def script(source: LoopbackSource) -> None:
    query = "/fdsnws/event/1/query"
    catalogue = earth_answers.fdsn(earth_answers.fdsn_line())

    def usgs(asked: Asked) -> Reply:
        return Reply(catalogue if asked.query["format"] == "text" else earth_answers.usgs())

    source.on("/usgs/earthquakes*", earth_answers.usgs(earth_answers.usgs_feature()))
    source.on(f"/usgs{query}", usgs)
    source.on(f"/emsc{query}", earth_answers.emsc(earth_answers.emsc_feature()))
    source.on(f"/gfz{query}", catalogue)
    source.on("/open_meteo_geocoding/v1/search", earth_answers.places(earth_answers.ISTANBUL))
    source.on("/v1/forecast", earth_answers.open_meteo())
    source.on(market_answers.MARKETS, market_answers.page(market_answers.market(oneDayPriceChange=0.3)))
    source.on(market_answers.QUESTIONS, [])
    source.on(market_answers.BOOK, market_answers.book())
    source.on(market_answers.BOARD, market_answers.board(market_answers.trader(1, 1, 5.0)))
    source.on("/searxng/search", web_answers.searxng(*web_answers.BOTH))
    source.on("/v0.1/servers", directory_answers.servers(directory_answers.server()))
    source.on("/itunes/search", directory_answers.itunes(directory_answers.app()))
    source.on("/v2/snaps/find", directory_answers.snaps(directory_answers.snap()))
    demand_answers.script(source)


def call(home: Path, tool: str, url: str) -> "subprocess.CompletedProcess[str]":
    urls = {f"ALYA_{key.upper()}_URL": f"{url}/{key}" if key in APART else url for key in SOURCES}
    own = {key: value for key, value in urls.items() if key not in {"ALYA_A2A_URL", "ALYA_LLM_URL"}}
    return subprocess.run(
        [sys.executable, "-m", "alya_mcp", "call", tool, *CALLS[tool], "--output", "json"],
        env=environment(home, **own),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_every_tool_answers_with_its_sources_and_says_what_to_do_without(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    assert set(CALLS) < set(catalogue)
    for tool in CALLS:
        with loopback_source.running() as source:
            script(source)
            url = source.url
            ended = call(tmp_path, tool, url)
            assert ended.returncode == 0, (tool, ended.stdout, ended.stderr)
            answer = json.loads(ended.stdout)["structuredContent"]
            jsonschema.validate(answer, catalogue[tool].output_schema)
        gone = call(tmp_path, tool, url)
        assert gone.returncode == 0, (tool, gone.stdout, gone.stderr)
        kept = json.loads(gone.stdout)["structuredContent"]
        assert tool in NEED_NOBODY or _is_marked(kept), (tool, kept)
        alone = call(tmp_path / f"new-{tool}", tool, url)
        if tool not in NEED_NOBODY:
            assert alone.returncode == 1, (tool, alone.stdout, alone.stderr)
            said = json.loads(alone.stdout)["content"][0]["text"]
            assert "again" in said or "online" in said, said
        else:
            assert alone.returncode == 0, (tool, alone.stdout, alone.stderr)


def _is_marked(answer: Any) -> bool:
    """Whether an answer says somewhere that a part of it was kept."""
    if isinstance(answer, dict):
        return answer.get("state") in {"cached", "stale"} or any(map(_is_marked, answer.values()))
    return isinstance(answer, list) and any(map(_is_marked, answer))
