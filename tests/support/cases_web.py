"""Search engines and language models, for the tests that every source has to pass."""

from typing import Any

import web_answers as answers
from moved import SECRET
from source_case import SourceCase

from alya_mcp.llm import LanguageModel, Message
from alya_mcp.llm.anthropic import ANTHROPIC, Anthropic
from alya_mcp.llm.ollama import OLLAMA, Ollama
from alya_mcp.llm.openai import OPENAI, OpenAi
from alya_mcp.net.answers import Fetched, made_here
from alya_mcp.net.client import Http
from alya_mcp.tools.web.logic.hits import Hit, SearchQuery
from alya_mcp.tools.web.sources import brave, searxng, tavily

WANTED = SearchQuery(query="istanbul", language="tr", freshness="week")


def are_hits(value: list[Hit]) -> None:
    assert [hit.title for hit in value][:1] == ["İstanbul"] or all(hit.url for hit in value)
    assert all(isinstance(hit, Hit) for hit in value)
    assert value


def is_said(value: str) -> None:
    assert value == "It is so [1]."


async def said(model: LanguageModel, source: Any) -> Fetched[str]:
    return made_here(await model.answer("Be brief.", [Message("user", "Is it?")]), source)


async def ask_searxng(http: Http) -> Any:
    return await searxng.search(http, WANTED)


async def ask_brave(http: Http) -> Any:
    return await brave.search(http, WANTED, key=SECRET)


async def ask_tavily(http: Http) -> Any:
    return await tavily.search(http, WANTED, key=None)


async def ask_openai(http: Http) -> Any:
    return await said(OpenAi(http, "m", SECRET), OPENAI)


async def ask_anthropic(http: Http) -> Any:
    return await said(Anthropic(http, "m", SECRET), ANTHROPIC)


async def ask_ollama(http: Http) -> Any:
    return await said(Ollama(http, "m"), OLLAMA)


def case(name: str, source: Any, ask: Any, answer: dict[str, Any], right: Any, **more: Any) -> SourceCase:
    return SourceCase(name=name, source=source, ask=ask, answers=answer, right=right, live=False, **more)


CASES = [
    case(
        "SearXNG",
        searxng.SEARXNG,
        ask_searxng,
        {"/search": answers.searxng(*answers.BOTH)},
        are_hits,
        records="results",
    ),
    case(
        "Brave",
        brave.BRAVE,
        ask_brave,
        {"/res/v1/web/search": answers.brave(*answers.BOTH)},
        are_hits,
        records="web.results",
    ),
    case(
        "Tavily",
        tavily.TAVILY,
        ask_tavily,
        {"/search": answers.tavily(*answers.BOTH)},
        are_hits,
        kept=False,
        records="results",
    ),
    case(
        "OpenAI",
        OPENAI,
        ask_openai,
        {"/chat/completions": answers.openai("It is so [1].")},
        is_said,
        kept=False,
    ),
    case(
        "Anthropic",
        ANTHROPIC,
        ask_anthropic,
        {"/v1/messages": answers.anthropic("It is so [1].")},
        is_said,
        kept=False,
    ),
    case("Ollama", OLLAMA, ask_ollama, {"/api/chat": answers.ollama("It is so [1].")}, is_said, kept=False),
]
