"""Categories of markets by title, by rules over its words; no title is looked up anywhere.

A rule that isn't sure says nothing: better uncategorized than wrong. The rules stand in `title_rules`, the
names in `teams`.
"""

import re
from dataclasses import dataclass
from typing import Final

from alya_mcp.text.folding import fold
from alya_mcp.tools.markets.logic.category import MarketCategory
from alya_mcp.tools.markets.logic.teams import CITIES, LA_LIGA, LEAGUES
from alya_mcp.tools.markets.logic.title_rules import (
    LEAGUE_NAMES,
    OTHER_FOOTBALL,
    OTHER_LEAGUE,
    PRIZE,
    RULES,
    WEATHER,
)

_VERSUS: Final = re.compile(r"^(?:[^:]*: )?(?P<one>[^:]+?) (?:vs|v|at|@) (?P<other>[^:]+?)(?::.*)?$")
_ANOTHER_CLOCK: Final = re.compile(
    r"(?<=\w) (?:before|by|until) (?:the )?(?:release of )?(?:gta|grand theft auto|[\w $%-]*\b"
    r"(?:album|movie|film|season|game|episode))\b(?: (?:vi|6|release[sd]?|is released|comes out))*$"
)
"""A deadline that is another title's release: it says when, not what the market is about."""
_AFTER_CLUB: Final = re.compile(r" end in a draw$")
_CLUB_WORDS: Final = re.compile(r"^(?:will|fc|cf|cd|ca|rc|rcd|ud|sd) | (?:fc|cf|cd|rc|rcd|ud|sd)$")
_DISTINCT: Final = {
    name: league
    for league, names in LEAGUES.items()
    for name in names
    if sum(name in others for others in LEAGUES.values()) == 1
}


@dataclass(frozen=True, slots=True)
class TitleCategory:
    """A title's category, the reason, and from 0 to 1 how sure the rule is."""

    category: MarketCategory
    reason: str
    confidence: float


def categorize(title: str) -> TitleCategory:
    """The category of a market's title, in English or Turkish, however it is punctuated."""
    text = _plain(title)
    for rule in RULES:
        if rule.holds(text):
            return TitleCategory(rule.category, rule.reason, rule.confidence)
    return _american(text) or _la_liga(text) or TitleCategory("uncategorized", "no rule is sure of it", 0.0)


def _plain(title: str) -> str:
    """Small letters without marks; of the punctuation only what rules read."""
    kept = "".join(each if each.isalnum() or each in "$%:-@" else " " for each in fold(title))
    return _ANOTHER_CLOCK.sub("", " ".join(kept.split()).replace(" :", ":"))


def _american(text: str) -> TitleCategory | None:
    """A title of the NBA, NHL or MLB: by the league's name, by two teams, or by one team's full name."""
    if OTHER_LEAGUE.search(text):
        return None
    for category, name, words in LEAGUE_NAMES:
        if words.search(text):
            return TitleCategory(category, f"it names the {name}", 0.95)
    pair = _VERSUS.match(text)
    if pair:
        return _of_one_league(
            _leagues(pair["one"]) & _leagues(pair["other"]),
            "both teams are of the {} and no other league",
            0.92,
        )
    if PRIZE.search(text) and not WEATHER.search(text):
        return _of_one_league(_named_in_full(text), "it names a team of the {} in full", 0.9)
    return None


def _of_one_league(leagues: set[str], reason: str, confidence: float) -> TitleCategory | None:
    for category, name, _ in LEAGUE_NAMES:
        if leagues == {category}:
            return TitleCategory(category, reason.format(name), confidence)
    return None


def _leagues(team: str) -> set[str]:
    """The leagues that have a team of this name, with or without its city."""
    name = team.removeprefix("will ").removeprefix("the ").strip()
    return {league for league, names in LEAGUES.items() if any(_is_team(name, each) for each in names)}


def _is_team(name: str, nickname: str) -> bool:
    city = name.removesuffix(nickname)
    return name == nickname or (city.endswith(" ") and city.strip() in CITIES)


def _named_in_full(text: str) -> set[str]:
    """The leagues of all teams that stand in the text with their city and a nickname of their own."""
    padded = f" {text} "
    return {
        league
        for name, league in _DISTINCT.items()
        if f" {name} " in padded and any(f" {city} {name} " in padded for city in CITIES)
    }


def _la_liga(text: str) -> TitleCategory | None:
    pair = _VERSUS.match(_AFTER_CLUB.sub("", text))
    if pair is None or OTHER_FOOTBALL.search(text):
        return None
    one, other = _club(pair["one"]), _club(pair["other"])
    if one != other and one in LA_LIGA and other in LA_LIGA:
        return TitleCategory("la_liga_singlematch", "both clubs play in La Liga", 0.85)
    return None


def _club(name: str) -> str:
    """A club's name without what only says that it is one."""
    previous = ""
    while previous != name:
        previous, name = name, _CLUB_WORDS.sub("", name)
    return name
