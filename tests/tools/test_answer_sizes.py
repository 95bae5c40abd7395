"""No answer is larger than a model can use, however much is asked for and however long the records are.

Each tool with a number of results to choose is asked for the most, in front of sources with long records.
"""

import json
from random import Random
from typing import Any

import demand_answers
import directory_answers
import earth_answers
import goods_answers
import market_answers
import pytest
from loopback_source import Asked, LoopbackSource, Reply
from moved import Ask
from youtube_drafts import CONTENT

from alya_mcp.toolkit.fitting import LARGEST_ANSWER, fitted
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools import load_catalogue
from alya_mcp.tools.youtube.database import YoutubeDatabase
from alya_mcp.tools.youtube.pipeline import Pipeline

pytestmark = pytest.mark.anyio


def words(number: int) -> str:
    """A different wish for each number."""
    return " ".join(Random(number).choices(WISHES, k=20))


WISHES = [
    f"{first}{last}" for first in ("re", "un", "over", "auto") for last in ("pay", "send", "tax", "sync")
]
LONG = "A rather long text about payroll and invoicing that says little. " * 60
CALLS: dict[str, dict[str, Any]] = {
    "agent_registry": {},
    "alya_antiques_undervalued": {"query": "teapot"},
    "alya_app_directory": {"query": "payroll"},
    "alya_demand_signals": {"topic": "invoicing"},
    "alya_iconic_clones": {"query": "a"},
    "alya_seismic_recent": {"hours": 168},
    "polymarket_edge": {},
    "polymarket_signals": {},
    "polymarket_top_traders": {},
    "youtube_list_drafts": {},
}


def listed(number: int) -> dict[str, Any]:
    packages = [{"registryType": "npm", "identifier": LONG[:200], "version": "1"}] * 90
    return directory_answers.server(f"a.b/s{number}", description=LONG, packages=packages)


def registry(asked: Asked) -> Reply:
    first = int(asked.query.get("cursor", "0"))
    end = first + int(asked.query["limit"])
    entries = [listed(number) for number in range(first, end)]
    return Reply(directory_answers.servers(*entries, cursor=str(end)))


def script(source: LoopbackSource) -> None:
    source.on("/v0.1/servers", registry)
    source.on("/v0.1/servers/*", listed(1))
    source.on(goods_answers.TOKEN, goods_answers.token())
    source.on(goods_answers.SEARCH, goods_answers.page(*goods_answers.teapots(200)))
    source.on(goods_answers.RATES, goods_answers.ECB_XML)
    apps = [directory_answers.app(f"Payroll {LONG}"[:200], n, description=LONG) for n in range(200)]
    source.on("/search", directory_answers.itunes(*apps))
    source.on("/v2/snaps/find", directory_answers.snaps())
    wishes = [
        demand_answers.hn_comment(n, f"I would pay ${n + 5} a month for {words(n)} in my invoicing.")
        for n in range(200)
    ]
    source.on(demand_answers.HN, demand_answers.hn(*wishes))
    quakes = [
        earth_answers.usgs_feature(f"us{number}", 4 + number / 100, LONG[:300], lon=number / 2)
        for number in range(300)
    ]
    source.on("/earthquakes*", earth_answers.usgs(*quakes))
    markets = [
        market_answers.market(
            n, f"{n} {LONG[:1900]}", oneDayPriceChange=0.3, slug=f"{n}-{'s' * 100}", description=LONG
        )
        for n in range(100)
    ]
    source.on(market_answers.MARKETS, market_answers.page(*markets))
    source.on(market_answers.QUESTIONS, [])
    source.on(market_answers.BOOK, market_answers.book())
    traders = [market_answers.trader(n, n, 5.0, user_name=LONG[:190]) for n in range(1, 51)]
    source.on(market_answers.BOARD, market_answers.board(*traders))


async def test_every_tool_with_a_limit_is_here() -> None:
    assert set(CALLS) == {n for n, tool in load_catalogue().items() if "limit" in tool.schema["properties"]}


@pytest.mark.parametrize("name", CALLS)
async def test_the_most_of_a_tool_fits_into_one_answer(
    ask: Ask, hub: Hub, source: LoopbackSource, name: str
) -> None:
    script(source)
    database = YoutubeDatabase(hub.settings.home)
    drafts = Pipeline(database, "local")
    for _ in range(100 if name == "youtube_list_drafts" else 0):
        drafts.create(CONTENT.model_copy(update={"topic": LONG[:200]}))
    database.close()
    tool = load_catalogue()[name]
    most = tool.schema["properties"]["limit"]["maximum"]
    data = await ask(tool, limit=most, **CALLS[name])
    sent = fitted(data)
    assert max(len(each) for each in sent.values() if isinstance(each, list)) > (10 if most > 50 else 0)
    assert len(json.dumps(sent, ensure_ascii=False).encode()) <= 1.05 * LARGEST_ANSWER
    for lost, count in sent.get("notShown", {}).items():
        assert len(data[lost]) == len(sent[lost]) + count
        assert data.get("nextCursor") is None, "a page that was cut has to go on where it ended"


async def test_no_agent_is_lost_where_a_page_is_shorter_than_asked_for(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source)
    tool = load_catalogue()["agent_registry"]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = await ask(tool, limit=100, **cursor)
        found += [each["slug"] for each in page["agents"]]
        cursor = {"cursor": page["nextCursor"]}
    assert found == ["alya-mcp", *(f"mcp/a.b/s{number}" for number in range(len(found) - 1))]
    listed = page["agents"][-1]
    assert (listed["shortened"], len(listed["packages"])) == (True, 5)
    (whole,) = (await ask(tool, action="lookup", slug="mcp/a.b/s1"))["agents"]
    assert (whole["shortened"], len(whole["packages"])) == (True, 60)
