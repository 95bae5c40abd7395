"""alya_demand_signals: what people want, in their own words, from the places that answer."""

import anyio
import demand_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, LoopbackSource, Reply
from moved import SECRET, Ask, Clock

from alya_mcp.errors import Unavailable
from alya_mcp.gate import InvalidArguments
from alya_mcp.toolkit.tool import Tool
from alya_mcp.tools.demand.demand_signals import alya_demand_signals as tool

pytestmark = pytest.mark.anyio


async def test_quotes_come_marked_with_their_source_strongest_first(ask: Ask, source: LoopbackSource) -> None:
    answers.script(source)
    answer = await ask(tool, topic="invoicing")
    Draft202012Validator(tool.output_schema).validate(answer)
    found = [(each["quote"]["text"], each["kind"], each["source"]) for each in answer["signals"]]
    assert found == [
        ("I'd pay $20 a month for invoicing that syncs with my bank.", "amount", "Hacker News"),
        ("We pay $50/month for one.", "amount", "Reddit"),
        ("I wish invoicing tools had a decent export to my bank.", "misses", "Hacker News"),
        ("Is there a tool for invoicing in two currencies?", "asks", "Reddit"),
        ("I'm looking for an invoicing app that syncs with my bank.", "asks", "Stack Exchange"),
    ]
    strengths = [each["strength"] for each in answer["signals"]]
    assert strengths == sorted(strengths, reverse=True)
    first = answer["signals"][0]
    assert first["quote"]["untrusted"] is first["title"]["untrusted"] is True
    assert first["quote"]["source"] == first["url"] == "https://news.ycombinator.com/item?id=11"
    assert first["amount"] == "$20 a month"
    assert answer["signals"][4]["title"]["text"] == "Invoicing & reminders"
    assert (answer["total"], answer["postsRead"], answer["complete"]) == (5, 5, True)
    assert answer["themes"][0]["name"] == {
        "untrusted": True,
        "source": "the posts",
        "text": "bank, syncs, freelancers",
    }
    assert answer["themes"][0]["count"] == 3
    assert [each["theme"] for each in answer["signals"]] == [0, None, 0, None, 0]
    assert "somebody_else" not in str(answer)


async def test_every_search_is_told_and_a_cached_one_as_such(ask: Ask, source: LoopbackSource) -> None:
    answers.script(source)
    first, second = await ask(tool, topic="invoicing"), await ask(tool, topic="invoicing", limit=1)
    assert len(source.asked) == 5
    assert [(each["source"], each["query"], each["state"]) for each in first["searches"]] == [
        ("Hacker News", "invoicing", "live"),
        ("Hacker News", "invoicing pay", "live"),
        ("Reddit with a token", "invoicing", "live"),
        ("Reddit with a token", "invoicing pay", "live"),
        ("Stack Exchange", "invoicing", "live"),
    ]
    assert [each["state"] for each in second["searches"]] == ["cached"] * 5
    assert second["signals"] == first["signals"][:1]
    assert (second["total"], second["themes"]) == (first["total"], first["themes"])


async def test_nothing_found_is_an_empty_list_with_what_was_searched(
    ask: Ask, source: LoopbackSource
) -> None:
    source.on(answers.HN, answers.hn(answers.hn_comment(1, "Invoicing is boring.")))
    source.on(answers.REDDIT_OAUTH, answers.reddit())
    source.on(answers.STACK_EXCHANGE, answers.questions())
    answer = await ask(tool, topic="invoicing")
    assert (answer["signals"], answer["themes"], answer["total"], answer["postsRead"]) == ([], [], 0, 1)
    assert [each["posts"] for each in answer["searches"]] == [1, 1, 0, 0, 0]
    assert answer["complete"] is True


async def test_older_posts_are_left_out_and_a_search_that_stops_short_says_so(
    ask: Ask, source: LoopbackSource
) -> None:
    old = answers.hn_comment(1, "I would pay for invoicing.", ago=40 * answers.DAY)
    new = answers.hn_comment(2, "I wish invoicing was free.", ago=answers.DAY)
    source.on(answers.HN, answers.hn(new, old, total=900))
    source.on(answers.REDDIT_OAUTH, answers.reddit())
    source.on(answers.STACK_EXCHANGE, answers.questions())
    month, year = await ask(tool, topic="invoicing", days=30), await ask(tool, topic="invoicing", days=365)
    assert ([each["url"][-1] for each in month["signals"]], month["complete"]) == (["2"], True)
    assert ([each["url"][-1] for each in year["signals"]], year["complete"]) == (["1", "2"], False)
    assert year["searches"][0]["more"] is True
    assert len(source.asked) == 5


async def test_without_one_place_the_others_answer_and_it_is_said(ask: Ask, source: LoopbackSource) -> None:
    answers.script(source)
    source.on(answers.REDDIT_OAUTH, Reply({"message": "Forbidden", "error": 403}, 403))
    answer = await ask(tool, topic="invoicing")
    assert [each["state"] for each in answer["searches"]] == ["live", "live", "failed", "failed", "live"]
    assert "ALYA_REDDIT_TOKEN is wrong or has expired" in answer["searches"][2]["problem"]
    assert SECRET not in str(answer)
    assert (answer["total"], answer["complete"]) == (3, False)


async def test_without_any_a_kept_answer_is_marked_and_then_there_is_none(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    answers.script(source)
    first = await ask(tool, topic="invoicing")
    clock.ahead = 6 * answers.DAY
    source.bad_day = BAD_DAYS["truncated"]
    answer = await ask(tool, topic="invoicing")
    assert [each["state"] for each in answer["searches"]] == ["stale"] * 5
    assert (answer["signals"], answer["complete"]) == (first["signals"], False)
    with pytest.raises(Unavailable, match=r"Hacker.*Reddit.*Stack") as none:
        await ask(tool, topic="gardening")
    assert str(none.value).count("Hacker News") == 1


async def test_fifty_calls_at_once_search_each_place_once(ask: Ask, source: LoopbackSource) -> None:
    answers.script(source)
    source.gate.clear()
    found: list[int] = []

    async def one() -> None:
        found.append((await ask(tool, topic="invoicing"))["total"])

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(one)
        for _ in range(4):
            await anyio.to_thread.run_sync(source.arrived.acquire)
        source.gate.set()
    assert found == [5] * 50
    assert len(source.asked) == 5


async def test_what_a_reader_would_not_see_is_taken_out_of_a_quote(ask: Ask, source: LoopbackSource) -> None:
    answers.script(source)
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
    source.on(answers.HN, answers.hn(answers.hn_comment(1, f"I would pay{hidden} for invoicing\u202e.")))
    answer = await ask(tool, topic="invoicing")
    quotes = [each["quote"]["text"] for each in answer["signals"]]
    assert "I would pay for invoicing." in quotes


@pytest.mark.parametrize("topic", ["", "x", "  ", "?!", "x" * 101])
def test_a_topic_without_words_is_refused(topic: str) -> None:
    assert isinstance(tool, Tool)
    with pytest.raises(InvalidArguments, match="topic"):
        tool.validate({"topic": topic})
