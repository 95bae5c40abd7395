"""alya_app_directory: applications for business, AI and HR from stores that say what they sell."""

from typing import Any

import directory_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Ask, Clock

from alya_mcp.errors import Unavailable
from alya_mcp.tools.directory.apps import alya_app_directory as tool
from alya_mcp.tools.directory.logic.apps import App, categories, ranked

pytestmark = pytest.mark.anyio
ITUNES, SNAPS = "/search", "/v2/snaps/find"
CHAT = {
    "primaryGenreName": "Utilities",
    "genres": ["Utilities"],
    "description": "A chatbot with GPT-5 inside.",
}
GAME = {"primaryGenreName": "Games", "genres": ["Games"], "description": "Hop and run."}


def script(source: LoopbackSource, **other: Any) -> None:
    def store(asked: Asked) -> Reply:
        found = other.get(asked.query["entity"], answers.itunes())
        return found if isinstance(found, Reply) else Reply(found)

    source.on(ITUNES, store)
    source.on(SNAPS, other.get("snaps", answers.snaps(answers.snap())))


IOS = answers.itunes(answers.app(), answers.app("Talk", 2, **CHAT), answers.app("Hopper", 3, **GAME))


async def test_applications_of_all_stores_have_one_shape(ask: Ask, source: LoopbackSource) -> None:
    script(source, software=IOS)
    answer = await ask(tool, query="payroll")
    Draft202012Validator(tool.output_schema).validate(answer)
    assert [(each["name"], each["category"], each["platform"]) for each in answer["apps"]] == [
        ("Payroll Pro", "hr", "ios"), ("Talk", "ai", "ios"), ("Invoice Tool", "business", "linux"),
    ]  # fmt: skip
    first, _, last = answer["apps"]
    assert (first["price"], first["currency"], first["rating"], first["ratings"]) == (4.99, "USD", 4.5, 1000)
    assert (first["publisher"], first["storeCategory"], first["source"]) == (
        "Someone Ltd.",
        "Business",
        "App Store",
    )
    assert first["url"] == "https://apps.apple.com/us/app/x/id1?uo=4"
    assert len(first["summary"]["text"]) <= 302
    assert first["summary"]["text"].endswith(" \u2026")
    assert (last["price"], last["rating"], last["url"]) == (0.0, None, "https://snapcraft.io/invoice-tool")
    assert (answer["leftOut"], answer["complete"]) == (1, True)


async def test_a_category_and_a_platform_choose(ask: Ask, source: LoopbackSource) -> None:
    script(source, software=IOS)
    answer = await ask(tool, category="ai", platform="ios", country="tr")
    assert [each["name"] for each in answer["apps"]] == ["Talk"]
    (asked,) = source.asked
    assert asked.query == {"term": "AI assistant", "country": "tr", "entity": "software", "limit": "50"}


async def test_without_a_query_each_categorys_own_words_are_looked_for(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, software=IOS)
    answer = await ask(tool, platform="linux")
    assert {asked.query["q"] for asked in source.asked if asked.path == SNAPS} == {
        "business", "AI assistant", "human resources",
    }  # fmt: skip
    assert len({each["url"] for each in answer["apps"]}) == len(answer["apps"]) == 1


async def test_a_store_that_fails_is_noted_and_all_failing_is_an_error(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    script(source, software=Reply(b"", 403), macSoftware=Reply(b"", 403))
    answer = await ask(tool, query="invoice")
    assert [each["name"] for each in answer["apps"]] == ["Invoice Tool"]
    assert answer["complete"] is False
    assert "asked too often" in answer["sources"][0]["problem"]
    source.bad_day = BAD_DAYS["another shape"]
    clock.ahead = 86_400
    assert (await ask(tool, query="invoice"))["sources"][-1]["state"] == "stale"
    with pytest.raises(Unavailable, match="Snap"):
        await ask(tool, query="else")


def app(description: str, genre: str = "Business", name: str = "X") -> App:
    return App(name=name, publisher="", genres=(genre,), price=None, currency=None, rating=None, ratings=None,
               url="", description=description, platform="ios", source="")  # fmt: skip


@pytest.mark.parametrize(
    ("found", "fits"),
    [
        (app("Track time of your employees"), ["hr", "business"]),
        (app("Bordro ve izin takibi", "Productivity"), ["hr", "business"]),
        (app("Yapay zekâ ile sohbet", "Utilities"), ["ai"]),
        (app("AI for HR", "Games"), ["hr", "ai"]),
        (app("Invoices for companies", "Finance"), ["business"]),
        (app("he said, hr of fun: mail it again", "Games"), []),
        (app("A calm timer", "Productivity"), []),
        (app("Anything", "Business"), ["business"]),
    ],
)
def test_categories_are_judged_by_words_and_genre(found: App, fits: list[str]) -> None:
    assert categories(found) == fits


async def test_a_price_that_the_store_doesnt_tell_is_not_taken_for_free(
    ask: Ask, source: LoopbackSource
) -> None:
    untold = answers.snap()
    del untold["snap"]["prices"]
    script(source, snaps=answers.snaps(untold))
    (found,) = (await ask(tool, query="invoice", platform="linux"))["apps"]
    assert (found["price"], found["currency"]) == (None, None)


def test_an_application_of_the_very_name_comes_first() -> None:
    def app(name: str, description: str) -> App:
        return App(
            name=name, publisher="", genres=("Business",), price=0.0, currency="USD", rating=None,
            ratings=None, url=f"https://a.example/{name}", description=description, platform="macos",
            source="App Store",
        )  # fmt: skip

    helper, itself = (
        app("Helper for Kiteo", "Kiteo, Kiteo and Kiteo."),
        app("Kiteo", "Messages for teams. " * 20),
    )
    assert [each.name for each in ranked("kiteo", [helper, itself])] == ["Kiteo", "Helper for Kiteo"]
