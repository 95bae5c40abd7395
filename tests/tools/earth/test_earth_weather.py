"""alya_weather_now: a city found as people write it, and its weather from whoever answers."""

from typing import Any

import earth_answers as answers
import pytest
from jsonschema import Draft202012Validator
from loopback_source import BAD_DAYS, Asked, LoopbackSource, Reply
from moved import Ask, Clock

from alya_mcp.errors import InvalidInput, Unavailable
from alya_mcp.text.folding import fold, language_of
from alya_mcp.tools.earth.logic.sky import of_met_symbol, of_wmo_code
from alya_mcp.tools.earth.weather import alya_weather_now as tool
from alya_mcp.tools.hub.status import alya_status

pytestmark = pytest.mark.anyio
SEARCH, METEO = "/v1/search", "/v1/forecast"
NORWAY = "/weatherapi/locationforecast/2.0/complete"


def script(source: LoopbackSource, **other: Any) -> None:
    source.on(SEARCH, other.get("places", answers.places(answers.ISTANBUL)))
    source.on(METEO, other.get("meteo", answers.open_meteo()))
    source.on(NORWAY, other.get("norway", answers.met_norway()))


async def test_a_city_has_its_weather(ask: Ask, source: LoopbackSource) -> None:
    script(source)
    answer = await ask(tool, city="İstanbul")
    Draft202012Validator(tool.output_schema).validate(answer)
    assert (answer["place"]["name"], answer["place"]["country"]) == ("İstanbul", "Türkiye")
    assert (answer["condition"], answer["icon"]) == ("light rain showers", "showers")
    assert (answer["temperatureC"], answer["uvIndex"], answer["uvClearSky"]) == (10.0, 1.1, True)
    assert (answer["source"], answer["basis"]) == ("MET Norway", "model")
    assert [each["source"] for each in answer["sources"]] == ["MET Norway", "Open-Meteo geocoding"]
    asked = {each.path: each for each in source.asked}
    assert asked[SEARCH].query["language"] == "tr"
    assert asked[NORWAY].query == {"lat": "41.0138", "lon": "28.9497"}
    assert "me@example.org" in asked[NORWAY].headers["user-agent"]


async def test_without_met_norway_open_meteo_answers_and_it_is_said(ask: Ask, source: LoopbackSource) -> None:
    script(source, norway=BAD_DAYS["500"])
    answer = await ask(tool, city="Istanbul")
    assert (answer["source"], answer["condition"], answer["icon"]) == (
        "Open-Meteo", "partly cloudy", "partly-cloudy-day"
    )  # fmt: skip
    assert (answer["uvIndex"], answer["uvClearSky"], answer["windMs"]) == (2.35, False, 3.6)
    assert answer["sources"][0]["fallback"] is True
    assert answer["sources"][0]["problem"].startswith("MET Norway answers 500")


async def test_the_hubs_status_tells_how_the_sources_are(hub: Any, ask: Ask, source: LoopbackSource) -> None:
    script(source, norway=BAD_DAYS["500"])
    await ask(tool, city="Istanbul")
    (providers,) = [part for part in (await ask(alya_status))["parts"] if part["part"] == "providers"]
    assert providers["state"] == "failing"
    assert "MET Norway: answers 500" in providers["detail"]
    assert "Open-Meteo: answered" in providers["detail"]


async def test_who_says_no_contact_isnt_sent_to_met_norway(
    hub: Any, ask: Ask, source: LoopbackSource
) -> None:
    object.__setattr__(hub.settings, "contact", None)
    script(source)
    assert (await ask(tool, city="Istanbul"))["source"] == "Open-Meteo"
    assert source.count(NORWAY) == 0


async def test_the_last_hour_of_a_forecast_has_no_symbol_and_the_other_source_answers(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, norway=answers.met_norway(hours=1))
    assert (await ask(tool, city="Istanbul"))["source"] == "Open-Meteo"


async def test_a_name_of_several_places_takes_the_best_known_and_names_the_others(
    ask: Ask, source: LoopbackSource
) -> None:
    script(source, places=answers.places(*answers.SPRINGFIELDS))
    answer = await ask(tool, city="Springfield")
    assert answer["place"]["admin"] == "Missouri"
    assert [other["admin"] for other in answer["otherPlaces"]] == ["Massachusetts"]
    chosen = await ask(tool, city="springfield, massachusetts")
    assert (chosen["place"]["admin"], chosen["otherPlaces"]) == ("Massachusetts", [])
    with pytest.raises(InvalidInput, match=r"Missouri.*Massachusetts"):
        await ask(tool, city="Springfield, Ohio")


async def test_a_province_and_a_country_may_both_be_said(ask: Ask, source: LoopbackSource) -> None:
    script(source, places=answers.places(*answers.SPRINGFIELDS))
    chosen = await ask(tool, city="Springfield, Massachusetts, United States")
    assert chosen["place"]["admin"] == "Massachusetts"
    with pytest.raises(InvalidInput, match="Canada"):
        await ask(tool, city="Springfield, Massachusetts, Canada")


async def test_a_country_may_be_in_english_where_the_name_has_letters_of_turkish(
    ask: Ask, source: LoopbackSource
) -> None:
    """Zürich could be Turkish by its letters; its country is named in the language that is asked for."""

    def search(asked: Asked) -> Reply:
        country = {"tr": "İsviçre", "en": "Switzerland"}[asked.query["language"]]
        return Reply(answers.places(answers.ISTANBUL | {"name": "Zürich", "country": country}))

    script(source, places=search)
    answer = await ask(tool, city="Zürich, Switzerland")
    assert (answer["place"]["name"], answer["place"]["country"]) == ("Zürich", "Switzerland")


async def test_a_name_is_also_looked_up_without_its_marks(ask: Ask, source: LoopbackSource) -> None:
    def search(asked: Asked) -> Reply:
        return Reply(answers.places(*([answers.ISTANBUL] if asked.query["name"] == "sanliurfa" else [])))

    script(source, places=search)
    await ask(tool, city="ŞANLIURFA")
    assert [each.query["name"] for each in source.asked if each.path == SEARCH] == ["ŞANLIURFA", "sanliurfa"]


@pytest.mark.parametrize("city", ["Xqzzy", "A", " , Türkiye"])
async def test_an_unknown_place_is_said_not_guessed(ask: Ask, source: LoopbackSource, city: str) -> None:
    script(source, places=answers.places())
    with pytest.raises(InvalidInput):
        await ask(tool, city=city)
    assert source.count(METEO) == source.count(NORWAY) == 0


async def test_with_everything_down_a_kept_answer_is_marked_and_then_there_is_none(
    ask: Ask, source: LoopbackSource, clock: Clock
) -> None:
    script(source)
    await ask(tool, city="Istanbul")
    source.bad_day = BAD_DAYS["reset"]
    clock.ahead = 3600
    answer = await ask(tool, city="Istanbul")
    assert [each["state"] for each in answer["sources"]] == ["stale", "cached"]
    assert answer["temperatureC"] == 10.0
    clock.ahead = 2 * 86_400
    with pytest.raises(Unavailable, match="Open-Meteo"):
        await ask(tool, city="Istanbul")


@pytest.mark.parametrize(
    ("code", "day", "words"),
    [(0, True, ("clear sky", "clear-day")), (0, False, ("clear sky", "clear-night")),
     (3, True, ("overcast", "cloudy")), (65, True, ("heavy rain", "rain")),
     (96, False, ("thunderstorm with light hail", "thunderstorm"))],
)  # fmt: skip
def test_wmo_codes_have_words(code: int, day: bool, words: tuple[str, str]) -> None:
    assert of_wmo_code(code, day=day) == words


def test_every_wmo_code_that_open_meteo_lists_has_words() -> None:
    listed = [0, 1, 2, 3, 45, 48, *(51, 53, 55, 56, 57), *(61, 63, 65, 66, 67), *(71, 73, 75, 77),
              *(80, 81, 82, 85, 86), *(95, 96, 99)]  # fmt: skip
    for code in listed:
        assert of_wmo_code(code, day=True)
    with pytest.raises(KeyError):
        of_wmo_code(4, day=True)


@pytest.mark.parametrize(
    ("symbol", "words"),
    [("clearsky_night", ("clear sky", "clear-night")), ("fair_day", ("mainly clear", "partly-cloudy-day")),
     ("cloudy", ("overcast", "cloudy")), ("lightrain", ("light rain", "rain")),
     ("heavysnowshowers_polartwilight", ("heavy snow showers", "snow-showers")),
     ("lightssleetshowersandthunder_day", ("light sleet showers and thunder", "thunderstorm")),
     ("lightssnowshowersandthunder_day", ("light snow showers and thunder", "thunderstorm")),
     ("lightsnowandthunder", ("light snow and thunder", "thunderstorm")), ("sleet", ("sleet", "sleet")),
     ("lightsleet", ("light sleet", "sleet")), ("rainandthunder", ("rain and thunder", "thunderstorm"))],
)  # fmt: skip
def test_met_norways_symbols_have_words(symbol: str, words: tuple[str, str]) -> None:
    assert of_met_symbol(symbol) == words


def test_names_are_compared_without_their_marks() -> None:
    assert {fold(name) for name in ("I\u011fd\u0131r", "IĞDIR", "igdir", " Igdir ")} == {"igdir"}
    assert fold("São Paulo") == "sao paulo"
    assert (language_of("Beyo\u011flu"), language_of("Berlin")) == ("tr", "en")
