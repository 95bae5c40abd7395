"""alya_iconic_clones and alya_clone_chat: facts with sources, and a simulation that says it is one."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import web_answers
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Ask

from alya_mcp.errors import InvalidInput, NotConfigured, Unavailable
from alya_mcp.gate import InvalidArguments
from alya_mcp.llm import Message
from alya_mcp.toolkit.services import Hub
from alya_mcp.tools.clones.catalogue import alya_iconic_clones
from alya_mcp.tools.clones.chat import alya_clone_chat
from alya_mcp.tools.clones.conversations import KEPT, Conversations
from alya_mcp.tools.clones.logic.figures import Figure, category_of, named
from alya_mcp.tools.clones.logic.quotations import unverified
from alya_mcp.tools.clones.people import figures, people

pytestmark = pytest.mark.anyio
CHAT = "/chat/completions"
QUOTES = re.compile('["\u201c\u201d\u201e\u00ab\u00bb]')


def test_every_figure_has_facts_and_sources_and_no_quotation() -> None:
    found = figures()
    assert len(found) >= 100
    assert len(Counter(figure.category for figure in found)) == 8
    assert min(Counter(figure.category for figure in found).values()) >= 10
    assert len({figure.slug for figure in found}) == len(found)
    taken = Counter(name for figure in found for name in figure.names)
    assert max(taken.values()) == 1, taken.most_common(3)
    for figure in found:
        texts = (figure.bio, figure.personality or "", *figure.known_for, *figure.facts)
        assert all(texts), figure.name
        assert len(figure.facts) >= 3, figure.name
        assert not QUOTES.search(" ".join(texts)), figure.name
        assert all(urlsplit(source.url).scheme == "https" for source in figure.sources), figure.name
        assert all(source.title for source in figure.sources)
        assert figure.born is not None
        assert figure.died is not None
        assert figure.born < figure.died <= 2020, figure.name


def test_pantheons_people_are_read_and_never_twice_with_our_own() -> None:
    found = people()
    assert 11_000 < len(found) < 11_341
    assert found[0].born is not None
    own = {name for figure in figures() for name in figure.names}
    assert not any(own & person.names for person in found)
    assert all(person.sources and not person.chat and person.quality <= 0.3 for person in found)
    known = {person.category for person in found}
    assert {"stage", "sport", "leadership", "other"} <= known
    assert (category_of("physicist"), category_of("pirate")) == ("science", "other")


async def test_the_catalogue_is_listed_page_by_page(ask: Ask) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = await ask(alya_iconic_clones, limit=50, **({"cursor": cursor} if cursor else {}))
        seen += [each["slug"] for each in page["figures"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == page["total"] == len(figures())
    music = await ask(alya_iconic_clones, category="music")
    assert {each["category"] for each in music["figures"]} == {"music"}
    assert music["nextCursor"] is None
    curie = next(each for each in (await ask(alya_iconic_clones))["figures"] if each["slug"] == "marie-curie")
    assert (curie["era"], curie["chat"], curie["qualityScore"]) == ("1867 to 1934", True, 1.0)
    assert curie["sources"][0] == {
        "title": "Wikipedia: Marie Curie",
        "url": "https://en.wikipedia.org/wiki/Marie_Curie",
    }


async def test_a_query_searches_our_figures_first_and_then_pantheon(ask: Ask) -> None:
    page = await ask(alya_iconic_clones, query="physicist germany", limit=10)
    assert page["total"] > 20
    assert any(each["name"] == "Max Planck" for each in page["figures"])
    turk = await ask(alya_iconic_clones, query="ATATURK")
    assert turk["figures"][0]["slug"] == "mustafa-kemal-ataturk"
    picasso = (await ask(alya_iconic_clones, query="picasso", category="art"))["figures"][0]
    assert (picasso["chat"], picasso["personality"], picasso["facts"]) == (False, None, [])
    assert picasso["era"] == "born 1881"
    assert picasso["sources"][0]["url"].startswith("https://en.wikipedia.org/?curid=")
    assert (await ask(alya_iconic_clones, query="\u4f60\u597d"))["figures"] == []
    assert (await ask(alya_iconic_clones, query="'; DROP TABLE x; --"))["total"] == 0
    assert (await ask(alya_iconic_clones, category="sport", limit=1))["total"] > 1000


async def test_a_cursor_of_another_list_is_refused(ask: Ask) -> None:
    cursor = (await ask(alya_iconic_clones, limit=5))["nextCursor"]
    for wrong in (cursor, "5", "x", "-1-00000000"):
        with pytest.raises(InvalidInput, match="cursor"):
            await ask(alya_iconic_clones, cursor=wrong, category="art")
    for odd in ({"limit": 0}, {"limit": 51}, {"category": "cooks"}, {"query": "x" * 201}):
        with pytest.raises(InvalidArguments):
            await ask(alya_iconic_clones, **odd)


def test_eras_and_names_read_as_people_write_them() -> None:
    one = figures()[0]
    assert replace(one, born=-470, died=-399, approximate=True).era == "c. 470 to 399 BCE"
    assert replace(one, born=-4, died=30).era == "4 BCE to 30 CE"
    assert (replace(one, died=None).era, replace(one, born=None).era) == ("born 1867", "unknown")

    def name(text: str) -> str | None:
        found: Figure | None = named(figures(), text)
        return found.name if found else None

    assert name("EINSTEIN") == "Albert Einstein"
    assert name("mustafa kemal atat\u00fcrk") == name("Ataturk") == "Mustafa Kemal Atat\u00fcrk"
    assert name("Avicenna") == "Ibn Sina"
    assert name("mary") is None
    assert name("!!!") is None


def with_model(hub: Hub, source: LoopbackSource, *said: str | Reply) -> None:
    object.__setattr__(hub.settings, "llm_model", "a-model")
    source.on(CHAT, *(web_answers.openai(each) if isinstance(each, str) else each for each in said))


async def test_a_conversation_goes_on_by_its_session(hub: Hub, ask: Ask, source: LoopbackSource) -> None:
    with_model(hub, source, "I studied rays.", "In Paris.")
    first = await ask(alya_clone_chat, clone="Marie Curie", message="What did you do?")
    assert (first["reply"], first["mode"], first["simulation"]) == ("I studied rays.", "model", True)
    assert (first["clone"], first["model"], first["turns"]) == ("Marie Curie", "a-model", 1)
    assert (first["unverifiedQuotations"], first["removed"]) == ([], 0)
    assert first["sources"][0]["url"].endswith("Marie_Curie")
    second = await ask(alya_clone_chat, clone="marie-curie", message="Where?", sessionId=first["sessionId"])
    assert (second["sessionId"], second["turns"]) == (first["sessionId"], 2)
    asked = source.asked[-1].json["messages"]
    assert [each["content"] for each in asked[1:]] == ["What did you do?", "I studied rays.", "Where?"]
    assert "simulation of Marie Curie" in asked[0]["content"]
    assert "named polonium after Poland" in asked[0]["content"]


async def test_what_no_source_has_is_named_and_links_are_taken_out(
    hub: Hub, ask: Ask, source: LoopbackSource
) -> None:
    with_model(
        hub,
        source,
        "As I said, \u201cNothing in life is to be feared\u201d. See https://evil.example/x and read on.",
    )
    answer = await ask(alya_clone_chat, clone="Marie Curie", message="Quote yourself")
    assert answer["unverifiedQuotations"] == ["Nothing in life is to be feared"]
    assert "evil.example" not in answer["reply"]
    assert answer["removed"] == 1


async def test_a_session_is_its_callers_and_its_figures(
    hub: Hub, ask_as, ask: Ask, source: LoopbackSource
) -> None:
    with_model(hub, source, "Hello.")
    begun = await ask_as("one", alya_clone_chat, clone="Rumi", message="Hi")
    for grant, clone in (("two", "Rumi"), ("one", "Plato")):
        with pytest.raises(InvalidInput, match="conversation"):
            await ask_as(grant, alya_clone_chat, clone=clone, message="Hi", sessionId=begun["sessionId"])
    with pytest.raises(InvalidInput, match="sessionId"):
        await ask(alya_clone_chat, clone="Rumi", message="Hi", sessionId="' OR 1=1 --")


async def test_without_a_model_and_with_an_unknown_figure_it_says_what_to_do(ask: Ask) -> None:
    with pytest.raises(NotConfigured, match="ALYA_LLM_MODEL"):
        await ask(alya_clone_chat, clone="Marie Curie", message="Hi")
    with pytest.raises(InvalidInput, match=r"alya_iconic_clones.*Tesla"):
        await ask(alya_clone_chat, clone="Nikola Teslo", message="Hi")
    with pytest.raises(InvalidInput, match=r"Picasso.*alya_iconic_clones"):
        await ask(alya_clone_chat, clone="Pablo Picasso", message="Hi")
    with pytest.raises(InvalidArguments):
        await ask(alya_clone_chat, clone="Marie Curie", message="x" * 4001)


async def test_a_failed_reply_leaves_the_conversation_as_it_was(
    hub: Hub, ask: Ask, source: LoopbackSource
) -> None:
    with_model(hub, source, "Hello.", BAD_DAYS["500"], "Again.")
    begun = await ask(alya_clone_chat, clone="Plato", message="one")
    with pytest.raises(Unavailable, match="language model"):
        await ask(alya_clone_chat, clone="Plato", message="two", sessionId=begun["sessionId"])
    again = await ask(alya_clone_chat, clone="Plato", message="three", sessionId=begun["sessionId"])
    assert again["turns"] == 2
    assert [each["content"] for each in source.asked[-1].json["messages"][1:]] == ["one", "Hello.", "three"]


async def test_long_conversations_are_cut_and_old_ones_go(hub: Hub, ask: Ask, source: LoopbackSource) -> None:
    def echo(asked: Asked) -> Reply:
        return Reply(web_answers.openai(f"I heard {len(asked.json['messages'])}."))

    object.__setattr__(hub.settings, "llm_model", "a-model")
    source.on(CHAT, echo)
    session = (await ask(alya_clone_chat, clone="Plato", message="0"))["sessionId"]
    for number in range(10):
        await ask(alya_clone_chat, clone="Plato", message=str(number) * 3000, sessionId=session)
    sent = source.asked[-1].json["messages"]
    assert sent[1]["role"] == "user"
    assert sum(len(each["content"]) for each in sent[1:-1]) <= 12_000
    kept = hub.kept(Conversations, lambda: Conversations(hub.settings.home))
    later = datetime.now(UTC) + KEPT + timedelta(minutes=1)
    assert kept.find("local", session, datetime.now(UTC)) is not None
    assert kept.find("local", session, later) is None
    kept.add("local", "new", "plato", [Message("user", "x")], later)
    assert kept.find("local", session, datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('He cried "Eureka, I found it" and left.', ["Eureka, I found it"]),
        ("\u00abJe pense donc je suis\u00bb", ["Je pense donc je suis"]),
        ("\u201eIch denke also\u201c", ["Ich denke also"]),
        ("\u2018Don\u2019t you see it\u2019, I asked.", ["Don\u2019t you see it"]),
        ("I don't think it's the user's fault", []),
        ("> Imagination is everything\n\nIndeed.", ["Imagination is everything"]),
        ("As I wrote: Imagination is everything. Yes.", ["Imagination is everything."]),
        ("D\u00fcnyaya dedim: Yurtta sulh, cihanda sulh. Evet.", ["Yurtta sulh, cihanda sulh."]),
        ('My book "On the  ORIGIN of Species" sold out.', []),
        ('The word "radium" is Latin.', []),
    ],
)
def test_quotations_are_found_in_whatever_marks_they_stand(text: str, found: list[str]) -> None:
    assert unverified(text, ["On the Origin of Species appeared in 1859."]) == found
