"""The rules by which titles of markets have a category: words that must be there, and words that must not.

Titles are read in small letters, without marks and without most punctuation. The first rule that holds
decides. Each part is a regular expression for whole words.
"""

import re
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.markets.logic.category import MarketCategory

Words = re.Pattern[str]


def any_of(*parts: str) -> Words:
    """One of these words or phrases."""
    return re.compile(r"\b(?:" + "|".join(parts) + r")\b")


NOTHING: Final = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleRule:
    """Holds for a title in which each of `all_of` is found and `unless` isn't; `confidence` from 0 to 1."""

    category: MarketCategory
    confidence: float
    reason: str
    all_of: tuple[Words, ...]
    unless: Words = NOTHING

    def holds(self, title: str) -> bool:
        """Whether it does for this title."""
        return all(words.search(title) for words in self.all_of) and not self.unless.search(title)


_SAYING: Final = ("say", "says", "mention", "mentions", "tweet")
_SHOWS: Final = (
    "movie",
    "film",
    "song",
    "album",
    "book",
    "box office",
    "game",
    "gta",
    "gross",
    "rotten tomatoes",
)
_CUPS: Final = ("cup", "olympics?", "eurovision", "grand prix", "championship", "open")

_STATES: Final = any_of(
    "russian?", "ukrain(?:e|ian)", "rusya", "ukrayna", "kyiv", "crimea", "donbas", "belarus", "poland",
    "israeli?", "israil", "hamas", "hezbollah", "houthis?", "gaza", "leban(?:on|ese)", "syrian?", "suriye",
    "iran(?:ian)?", "iraq", "yemen", "saudi arabia", "qatar", "chin(?:a|ese)", "cin", "taiwan", "tayvan",
    "north korean?", "south korea", "india", "pakistan", "afghanistan", "armenia", "azerbaijan", "turkey",
    "turkiye", "serbia", "kosovo", "sudan", "venezuelan?", "cuba", "greenland", "nato", "u s", "usa", "abd",
    "united states",
)  # fmt: skip
_DEEDS: Final = any_of(
    "invad(?:e|es|ed)", "invasion", "isgal", "annex(?:es|ed)?", "annexation", "attacks?", "saldiri",
    "air ?strikes?", "missiles?", "bombs?", "military (?:action|strikes?|clash|operation|engagement)",
    r"saldir\w*", "declares? war", "war (?:with|ends?)", "strikes?",
    "clash(?:es)?", "end of (?:the )?war", "regime", "enters?", "seizes?", "shoots? down", "nuclear",
    "savas",
    "peace (?:deal|agreement)", "baris anlasmasi", "truce", "nuclear (?:deal|weapon|test)s?", "sanctions?",
    "yaptirim", "troops", "captur(?:e|es|ed)", "withdraw(?:s|al)? from", "blockade", "coup", "hostages?",
    "recogni[sz]es?", "embass(?:y|ies)", "normali[sz](?:e|ation)",
)  # fmt: skip

RULES: Final = (
    TitleRule(
        category="ufc",
        confidence=0.97,
        reason="it names the UFC",
        all_of=(any_of("ufc"),),
        unless=any_of("game", "ea sports", "stock", "tko", "acquire", "white house"),
    ),
    TitleRule(
        category="cs2_intraday",
        confidence=0.95,
        reason="it names a match of Counter-Strike",
        all_of=(
            any_of("counter-? ?strike", "cs2", "csgo", "cs:go"),
            any_of("vs", "v", "map", "maps", "bo[135]", "rounds?", "handicap"),
        ),
        unless=any_of("win the", "winner of", "champion of", "most .* of"),
    ),
    TitleRule(
        category="wc_future",
        confidence=0.95,
        reason="it asks for the outcome of a FIFA World Cup, not of one match",
        all_of=(
            any_of(
                "fifa world cup", "fifa dunya kupasi", r"20\d\d world cup", r"20\d\d dunya kupasi",
                r"world cup (?:20\d\d|winner|champions?|group|golden|final|top)", r"dunya kupasi 20\d\d",
            ),
            any_of(
                "win", "winner", "champions?", "qualif(?:y|ies)", "reach", "advance", "group [a-l]",
                "golden (?:boot|ball|glove)", "top goalscorer", "finals?", "semifinals?", "eliminated",
                "host",
                r"kazan\w*", r"sampiyon\w*",
            ),
        ),
        unless=any_of(
            "vs", "v", "women s", "womens", "women", "kadinlar", "club", "u17", "u20", "cricket", "rugby",
            "t20",
            "esports", "chess", "basketball", "fiba", "hockey", "ski", r"on (?:june|july) \d+",
        ),
    ),
    TitleRule(
        category="tail_safe_no",
        confidence=0.9,
        reason="it asks for something that nothing leads to expect, so that No is all but safe",
        all_of=(
            any_of(
                "jesus christ", "second coming", "antichrist", "rapture",
                r"aliens? .*(?:exist|contact|land|invade)",
                r"(?:exist\w*|confirm\w*|disclos\w*) .*(?:aliens?|extraterrestrial\w*)", r"aliens? confirmed",
                "zombie (?:apocalypse|outbreak)", "asteroid .*(?:hit|strike|impact)s?", "supervolcano",
                r"yellowstone .*erupt\w*", r"time travel\w*", "human extinction", "go extinct",
                "end of the world",
                "bigfoot",
                "loch ness",
            ),
        ),
        unless=any_of(*_SHOWS, *_SAYING),
    ),
    TitleRule(
        category="geopolitics",
        confidence=0.92,
        reason="it asks for a ceasefire",
        all_of=(any_of("cease-?fire", r"ateskes\w*"),),
        unless=any_of(*_SAYING, *_SHOWS),
    ),
    TitleRule(
        category="geopolitics",
        confidence=0.9,
        reason="it asks what states or armed groups do to one another",
        all_of=(_STATES, _DEEDS),
        unless=any_of("vs", "shutdown", "heart", "panic", *_SAYING, *_SHOWS, *_CUPS),
    ),
    TitleRule(
        category="geopolitics",
        confidence=0.9,
        reason="it asks about the membership or the defence clause of an alliance",
        all_of=(
            any_of("joins?", "leaves?", r"invoke\w*", r"withdraw\w* from", "article [45]"),
            any_of("nato", "brics", "european union"),
        ),
        unless=any_of("vs", *_SAYING),
    ),
    TitleRule(
        category="news_event",
        confidence=0.9,
        reason="it asks what somebody will say",
        all_of=(re.compile(r"^(?:what )?will .+\b(?:say|mention|tweet|post (?:about|between|on|\d+))\b"),),
        unless=any_of("vs", "polls?"),
    ),
    TitleRule(
        category="news_event",
        confidence=0.88,
        reason="it asks whether somebody leaves, is removed, charged or pardoned",
        all_of=(
            any_of(
                "resigns?", "steps? down", "impeached", "arrested", "indicted", "convicted", "pardoned",
                "sentenced", "charged", "acquitted", "jailed", "imprisoned", "deported", "recalled",
                "expelled",
                "disbarred", "removed (?:from|as)", "leaves? (?:the )?(?:white house|cabinet|administration)",
                "fired", "ousted", "extradited", "leaves? office", "istifa (?:eder|edecek|etti)",
                r"tutuklan\w*",
                r"gorevden al\w*",
                "released from (?:custody|prison|jail)", "in jail", "go(?:es)? to (?:prison|jail)",
                "out (?:as|of) .*(?:ceo|president|prime minister|chair|secretary|director|leader|minister)",
            ),
        ),
        unless=any_of("vs", "coach", "manager", "goals?", "oscar", "phone", "battery", *_SHOWS),
    ),
    TitleRule(
        category="news_event",
        confidence=0.86,
        reason="it asks whether something is announced, released or signed by a day",
        all_of=(
            any_of(
                "announce[sd]?", "released?", "unseal(?:ed)?", "declassif(?:y|ied)", "launch(?:es|ed)?",
                "sign(?:s|ed)? (?:into law|an executive order)", "passe[sd]", "confirmed as", "nominated?s?",
                "appointed", "endorses?",
            ),
            any_of("by", "before", "in", "on"),
        ),
        unless=any_of("vs", "missiles?", "album sales", "rate"),
    ),
)  # fmt: skip

LEAGUE_NAMES: Final[tuple[tuple[MarketCategory, str, Words], ...]] = (
    ("nba", "NBA", any_of("nba")),
    ("nhl", "NHL", any_of("nhl", "stanley cup")),
    ("mlb", "MLB", any_of("mlb", "world series")),
)
"""The American leagues that are categories, by the words that name them."""

OTHER_LEAGUE: Final = any_of(
    "wnba", "ncaa", "ncaab", "college", "g league", "euroleague", "khl", "ahl", "kbo", "npb", "nfl", "2k",
    "summer league", "super bowl", "minor league", "little league", "poker", "wsop", "cricket", "golf",
    "esports",
)  # fmt: skip
"""Words of games that teams of the same name play elsewhere."""

OTHER_FOOTBALL: Final = any_of(
    "champions league", "ucl", "europa", "uefa", "conference league", "copa", "supercopa", "super cup",
    "friendly", "basketball", "euroleague", "acb", "liga endesa", "futsal", "women", "femenino",
    "femeni", "club world cup", "youth", "u19", "u21",
)  # fmt: skip
"""Words of matches that aren't of La Liga, although its clubs play them."""

PRIZE: Final = any_of(
    "win", "winner", "champions?", "finals?", "playoffs?", "mvp", "division", "conference", "make", "reach"
)
"""What a single team may be asked about."""

WEATHER: Final = any_of("degrees?", "temperatures?", "weather", "heat wave", "hurricane season")
"""Words that say that a city and 'heat' aren't a team."""
