"""What alya-mcp itself takes for an answer of a live tool: asked for the first time, and kept.

Usage: python scripts/bench/live.py [--rounds N]

The sources are played by a loopback server of the tests, so a first answer costs no journey. Goal: 5 ms of
own work (processor time of this process, its threads included) for a kept answer, handler and structured
content together. The gate in front is measured by gate.py, the server around it by server.py.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/support"))

import demand_answers as demand  # pyright: ignore[reportMissingImports]
import directory_answers  # pyright: ignore[reportMissingImports]
import earth_answers as answers  # pyright: ignore[reportMissingImports]
import loopback_source  # pyright: ignore[reportMissingImports]
import market_answers as markets  # pyright: ignore[reportMissingImports]
import web_answers  # pyright: ignore[reportMissingImports]
from loopback_source import Asked, LoopbackSource, Reply  # pyright: ignore[reportMissingImports]
from moved import Clock, moved_here, settings_here  # pyright: ignore[reportMissingImports]

from alya_mcp.gate import Gate, Policy
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Context, Tool
from alya_mcp.tools import load_catalogue
from alya_mcp.tools.demand.demand_signals import alya_demand_signals
from alya_mcp.tools.directory.agents import agent_registry
from alya_mcp.tools.directory.apps import alya_app_directory
from alya_mcp.tools.earth.forecast import alya_seismic_forecast
from alya_mcp.tools.earth.recent import alya_seismic_recent
from alya_mcp.tools.earth.weather import alya_weather_now
from alya_mcp.tools.hub.ask import alya_ask
from alya_mcp.tools.markets.account import alpaca_paper_status
from alya_mcp.tools.markets.categorize import polymarket_categorize
from alya_mcp.tools.markets.edge import polymarket_edge
from alya_mcp.tools.markets.signals import polymarket_signals
from alya_mcp.tools.markets.traders import polymarket_top_traders
from alya_mcp.tools.web.web_search import web_search

GOAL_MS = 5.0
DAY = 86_400


def script(source: LoopbackSource) -> None:
    """A busy day and a busy week of the world, a sequence under way, 25 years of a catalogue, one city."""
    day = [
        answers.usgs_feature(f"us{n}", mag=2.5 + n % 30 / 10, lat=n % 80, seconds_ago=n * 900)
        for n in range(60)
    ]
    week = [
        answers.usgs_feature(f"us{n}", mag=n % 50 / 10, lat=n % 80, seconds_ago=n * 300) for n in range(2000)
    ]
    source.on("/earthquakes/feed/v1.0/summary/2.5_day.geojson", answers.usgs(*day))
    source.on("/earthquakes/feed/v1.0/summary/all_week.geojson", answers.usgs(*week))
    main = answers.usgs_feature("usmain", mag=7.2, seconds_ago=3 * DAY, lat=37.2, lon=37.0)
    after = [
        answers.usgs_feature(
            f"usa{n}", mag=4.6 + n % 15 / 10, seconds_ago=2 * DAY - n * 300, lat=37.3, lon=37.1
        )
        for n in range(300)
    ]
    lines = [
        answers.fdsn_line(
            f"us{n}", 4.6 + n % 25 / 10, (n + 400) * 3 * DAY, lat=36 + n % 20 / 10, lon=36 + n % 17 / 10
        )
        for n in range(2500)
    ]
    emsc = [
        answers.emsc_feature(f"e{n}", mag=2.5 + n % 30 / 10, lat=n % 80, seconds_ago=n * 900)
        for n in range(300)
    ]

    def query(asked: Asked) -> Reply:
        if "maxradiuskm" in asked.query:
            text = asked.query["format"] == "text"
            return Reply(answers.fdsn(*lines)) if text else Reply(answers.usgs(main, *after))
        return (
            Reply(answers.emsc(*emsc))
            if asked.query["format"] == "json"
            else Reply(answers.fdsn(*lines[:60]))
        )

    source.on("/fdsnws/event/1/query", query)
    source.on("/v1/search", answers.places(answers.ISTANBUL))
    source.on("/weatherapi/locationforecast/2.0/complete", answers.met_norway(hours=90))


def script_markets(source: LoopbackSource) -> None:
    """Three hundred markets, books of forty levels, a thousand questions elsewhere, a leaderboard."""
    pages = [
        markets.page(
            *(
                markets.market(n, f"Will event {n} happen in 2027?", oneDayPriceChange=n % 20 / 100)
                for n in range(page * 100, page * 100 + 100)
            ),
            cursor=str(page + 1),
        )
        for page in range(3)
    ]
    source.on(markets.MARKETS, lambda asked: Reply(pages[int(asked.query.get("after_cursor", "0"))]))
    levels = [(0.48 - n / 100, 500.0) for n in range(40)], [(0.50 + n / 100, 500.0) for n in range(40)]
    source.on(markets.BOOK, markets.book(bids=tuple(levels[0]), asks=tuple(levels[1])))
    source.on(
        markets.QUESTIONS,
        [markets.question(f"Will event {n} happen in 2027?", 0.6) for n in range(0, 9000, 9)],
    )
    source.on(markets.BOARD, markets.board(*(markets.trader(n, n, 1e6 / n) for n in range(1, 51))))
    source.on(markets.ACCOUNT, markets.ALPACA_ACCOUNT)
    source.on(markets.POSITIONS, markets.ALPACA_POSITIONS)
    source.on(markets.CLOCK, markets.ALPACA_CLOCK)


def script_demand(source: LoopbackSource) -> None:
    """Five hundred comments, a tenth of which want something, a hundred posts, a hundred questions."""
    talk = "The import of invoices failed again, and support took a week to say that it was my bank. " * 6
    wishes = "I would pay $", " a month for invoicing that reads letter "
    comments = [
        demand.hn_comment(n, talk + (f"{wishes[0]}{n}{wishes[1]}{n}." if n % 10 == 0 else ""), ago=n * 3600)
        for n in range(500)
    ]
    posts = [
        demand.reddit_post(f"a{n}", f"A tool that does invoicing in town {n}?", talk) for n in range(100)
    ]
    questions = [demand.question(n + 1, f"Invoicing {n}", f"<p>{talk}</p>") for n in range(100)]
    source.on(demand.HN, demand.hn(*comments, total=9000))
    source.on(demand.REDDIT_OAUTH, demand.reddit(*posts))
    source.on(demand.STACK_EXCHANGE, demand.questions(*questions))


def script_web(source: LoopbackSource) -> None:
    """Twenty hits of a search engine, fifty applications of each store, a page of a hundred servers.

    Three sources are asked under one path here; their parameters tell them apart.
    """
    others = source.routes["/search"][0]
    apps = directory_answers.itunes(*(directory_answers.app(f"Payroll {n}", n) for n in range(50)))
    text = f"{web_answers.ISTANBUL} {web_answers.BRIDGE} " * 2
    hits = (web_answers.result(f"https://a{n}.example/", f"Page {n}", text) for n in range(20))
    found = web_answers.searxng(*hits)

    def search(asked: Asked) -> Reply:
        if "entity" in asked.query:
            return Reply(apps)
        if "format" in asked.query:
            return Reply(found)
        return others if isinstance(others, Reply) else others(asked)

    source.on("/search", search)
    servers = (directory_answers.server(f"a.b/s{n}") for n in range(100))
    source.on("/v0.1/servers", directory_answers.servers(*servers))
    snaps = (directory_answers.snap(f"invoice-{n}") for n in range(50))
    source.on("/v2/snaps/find", directory_answers.snaps(*snaps))


CALLS: list[tuple[str, Tool, dict[str, Any]]] = [
    ("alya_seismic_recent, a day", alya_seismic_recent, {"minMagnitude": 2.5}),
    (
        "alya_seismic_recent, a week, all",
        alya_seismic_recent,
        {"hours": 168, "minMagnitude": 0, "limit": 100},
    ),
    (
        "alya_seismic_forecast",
        alya_seismic_forecast,
        {"latitude": 37.2, "longitude": 37.0, "radiusKm": 200},
    ),
    ("alya_weather_now", alya_weather_now, {"city": "Istanbul"}),
    ("web_search, 20 hits", web_search, {"query": "istanbul nüfusu kaç", "count": 20}),
    ("agent_registry, a page of 100", agent_registry, {"limit": 100}),
    ("agent_registry, a search", agent_registry, {"action": "search", "query": "weather of a place"}),
    ("alya_app_directory", alya_app_directory, {"query": "payroll"}),
    ("alya_ask, the documentation", alya_ask, {"question": "how long is the audit log kept"}),
    ("polymarket_edge", polymarket_edge, {}),
    ("polymarket_signals", polymarket_signals, {}),
    ("polymarket_top_traders", polymarket_top_traders, {}),
    (
        "polymarket_categorize, 50 titles",
        polymarket_categorize,
        {"titles": [f"Will event {n} happen in 2027?" for n in range(50)]},
    ),
    ("alpaca_paper_status", alpaca_paper_status, {}),
    ("alya_demand_signals, 700 posts", alya_demand_signals, {"topic": "invoicing", "limit": 20}),
]


async def progress(done: float, total: float, message: str) -> None:
    """Tell nobody."""


async def taken(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of this process's own work."""
    began = time.process_time()
    await call()
    return (time.process_time() - began) * 1000


async def main(rounds: int) -> None:
    """Print a line per call."""
    with loopback_source.running() as source, tempfile.TemporaryDirectory() as folder:
        script(source)
        script_markets(source)
        script_demand(source)
        script_web(source)
        home = Path(folder)
        here = settings_here(home, source)
        urls = {key: url for key, url in here.source_urls.items() if key != "a2a"}  # an agent is never kept
        settings = replace(here, source_urls=urls)
        hub = Hub(settings, Gate(Policy.parse({"version": "1", "default": "allow"})))
        hub.__dict__["http"] = moved_here(home, source, Clock())
        catalogue = load_catalogue()
        context = Context(
            hub=hub,
            catalogue=catalogue,
            session="bench",
            grant="local",
            progress=progress,
            abandoned=lambda: False,
        )
        print(f"{'':34}{'first ms':>10}{'kept p50':>10}{'kept p95':>10}   goal {GOAL_MS:g} ms")
        for name, tool, arguments in CALLS:

            async def call(tool: Tool = tool, arguments: dict[str, Any] = arguments) -> None:
                reply = await tool.run(tool.validate(arguments), context)
                reply.data.model_dump(mode="json", by_alias=True)

            first = await taken(call)
            kept = sorted([await taken(call) for _ in range(rounds)])
            middle, high = statistics.median(kept), kept[int(0.95 * (len(kept) - 1))]
            print(
                f"{name:34}{first:10.1f}{middle:10.2f}{high:10.2f}   {'ok' if middle <= GOAL_MS else 'over'}"
            )
        await hub.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=100)
    anyio.run(main, parser.parse_args().rounds)
