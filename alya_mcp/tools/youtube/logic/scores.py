"""Scores of topics: demand, competition and fit, each from 0 to 1, and the formula that combines them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import Final

from alya_mcp.text.words import guess_language, terms

WEEKS: Final = 4
"""How far back videos are looked at."""

FORMULA: Final = "0.5 * demand + 0.3 * (1 - competition) + 0.2 * fit"
"""The score, from 0 to 1. The weights are a choice, not measured."""

_FULL_DEMAND: Final = 6
"""log10 of the views or searches a week that count as full demand, a million."""
_FULL_CHANNEL: Final = 7
"""log10 of the subscribers that count as full competition, ten million."""
_UNKNOWN: Final = 0.5
_VOICE: Final = 0.1
_LONGEST: Final = 3
_PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class Clip:
    """A recent video. `subscribers` are its channel's, None where they are hidden."""

    id: str
    title: str
    views: int
    channel: str
    subscribers: int | None


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and its clips."""

    words: str
    clips: tuple[Clip, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """A topic's parts and score."""

    demand: float
    competition: float
    fit: float

    @property
    def total(self) -> float:
        """What `FORMULA` says."""
        return round(0.5 * self.demand + 0.3 * (1 - self.competition) + 0.2 * self.fit, _PLACES)


def weekly_views(clips: Sequence[Clip]) -> float:
    """Views a week that the clips of the last `WEEKS` weeks got."""
    return sum(clip.views for clip in clips) / WEEKS


def score(weekly: float, competition: float, fit: float) -> Score:
    """The score of a topic with so many views or searches a week."""
    demand = min(1.0, log10(1 + weekly) / _FULL_DEMAND)
    return Score(round(demand, _PLACES), round(competition, _PLACES), round(fit, _PLACES))


def competition_of(clips: Sequence[Clip]) -> float:
    """How large the channels are that made the clips: the mean of log10(1 + subscribers) / 7, 1 at most.

    Hidden counts are left out; 0.5 where all are hidden.
    """
    known = [min(1.0, log10(1 + c.subscribers) / _FULL_CHANNEL) for c in clips if c.subscribers is not None]
    return sum(known) / len(known) if known else _UNKNOWN


def fit_of(words: str, keywords: Sequence[str], voice: str, titles: Sequence[str] = ()) -> float:
    """How much a topic belongs to the channel.

    The largest share of a keyword's words that the topic has; where the channel has a brand voice, a tenth of
    it is the share of the voice's words that occur in the topic or its titles.
    """
    topic = set(_terms(words))
    niche = max((_share(set(_terms(keyword)), topic) for keyword in keywords), default=0.0)
    spoken = set(_terms(voice))
    if not spoken:
        return niche
    told = topic.union(*(_terms(title) for title in titles))
    return (1 - _VOICE) * niche + _VOICE * _share(spoken, told)


def topics_in(found: Mapping[str, Sequence[Clip]]) -> list[Topic]:
    """The topics of clips that searches for keywords found: the keywords, and phrases of several titles.

    A phrase is two or three words that follow each other in the titles of clips of at least two channels, and
    neither begin nor end with a word that tells nothing. Of phrases with the same clips the longest counts.
    """
    every = {clip.id: clip for clips in found.values() for clip in clips}
    topics = {keyword.casefold(): Topic(keyword, tuple(clips)) for keyword, clips in found.items() if clips}
    known = {tuple(_terms(keyword)) for keyword in found}
    phrases: dict[tuple[str, ...], dict[str, Clip]] = {}
    written: dict[tuple[str, ...], str] = {}
    for clip in every.values():
        for phrase in _phrases(clip.title):
            key = tuple(_terms(phrase))
            phrases.setdefault(key, {})[clip.id] = clip
            written.setdefault(key, phrase)
    kept: dict[frozenset[str], tuple[str, ...]] = {}
    for key in sorted(phrases, key=lambda key: (-len(key), key)):
        clips = phrases[key]
        if key in known or len({clip.channel for clip in clips.values()}) < 2:
            continue
        kept.setdefault(frozenset(clips), key)
    for key in kept.values():
        topics.setdefault(written[key], Topic(written[key], tuple(phrases[key].values())))
    return list(topics.values())


def _phrases(title: str) -> list[str]:
    """The phrases of a title that could be topics, in small letters."""
    words = [word.strip("'\u2019").casefold() for word in _split(title)]
    telling = [len(_terms(word)) == 1 for word in words]
    found: list[str] = []
    for length in range(2, _LONGEST + 1):
        for start in range(len(words) - length + 1):
            end = start + length - 1
            phrase = words[start : end + 1]
            if telling[start] and telling[end] and not any(w == "" or w.isdecimal() for w in phrase):
                found.append(" ".join(phrase))
    return found


def _split(title: str) -> list[str]:
    """The words of a title, with an empty one at every sign that ends a phrase."""
    spaced = "".join(letter if letter.isalnum() or letter in "'\u2019" else " " for letter in title)
    signs = [place for place, letter in enumerate(title) if letter in "|:;,.!?()[]-\u2013\u2014/"]
    parts = [spaced[a:b].split() for a, b in pairwise([0, *signs, len(title)])]
    words: list[str] = []
    for part in parts:
        words += [*part, ""]
    return words


def _terms(text: str) -> list[str]:
    return terms(text, guess_language(text))


def _share(wanted: set[str], had: set[str]) -> float:
    return len(wanted & had) / len(wanted) if wanted else 0.0
