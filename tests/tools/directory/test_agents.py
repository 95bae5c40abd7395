"""agent_registry: one shape for this hub, A2A agents and the MCP Registry, whichever of them answers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import directory_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import TLS, Ask, Clock, settings_here

from alya_mcp.errors import InvalidInput
from alya_mcp.gate import Gate, Policy
from alya_mcp.net.client import Http
from alya_mcp.net.transport import RetryPolicy
from alya_mcp.settings import Settings, SettingsError
from alya_mcp.settings.providers import agent_card
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.directory.agents import agent_registry as tool

pytestmark = pytest.mark.anyio
SERVERS, CARD = "/v0.1/servers", "/.well-known/agent-card.json"


@pytest.fixture
async def hub(tmp_path: Path, source: LoopbackSource, clock: Clock) -> Any:
    """A hub that knows two A2A agents, one by the address of its card and one by its own."""
    here = settings_here(tmp_path, source)
    agents = (source.url, f"{source.url}/old.json")
    urls = {**here.source_urls, **{agent_card(url).key: url for url in agents}}
    settings = replace(here, a2a_agents=agents, source_urls=urls)
    hub = Hub(settings, Gate(Policy.parse({"version": "1", "default": "allow", "hide": ["alya_usage"]})))
    hub.__dict__["http"] = Http(
        settings, clock=clock, patience=RetryPolicy(first=0.001, longest=0.002), tls=TLS
    )
    yield hub
    await hub.aclose()


def script(source: LoopbackSource, **other: Any) -> None:
    source.on(CARD, other.get("card", answers.CARD_1_0))
    source.on("/old.json", other.get("old", answers.CARD_0_3))
    source.on(SERVERS, other.get("servers", answers.servers(answers.server())))


def slugs(answer: Any) -> list[str]:
    return [each["slug"].replace("127.0.0.1", "here") for each in answer["agents"]]


async def test_agents_of_all_directories_have_one_shape(ask: Ask, source: LoopbackSource) -> None:
    script(source)
    answer = await ask(tool)
    Draft202012Validator(tool.output_schema).validate(answer)
    port = source.server_port
    assert slugs(answer) == [
        "alya-mcp", f"a2a/here:{port}/deprem-uzmani", f"a2a/here:{port}/old-agent",
        "mcp/io.github.someone/weather",
    ]  # fmt: skip
    own, new, old, listed = answer["agents"]
    assert [each["untrusted"] for each in answer["agents"]] == [False, True, True, True]
    assert "image_gen" in [skill["name"] for skill in own["skills"]]
    assert new["endpoints"] == [
        {"url": "https://quakes.example/a2a", "protocol": "A2A, JSONRPC"},
        {"url": "https://quakes.example/rest", "protocol": "A2A, HTTP+JSON"},
    ]
    assert [each["protocol"] for each in old["endpoints"]] == ["A2A, JSONRPC", "A2A, GRPC"]
    assert (listed["endpoints"], listed["packages"], listed["state"]) == (
        [{"url": "https://weather.example/mcp", "protocol": "MCP, streamable-http"}],
        ["npm:@someone/weather@1.2.0"],
        "active",
    )
    assert (answer["complete"], answer["nextCursor"]) == (True, None)
    assert [each["source"] for each in answer["sources"]] == [
        "alya-mcp", f"127.0.0.1:{port}", "MCP Registry",
    ]  # fmt: skip


async def test_hidden_tools_are_not_told_of(ask: Ask, source: LoopbackSource) -> None:
    script(source)
    assert "alya_usage" not in str(await ask(tool))
    with pytest.raises(InvalidInput, match="No agent has the slug"):
        await ask(tool, action="lookup", slug="alya-mcp/alya_usage")


async def test_pages_follow_each_other_without_a_gap(ask: Ask, source: LoopbackSource) -> None:
    def page(asked: Asked) -> Reply:
        number = int(asked.query.get("cursor", "0"))
        entries = [
            answers.server(f"a.b/s{n}") for n in range(number, min(number + int(asked.query["limit"]), 5))
        ]
        after = number + len(entries)
        return Reply(answers.servers(*entries, cursor=str(after) if after < 5 else None))

    script(source, servers=page)
    whole = slugs(await ask(tool, limit=100))
    assert len(whole) == 8
    for limit in (1, 3, 4, 8):
        found: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(10):
            answer = await ask(tool, limit=limit, **cursor)
            assert len(answer["agents"]) <= limit
            found += slugs(answer)
            if answer["nextCursor"] is None:
                break
            cursor = {"cursor": answer["nextCursor"]}
        assert found == whole


@pytest.mark.parametrize("cursor", ["x", "own:-1", "own:1e9", "own:", "9"])
async def test_a_cursor_of_somebody_elses_is_refused(ask: Ask, source: LoopbackSource, cursor: str) -> None:
    script(source)
    with pytest.raises(InvalidInput, match="cursor"):
        await ask(tool, cursor=cursor)


async def test_one_agent_is_looked_up_by_its_slug(ask: Ask, source: LoopbackSource) -> None:
    script(source)
    source.on(f"{SERVERS}/io.github.someone%2Fweather/versions/latest", answers.server())
    for slug in [each["slug"] for each in (await ask(tool))["agents"]] + ["alya-mcp/image_gen"]:
        answer = await ask(tool, action="lookup", slug=slug)
        assert [each["slug"] for each in answer["agents"]] == [slug]


@pytest.mark.parametrize(
    ("slug", "reply"),
    [
        ("nobody", None),
        ("a2a/nobody/x", None),
        ("mcp/no/body", Reply({"error": "Server not found"}, 404)),
        ("mcp/no/body", answers.server("no/body", status="deleted")),
    ],
)
async def test_an_unknown_slug_is_said(ask: Ask, source: LoopbackSource, slug: str, reply: Any) -> None:
    script(source)
    if reply is not None:
        source.on(f"{SERVERS}/*", reply)
    with pytest.raises(InvalidInput, match="No agent has the slug"):
        await ask(tool, action="lookup", slug=slug)


async def test_a_search_finds_the_best_of_every_directory(ask: Ask, source: LoopbackSource) -> None:
    deleted, other = (
        answers.server("a.b/gone", status="deleted"),
        answers.server("c.d/quake-watch", title="Quake watch"),
    )
    script(source, servers=answers.servers(answers.server(), deleted, other))
    answer = await ask(tool, action="search", query="earthquake questions")
    assert slugs(answer)[0].endswith("/deprem-uzmani")
    assert "a.b/gone" not in str(answer)
    searched = [asked.query["search"] for asked in source.asked if asked.path == SERVERS]
    assert sorted(searched) == ["earthquake", "earthquake questions", "questions"]
    drawn = await ask(tool, action="search", query="draw an image from a prompt", limit=1)
    assert slugs(drawn) == ["alya-mcp/image_gen"]
    part = await ask(tool, action="search", query="quake-w")
    assert "mcp/c.d/quake-watch" in slugs(part)


async def test_a_directory_that_fails_is_noted_and_the_others_answer(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, servers=BAD_DAYS["empty"], card=BAD_DAYS["another shape"])
    answer = await ask(tool)
    assert [each["name"] for each in answer["agents"]] == ["alya-mcp", "Old Agent"]
    assert answer["complete"] is False
    problems = [each["problem"] for each in answer["sources"] if each["state"] == "failed"]
    assert "changed its shape" in problems[0]
    assert "MCP Registry answered" in problems[1]
    found = await ask(tool, action="search", query="translate text now")
    assert found["agents"][0]["name"] == "Old Agent"
    assert len([each for each in found["sources"] if each["source"] == "MCP Registry"]) == 1


async def test_a_state_that_nobody_knows_and_an_address_that_is_none_stop_nobody_else(
    ask: Ask, source: LoopbackSource
) -> None:
    broken = [{"url": "https://[x/"}, {"url": "https://me:secret@quakes.example/"}]
    script(
        source,
        servers=answers.servers(answers.server(status="suspended")),
        card={**answers.CARD_1_0, "supportedInterfaces": broken, "documentationUrl": "https://a:b@x.example"},
    )
    answer = await ask(tool)
    assert [each["name"] for each in answer["agents"]] == ["alya-mcp", "Deprem Uzmanı", "Old Agent"]
    assert (answer["agents"][1]["endpoints"], answer["agents"][1]["homepage"]) == ([], None)
    assert "status" in answer["sources"][-1]["problem"]
    assert answer["complete"] is False


async def test_a_record_without_end_is_cut(ask: Ask, source: LoopbackSource) -> None:
    package = {"registryType": "npm", "identifier": "x"}
    remote = {"type": "sse", "url": "https://a.example/sse"}
    script(source, servers=answers.servers(answers.server(packages=[package] * 500, remotes=[remote] * 500)))
    record = (await ask(tool))["agents"][-1]
    assert (len(record["packages"]), len(record["endpoints"]), record["shortened"]) == (5, 5, True)


async def test_invisible_words_of_a_card_are_taken_out(ask: Ask, source: LoopbackSource) -> None:
    script(source, card={**answers.CARD_1_0, "description": "Good\u200b \U000e0049\u202eagent"})
    assert (await ask(tool))["agents"][1]["description"] == "Good agent"


@pytest.mark.parametrize(
    "arguments",
    [{"action": "lookup"}, {"action": "search"}, {"slug": "x"}, {"query": "x"},
     {"action": "search", "query": "x", "cursor": "own:1"}],
)  # fmt: skip
async def test_what_an_action_needs_and_doesnt_take_is_said(
    ask: Ask, source: LoopbackSource, arguments: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match="action"):
        await ask(tool, **arguments)
    assert not source.asked


def test_agents_are_named_in_the_environment(tmp_path: Path) -> None:
    given = {
        "ALYA_HOME": str(tmp_path),
        "ALYA_A2A_AGENTS": "https://a.example, http://127.0.0.1:9/card.json,",
    }
    settings = Settings.from_environment(given)
    assert settings.a2a_agents == ("https://a.example", "http://127.0.0.1:9/card.json")
    assert settings.source_urls["agent:https://a.example"] == "https://a.example"
    assert settings.describe()["ALYA_A2A_AGENTS"] == "https://a.example http://127.0.0.1:9/card.json"
    with pytest.raises(SettingsError, match="ALYA_A2A_AGENTS"):
        Settings.from_environment({**given, "ALYA_A2A_AGENTS": "ftp://a.example"})
