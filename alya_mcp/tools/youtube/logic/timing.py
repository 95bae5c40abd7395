"""When each scene, sentence and word of a video begins and ends, in whole frames.

Durations are in seconds; results lie on frames, so that pictures, captions and sound meet.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.youtube.logic.script import Scene

FPS: Final = 25
SHORTEST_SCENE: Final = 10.0
"""Seconds; the shortest chapter that YouTube takes."""
WORDS_PER_SECOND: Final = 2.5
"""150 words a minute, the middle of the 140 to 160 that narrators of audiobooks keep to."""
LEAD: Final = 0.8
"""Seconds of a scene before its first word: the cross-fade ends first."""
TAIL: Final = 0.5
PAUSE: Final = 0.35
"""Seconds between two sentences."""

_SLOWEST: Final = 0.8
"""The least share of `WORDS_PER_SECOND` at which captions go on; slower ones read like single words."""
_VOWELS: Final = re.compile("[aeiouy\u0131]+")


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and the seconds of the video in which it is said."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class TimedSentence:
    """A sentence of the narration and the times of its words."""

    text: str
    words: tuple[TimedWord, ...]

    @property
    def start(self) -> float:
        """When its first word begins."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """When its last word ends."""
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class TimedScene:
    """A scene and its place in the video."""

    scene: Scene
    start: float
    end: float
    sentences: tuple[TimedSentence, ...]

    @property
    def frames(self) -> int:
        """Its length in frames."""
        return round((self.end - self.start) * FPS)


def silent(scenes: Sequence[Scene], total: float) -> tuple[TimedScene, ...]:
    """The times of a video of `total` seconds whose narration is only read.

    Each scene gets its share of the words, none less than `SHORTEST_SCENE` where `total` allows that.
    """
    lengths = _lengths([_reading(scene) for scene in scenes], total)
    timed: list[TimedScene] = []
    start = 0.0
    for scene, length in zip(scenes, lengths, strict=True):
        pauses = PAUSE * max(0, len(scene.narration) - 1)
        room = max(1.0, length - LEAD - TAIL - pauses)
        needed = scene.words / WORDS_PER_SECOND
        spoken = min(room, needed / _SLOWEST)
        weights = [max(1, len(sentence.split())) for sentence in scene.narration]
        parts = [spoken * weight / sum(weights) for weight in weights]
        timed.append(_placed(scene, start, _on_frame(start + length), parts, PAUSE))
        start = timed[-1].end
    return tuple(timed)


def spoken(
    scenes: Sequence[Scene], durations: Sequence[Sequence[float]], total: float
) -> tuple[TimedScene, ...]:
    """The times of a narrated video: `durations` are those of each scene's spoken sentences.

    Pauses fill the video up to `total` seconds; a narration that needs longer makes it longer.
    """
    needs = [
        max(SHORTEST_SCENE, LEAD + TAIL + sum(parts) + PAUSE * max(0, len(parts) - 1)) for parts in durations
    ]
    lengths = _lengths(needs, max(total, sum(needs)), least=needs)
    timed: list[TimedScene] = []
    start = 0.0
    for scene, parts, length in zip(scenes, durations, lengths, strict=True):
        spare = length - LEAD - TAIL - sum(parts)
        pause = min(1.2, spare / max(1, len(parts))) if len(parts) > 1 else PAUSE
        timed.append(_placed(scene, start, _on_frame(start + length), parts, pause))
        start = timed[-1].end
    return tuple(timed)


def _reading(scene: Scene) -> float:
    return LEAD + TAIL + scene.words / WORDS_PER_SECOND + PAUSE * max(0, len(scene.narration) - 1)


def _lengths(needs: Sequence[float], total: float, *, least: Sequence[float] | None = None) -> list[float]:
    """`total` seconds shared out in proportion to `needs`, on frames; none under its `least`."""
    floor = min(SHORTEST_SCENE, total / len(needs))
    lower = list(least) if least is not None else [floor] * len(needs)
    lengths = [0.0] * len(needs)
    open_ones = set(range(len(needs)))
    left = total
    while open_ones:
        share = left / sum(needs[index] for index in open_ones)
        short = {index for index in open_ones if needs[index] * share < lower[index] - 1e-9}
        if not short:
            for index in open_ones:
                lengths[index] = needs[index] * share
            break
        for index in short:
            lengths[index] = lower[index]
            left -= lower[index]
        open_ones -= short
    ends: list[int] = []
    reached = 0.0
    for length in lengths:
        reached += length
        ends.append(round(reached * FPS))
    starts = [0, *ends[:-1]]
    return [(end - start) / FPS for start, end in zip(starts, ends, strict=True)]


def _placed(scene: Scene, start: float, end: float, parts: Sequence[float], pause: float) -> TimedScene:
    at = start + LEAD
    timed: list[TimedSentence] = []
    for sentence, length in zip(scene.narration, parts, strict=True):
        timed.append(_words(sentence, at, at + length))
        at += length + pause
    return TimedScene(scene, start, end, tuple(each for each in timed if each.words))


def _words(sentence: str, start: float, end: float) -> TimedSentence:
    """The sentence's words, each as long as its syllables and the pause that its punctuation makes."""
    words = sentence.split()
    weights = [_weight(word) for word in words]
    scale = (end - start) / (sum(weights) or 1)
    timed: list[TimedWord] = []
    at = start
    for word, weight in zip(words, weights, strict=True):
        timed.append(TimedWord(word, _on_frame(at), _on_frame(at + weight * scale)))
        at += weight * scale
    return TimedSentence(sentence, tuple(timed))


def _weight(word: str) -> float:
    letters = unicodedata.normalize("NFD", word.lower())
    syllables = len(_VOWELS.findall(letters)) or len(word) / 3
    return 0.6 + syllables + (0.8 if word[-1] in ",;:\u2013\u2014" else 0.0)


def _on_frame(seconds: float) -> float:
    return round(seconds * FPS) / FPS
