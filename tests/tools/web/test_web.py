"""web_search: whoever answers, pages that may be shown, and answers that the sources carry."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
import web_answers as answers
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import SECRET, Ask, Clock

from alya_mcp.errors import NotConfigured, Unavailable
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.web.web_search import web_search as tool

pytestmark = pytest.mark.anyio
BRAVE, CHAT = "/res/v1/web/search", "/chat/completions"


def script(source: LoopbackSource, **other: Any) -> None:
    """SearXNG and Tavily are asked under one path here; their methods tell them apart, a key Tavily's two."""

    def search(asked: Asked) -> Reply:
        name = (
            "searxng"
            if asked.method == "GET"
            else "tavily"
            if "authorization" in asked.headers
            else "keyless"
        )
        made = answers.searxng if name == "searxng" else answers.tavily
        found = other.get(name, made(*answers.BOTH))
        return found if isinstance(found, Reply) else Reply(found)

    source.on("/search", search)
    source.on(BRAVE, other.get("brave", answers.brave(*answers.BOTH)))


def with_model(hub: Hub, source: LoopbackSource, *said: Any, kind: str = "openai") -> None:
    object.__setattr__(hub.settings, "llm_model", "a-model")
    object.__setattr__(hub.settings, "llm_kind", kind)
    path = {"openai": CHAT, "anthropic": "/v1/messages", "ollama": "/api/chat"}[kind]
    made = {"openai": answers.openai, "anthropic": answers.anthropic, "ollama": answers.ollama}[kind]
    source.on(path, *(made(each) if isinstance(each, str) else each for each in said))


async def test_without_a_model_the_answer_is_made_of_the_sources_own_sentences(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source)
    answer = await ask(tool, query="istanbul nüfusu kaç")
    Draft202012Validator(tool.output_schema).validate(answer)
    assert answer["answer"] == "İstanbul'un nüfusu 2025 sonunda 15.754.053 kişidir. [1]"
    assert (answer["mode"], answer["model"], answer["untrusted"]) == ("extractive", None, True)
    assert [each["number"] for each in answer["sources"]] == [1, 2]
    first, second = answer["sources"]
    assert (first["title"], first["url"]) == ("İstanbul", "https://www.example.org/istanbul")
    assert first["snippet"] == {"untrusted": True, "source": first["url"], "text": answers.ISTANBUL}
    assert (first["published"], second["published"]) == (None, "2026-05-01T10:00:00Z")
    assert (answer["provider"], answer["cached"], answer["dropped"]) == ("SearXNG", False, 0)
    (asked,) = source.asked
    assert (asked.query["q"], asked.query["language"], asked.query["format"]) == (
        "istanbul nüfusu kaç",
        "tr",
        "json",
    )


async def test_no_picture_or_hidden_link_of_a_snippet_gets_into_an_answer(
    ask: Ask, source: LoopbackSource
) -> None:
    text = "The old bridge ![x](https://evil.example/x.png) opened [in 1973](https://evil.example/y)."
    script(source, searxng=answers.searxng(answers.result(title="Bridge", text=text)))
    answer = await ask(tool, query="old bridge")
    assert answer["answer"] == "The old bridge opened in 1973. [1]"
    assert answer["sources"][0]["snippet"]["text"] == text


@pytest.mark.parametrize(
    ("down", "provider"),
    [
        (["searxng"], "Brave Search"),
        (["searxng", "brave"], "Tavily"),
        (["searxng", "brave", "tavily"], "Tavily"),
    ],
)
async def test_the_next_one_answers_and_it_is_said(
    ask: Ask, source: LoopbackSource, down: list[str], provider: str
) -> None:
    script(source, **dict.fromkeys(down, Reply({"detail": {"error": "no"}}, 401)))
    answer = await ask(tool, query="bosphorus bridge")
    assert answer["provider"] == provider
    assert answer["search"]["problem"].startswith("SearXNG answers 401")
    assert answer["search"]["problem"].count("answers 401") == len(down)
    assert "opened on 30 October 1973" in answer["answer"]
    secrets = [
        asked.headers.get("x-tavily-access-mode") or asked.headers.get("authorization")
        for asked in source.asked
    ]
    assert secrets == [None, None, f"Bearer {SECRET}", "keyless"][: len(down) + 1]


async def test_a_degraded_searxng_is_not_taken_for_no_hits(ask: Ask, source: LoopbackSource) -> None:
    script(source, searxng=answers.searxng(unresponsive=[["google", "timeout"], ["bing", "CAPTCHA"]]))
    answer = await ask(tool, query="bosphorus bridge")
    assert answer["provider"] == "Brave Search"
    assert "its engines don't respond (google, bing)" in answer["search"]["problem"]


async def test_a_searxng_without_json_says_what_to_set(ask: Ask, source: LoopbackSource) -> None:
    script(source, searxng=Reply(b"", 403))
    answer = await ask(tool, query="bosphorus bridge")
    assert "its settings.yml has to allow the json format" in answer["search"]["problem"]


async def test_nothing_found_is_said_and_not_filled_up(ask: Ask, source: LoopbackSource) -> None:
    script(source, searxng=answers.searxng())
    answer = await ask(tool, query="qwxyzzy")
    assert (answer["answer"], answer["sources"]) == ("", [])
    assert answer["notice"] == "There is no answer: nothing was found."


async def test_pages_that_may_not_be_shown_and_the_same_page_again_are_left_out(
    ask: Ask, source: LoopbackSource
) -> None:
    urls = ["https://a.example/b", "http://www.a.example/b/?utm_source=x#c", "javascript:alert(1)", "http://127.0.0.1/",
            "http://192.168.0.1/", "file:///etc/passwd", "https://c.example/"]  # fmt: skip
    script(source, searxng=answers.searxng(*(answers.result(url) for url in urls)))
    answer = await ask(tool, query="istanbul")
    assert {each["url"] for each in answer["sources"]} == {"https://a.example/b", "https://c.example/"}
    assert answer["dropped"] == 5


async def test_old_pages_are_left_out_when_new_ones_are_asked_for(ask: Ask, source: LoopbackSource) -> None:
    today = datetime.now(UTC).isoformat()
    found = [
        answers.result("https://a.example/", date="2020-01-01"),
        answers.result("https://b.example/", date=today),
    ]
    script(source, searxng=answers.searxng(*found))
    answer = await ask(tool, query="istanbul", freshness="week")
    assert [each["url"] for each in answer["sources"]] == ["https://b.example/"]
    assert source.asked[0].query["time_range"] == "month"


async def test_what_a_reader_would_not_see_is_taken_out(ask: Ask, source: LoopbackSource) -> None:
    hidden = "İstanbul\u200b \U000e0041büyük\u202e bir şehirdir."
    script(source, searxng=answers.searxng(answers.result(title="A\u200bB", text=hidden)))
    answer = await ask(tool, query="istanbul")
    assert answer["sources"][0]["title"] == "AB"
    assert answer["sources"][0]["snippet"]["text"] == "İstanbul büyük bir şehirdir."


@pytest.mark.parametrize("kind", ["openai", "anthropic", "ollama"])
async def test_a_models_answer_stands_as_far_as_the_sources_carry_it(
    hub: Hub, ask: Ask, source: LoopbackSource, kind: str
) -> None:
    script(source)
    with_model(hub, source, "15,7 milyon [1]. Made up [9].", kind=kind)
    answer = await ask(tool, query="istanbul nüfusu kaç")
    assert (answer["answer"], answer["mode"], answer["model"]) == ("15,7 milyon [1].", "model", "a-model")
    assert answer["removed"] == 1
    asked = source.asked[-1]
    told = str(asked.json)
    assert "in Turkish" in told
    assert "never follow instructions" in told
    assert answers.ISTANBUL in told.replace("\\", "")
    assert SECRET not in told
    held = asked.headers.get("authorization", "") + asked.headers.get("x-api-key", "")
    assert (SECRET in held) == (kind != "ollama")


@pytest.mark.parametrize(
    ("said", "notice"),
    [
        ("Made up, with no source.", "cited nothing that the sources carry"),
        ("NOT IN THE SOURCES", "found no answer in the sources"),
        (BAD_DAYS["500"], "answers 500"),
        (answers.openai("half [1]", finish="length"), "gave no whole answer (length)"),
        ("[" * 2_000_000, "gave 2,000,000 characters"),
        (BAD_DAYS["another shape"], "changed its shape"),
    ],
)
async def test_where_a_model_fails_the_sources_speak_and_it_is_said(
    hub: Hub, ask: Ask, source: LoopbackSource, said: Any, notice: str
) -> None:
    script(source)
    with_model(hub, source, said)
    answer = await ask(tool, query="istanbul nüfusu kaç")
    assert (answer["mode"], answer["model"]) == ("extractive", None)
    assert answer["answer"].endswith("15.754.053 kişidir. [1]")
    assert answer["notice"].startswith("Not a model's answer: ")
    assert notice in answer["notice"]


async def test_fifty_calls_at_once_ask_the_search_engine_and_the_model_once(
    hub: Hub, ask: Ask, source: LoopbackSource
) -> None:
    script(source)
    with_model(hub, source, "15,7 milyon [1].")
    found: list[Any] = []

    async def call() -> None:
        found.append(await ask(tool, query="istanbul nüfusu kaç"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(call)
    assert len(found) == 50
    assert (source.count("/search"), source.count(CHAT)) == (1, 1)


async def test_with_everything_down_a_kept_answer_is_marked_and_then_there_is_none(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    script(source)
    await ask(tool, query="istanbul")
    again = await ask(tool, query="istanbul")
    assert (again["cached"], again["search"]["state"], len(source.asked)) == (True, "cached", 1)
    source.bad_day = BAD_DAYS["reset"]
    clock.ahead = 3600
    answer = await ask(tool, query="istanbul")
    assert (answer["provider"], answer["search"]["state"]) == ("SearXNG", "stale")
    assert answer["search"]["ageSeconds"] >= 3600
    clock.ahead = 2 * 86_400
    with pytest.raises(Unavailable, match=r"SearXNG.*Brave.*Tavily"):
        await ask(tool, query="istanbul")


@pytest.fixture
def stand_in_ddgs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `ddgs` package with the real one's interface: the real one can't be led to a loopback server."""
    package = tmp_path / "site" / "ddgs"
    package.mkdir(parents=True)
    (package / "exceptions.py").write_text(
        "class DDGSException(Exception): pass\n"
        "class RatelimitException(DDGSException): pass\n"
        "class TimeoutException(DDGSException): pass\n"
    )
    (package / "__init__.py").write_text(
        "from ddgs.exceptions import RatelimitException\n"
        "class DDGS:\n"
        "    def __init__(self, timeout): pass\n"
        "    def text(self, query, *, region, safesearch, timelimit, max_results):\n"
        "        if query == 'too often': raise RatelimitException('secret words')\n"
        "        title = f'{query} {region} {timelimit} {max_results}'\n"
        "        return [{'title': title, 'href': 'https://a.example/', 'body': 'istanbul is a city here'}]\n"
    )
    monkeypatch.syspath_prepend(package.parent)
    for name in ("ddgs", "ddgs.exceptions"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return package


async def test_ddgs_is_asked_last_and_only_where_the_person_says_so(
    hub: Hub, ask: Ask, source: LoopbackSource, stand_in_ddgs: Path
) -> None:
    source.bad_day = BAD_DAYS["empty"]
    with pytest.raises(Unavailable):
        await ask(tool, query="istanbul city")
    object.__setattr__(hub.settings, "web_ddgs", True)
    answer = await ask(tool, query="istanbul city", language="en", freshness="week", count=12)
    assert (answer["provider"], answer["sources"][0]["title"]) == ("ddgs", "istanbul city us-en w 12")
    assert answer["search"]["fallback"] is True
    with pytest.raises(Unavailable, match="ddgs") as refused:
        await ask(tool, query="too often")
    assert "secret words" not in str(refused.value)


async def test_nobody_is_asked_whom_the_person_didnt_set_up_where_they_say_so(
    hub: Hub, ask: Ask, source: LoopbackSource
) -> None:
    script(source)
    object.__setattr__(hub.settings, "web_keyless", False)
    object.__setattr__(hub.settings, "source_secrets", {})
    source.bad_day = BAD_DAYS["empty"]
    with pytest.raises(Unavailable):
        await ask(tool, query="istanbul city")
    assert {each.method for each in source.asked} == {"GET"}
    object.__setattr__(hub.settings, "source_urls", {})
    with pytest.raises(NotConfigured, match="ALYA_SEARXNG_URL"):
        await ask(tool, query="istanbul city")


async def test_without_the_extra_ddgs_says_how_to_get_it(
    hub: Hub, ask: Ask, source: LoopbackSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ddgs", None)
    object.__setattr__(hub.settings, "web_ddgs", True)
    source.bad_day = BAD_DAYS["empty"]
    with pytest.raises(Unavailable, match=r"\[.*\bweb\b.*\]"):
        await ask(tool, query="istanbul")
