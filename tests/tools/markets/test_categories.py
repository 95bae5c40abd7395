"""Titles of markets, written by hand in the style of the real ones, and the category that each is of."""

import pytest
from market_titles import HELD_OUT

from alya_mcp.tools.markets.logic.categories import categorize
from alya_mcp.tools.markets.logic.category import BLOCKED

TITLES: dict[str, list[str]] = {
    "wc_future": [
        "Will Brazil win the 2026 FIFA World Cup?",
        "Will Türkiye qualify for the 2026 FIFA World Cup?",
        "2026 FIFA World Cup Winner",
        "Will Lamine Yamal win the Golden Ball at the 2026 World Cup?",
        "World Cup Group A winner: Mexico",
        "Will England reach the 2026 FIFA World Cup final?",
        "Who will be the top goalscorer at the 2026 FIFA World Cup?",
        "Türkiye 2026 FIFA Dünya Kupas\u0131'n\u0131 kazan\u0131r m\u0131?",
        "2026 World Cup: Will Argentina be eliminated in the group stage?",
        "Will Saudi Arabia host the 2034 FIFA World Cup final in Riyadh?",
    ],
    "tail_safe_no": [
        "Will Jesus Christ return in 2026?",
        "Will the US confirm that aliens exist before 2027?",
        "Aliens confirmed to exist by June 30?",
        "Will an asteroid larger than 100 m hit Earth in 2026?",
        "Yellowstone eruption: will Yellowstone erupt this year?",
        "Zombie apocalypse before 2030?",
        "Will time travel be proven by 2030?",
        "Will Bigfoot be found in 2026?",
    ],
    "geopolitics": [
        "Russia x Ukraine ceasefire by March 31, 2026?",
        "Israel x Hamas Ceasefire Phase II by January 31?",
        "Will China invade Taiwan by end of 2026?",
        "Will China blockade Taiwan in 2026?",
        "US military strike on Iran before July?",
        "Will Russia capture all of Pokrovsk by December 31?",
        "Ukraine recognizes Russian sovereignty over Crimea in 2026?",
        "Will the U.S. invade Venezuela by March 31?",
        "US x Iran nuclear deal in 2026?",
        "North Korea nuclear test before 2027?",
        "Will NATO Article 5 be invoked in 2026?",
        "Will Ukraine join NATO before 2027?",
        "Israel withdraws from Gaza by June 30?",
        "Will Saudi Arabia normalize relations with Israel in 2026?",
        "Rusya - Ukrayna ateşkesi 2026'da olur mu?",
        "Çin 2026'da Tayvan'\u0131 işgal eder mi?",
        "Will the EU impose new sanctions on Russia by Friday?",
        "Armenia x Azerbaijan peace agreement signed in 2026?",
        "US annexes Greenland before 2027?",
        "Iran strike: Will Israel launch missiles at Iran by Friday?",
        "Will Türkiye withdraw troops from Syria in 2026?",
    ],
    "news_event": [
        "What will Trump say during the State of the Union?",
        "Will Powell say “recession” during the press conference?",
        "Will Elon Musk tweet 200 to 219 times this week?",
        "Will Keir Starmer resign by June 30?",
        "Tim Cook out as Apple CEO before 2027?",
        "Will Pete Hegseth be out as Secretary of War by March 31?",
        "Will Ghislaine Maxwell be pardoned in 2026?",
        "Maduro arrested by year end?",
        "Will James Comey be convicted in 2026?",
        "Will OpenAI announce an IPO before 2027?",
        "Will GPT-6 be released by June 30?",
        "Will Trump sign an executive order on crypto in March?",
        "Bakan 2026'da istifa eder mi?",
        "Will Trump be impeached by the House in 2026?",
        "Will SpaceX launch Starship Flight 13 in March?",
    ],
    "nba": [
        "Lakers vs. Celtics",
        "Thunder vs. Nuggets: O/U 228.5",
        "Los Angeles Clippers vs. Golden State Warriors",
        "Will the Oklahoma City Thunder win the 2026 NBA Finals?",
        "NBA MVP 2025-26: Nikola Jokić",
        "Will Alperen Şengün win the NBA MVP?",
        "Spurs at Mavericks",
        "Kings vs. Suns",
        "Will the Denver Nuggets win the Western Conference?",
        "NBA: Will the Knicks beat the Heat by more than 5.5 points?",
    ],
    "nhl": [
        "Oilers vs. Maple Leafs",
        "Kings vs. Ducks",
        "Rangers vs. Kings",
        "Will the Florida Panthers win the 2026 Stanley Cup?",
        "NHL: Hart Trophy winner 2026",
        "Edmonton Oilers vs. Calgary Flames: O/U 6.5",
        "Golden Knights vs. Avalanche",
        "Will the Edmonton Oilers win the Pacific Division?",
    ],
    "mlb": [
        "Yankees vs. Red Sox",
        "Dodgers vs. Padres",
        "Rangers vs. Guardians",
        "Will the Los Angeles Dodgers win the 2026 World Series?",
        "MLB: AL MVP 2026",
        "New York Mets vs. Atlanta Braves",
        "Giants vs. Dodgers",
        "Will the Seattle Mariners make the playoffs?",
    ],
    "ufc": [
        "UFC 325: Volkanovski vs. Lopes",
        "UFC Fight Night: Will the fight go the distance?",
        "Will Islam Makhachev defend his UFC title in 2026?",
        "Khamzat Chimaev vs. Nassourdine Imavov (UFC)",
        "Who will win at UFC 330?",
    ],
    "cs2_intraday": [
        "Counter-Strike: FaZe vs. Vitality (BO3)",
        "Counter-Strike: NAVI vs G2 - Map 1 Winner",
        "CS2: Spirit vs. MOUZ - Map 2 total rounds over 21.5",
        "Counter-Strike 2: Eternal Fire vs. Aurora",
        "Counter Strike: Falcons vs The MongolZ (BO5)",
        "CS2: MOUZ map handicap -1.5",
    ],
    "la_liga_singlematch": [
        "Real Madrid CF vs. FC Barcelona",
        "Real Madrid vs. Barcelona: Both Teams to Score",
        "LaLiga: Sevilla FC vs. Real Betis",
        "Club Atlético de Madrid vs. Villarreal CF: O/U 2.5",
        "Athletic Club vs. Getafe CF",
        "Will Deportivo Alavés vs. CA Osasuna end in a draw?",
        "RC Celta de Vigo vs. Girona FC",
    ],
    "uncategorized": [
        "Will Bitcoin hit $150k by December 31?",
        "Bitcoin Up or Down - November 26, 3PM ET",
        "Fed decision in January?",
        "Highest temperature in Istanbul on November 27?",
        "Jets vs. Panthers",
        "Giants vs. Cardinals",
        "Will the Kings win?",
        "Panthers vs. Jets: O/U 44.5",
        "Lynx vs. Aces (WNBA)",
        "Duke vs. North Carolina (NCAA)",
        "Real Madrid vs. Manchester City",
        "Champions League: Real Madrid vs. Atlético Madrid",
        "Copa del Rey: Real Madrid vs. Barcelona",
        "Will Real Madrid win the 2025-26 Champions League?",
        "Will Real Madrid win La Liga?",
        "EuroLeague: Real Madrid vs. Barcelona",
        "Will the Washington Post endorse a candidate?",
        "Will the post office close a thousand branches?",
        "Will the Fed announce a rate cut in March?",
        "Will India win the most medals?",
        "Will Poland win Eurovision?",
        "Will the NFL Kings of Kickers air in June?",
        "Brazil vs. Argentina: 2026 FIFA World Cup Final",
        "Cricket World Cup 2027 winner",
        "Rugby World Cup 2027 winner: South Africa",
        "Women's World Cup 2027: Will Spain win the FIFA World Cup?",
        "Will a heat wave hit London this summer?",
        "Will the Miami heat reach 100 degrees?",
        "Avatar: Fire and Ash opening weekend box office",
        "Will “Aliens Exist” movie gross over $100m?",
        "Will GTA VI be delayed?",
        "Largest company end of June?",
        "League of Legends: T1 vs. Gen.G",
        "Valorant: Fnatic vs. Sentinels (BO3)",
        "Will Vitality win the CS2 Major?",
        "India vs. Pakistan: T20 World Cup",
        "Israel vs. Italy: UEFA qualifier",
        "Will China's GDP grow by more than 5%?",
        "Will Magic Johnson buy a team?",
        "Little League World Series winner",
        "Will Ahmet Kaya's song top the chart?",
        "2028 Democratic presidential nominee",
        "Ethereum above $4,000 on Friday?",
        "",
        "?!…",
        "🔥🔥🔥",
    ],
}
OTHER_CLOCKS = {
    "geopolitics": [
        "Will Russia invade Poland before GTA VI?",
        "Ceasefire in Gaza before the new Rihanna album?",
    ],
    "tail_safe_no": ["Will an asteroid hit Earth before GTA 6 is released?"],
    "news_event": ["Doe out as President before GTA VI?", "Will the mayor be federally charged in 2026?"],
    "wc_future": ["Will Portugal win the 2034 World Cup?", "Will Spain win the 2022 World Cup?"],
}


@pytest.mark.parametrize("category", TITLES)
def test_titles_have_their_category(category: str) -> None:
    for title in TITLES[category] + OTHER_CLOCKS.get(category, []):
        verdict = categorize(title)
        assert verdict.category == category, title
        assert verdict.reason
        assert (verdict.confidence == 0) == (category == "uncategorized")
        assert 0 <= verdict.confidence <= 1


def test_at_least_92_percent_of_titles_that_no_rule_was_written_for_are_right() -> None:
    right = sum(categorize(title).category == category for title, category in HELD_OUT)
    assert right >= 0.92 * len(HELD_OUT)


@pytest.mark.parametrize(
    ("title", "other"),
    [("Çin Tayvan'\u0131 işgal eder mi?", "ÇİN TAYVAN\u2019I İŞGAL EDER Mİ?"),
     ("Real Madrid vs. Atlético Madrid", "REAL MADRID  VS  ATLETICO MADRID!!!"),
     ("Lakers vs. Celtics", "  lakers vs celtics  "),
     ("Aliens confirmed to exist by June 30?", "Aliens — confirmed to exist… by June 30?")],
)  # fmt: skip
def test_capitals_marks_and_punctuation_change_nothing(title: str, other: str) -> None:
    assert categorize(title) == categorize(other)
    assert categorize(title).category != "uncategorized"


def test_what_is_blocked_has_a_reason() -> None:
    assert set(BLOCKED) == {"cs2_intraday", "la_liga_singlematch", "uncategorized"}
    assert all(BLOCKED.values())


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("The Lakers vs. The Celtics", "nba"),
        ("Will Lakers vs. Celtics", "nba"),
        ("Boston Lakers vs. Celtics", "nba"),
        ("Xyz Lakers vs. Celtics", "uncategorized"),
        ("Celtics fans and their songs", "uncategorized"),
        ("Inverness Celtics to win", "uncategorized"),
        ("Boston Celtics to win it all?", "nba"),
    ],
)
def test_a_team_is_known_by_its_nickname_or_with_its_city(title: str, category: str) -> None:
    found = categorize(title)
    assert found.category == category
    assert ("NBA" in found.reason) == (category == "nba")
