"""Captions: cues of at most two short lines, timed to the words, as SubRip and WebVTT text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alya_mcp.tools.youtube.logic.timing import TimedScene, TimedSentence, TimedWord

LINE: Final = 42
"""Characters of a line; what the guidelines of broadcasters (BBC, Netflix) allow for Latin letters."""
_LONGEST: Final = 2 * LINE
_STAYS: Final = 0.4
"""Seconds for which a cue stays after its last word, where the next one leaves them."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once: its lines, the words in them, and when it is shown, in seconds."""

    lines: tuple[tuple[TimedWord, ...], ...]
    start: float
    end: float

    @property
    def words(self) -> tuple[TimedWord, ...]:
        """All its words."""
        return tuple(word for line in self.lines for word in line)

    @property
    def text(self) -> str:
        """Its lines as text."""
        return "\n".join(" ".join(word.text for word in line) for line in self.lines)


def cues(scenes: Sequence[TimedScene], *, line: int = LINE) -> tuple[Cue, ...]:
    """The captions of the whole video, in order and without overlap; a `line` has so many characters."""
    groups = [
        (group, scene.end)
        for scene in scenes
        for sentence in scene.sentences
        for group in _groups(sentence, 2 * line)
    ]
    made: list[Cue] = []
    for index, (group, scene_end) in enumerate(groups):
        following = groups[index + 1][0][0].start if index + 1 < len(groups) else scene_end
        end = max(group[-1].end, min(following, scene_end, group[-1].end + _STAYS))
        made.append(Cue(_lines(group, line), group[0].start, end))
    return tuple(made)


def subrip(captions: Sequence[Cue]) -> str:
    """The captions as a SubRip file."""
    blocks = [
        f"{number}\n{_time(cue.start, ',')} --> {_time(cue.end, ',')}\n{cue.text}\n"
        for number, cue in enumerate(captions, 1)
    ]
    return "\n".join(blocks)


def _groups(sentence: TimedSentence, longest: int) -> list[tuple[TimedWord, ...]]:
    """The sentence in as few parts as fit, of about equal length."""
    words = sentence.words
    length = len(" ".join(word.text for word in words))
    parts = -(-length // longest)
    while True:
        groups = _split(words, parts)
        if parts >= len(words) or all(_width(group) <= longest for group in groups):
            return groups
        parts += 1


def _split(words: Sequence[TimedWord], parts: int) -> list[tuple[TimedWord, ...]]:
    total = _width(words)
    groups: list[list[TimedWord]] = [[]]
    reached = 0
    for word in words:
        if groups[-1] and len(groups) < parts and reached + len(word.text) / 2 > total * len(groups) / parts:
            groups.append([])
        groups[-1].append(word)
        reached += len(word.text) + 1
    return [tuple(group) for group in groups]


def _lines(group: Sequence[TimedWord], line: int) -> tuple[tuple[TimedWord, ...], ...]:
    if _width(group) <= line:
        return (tuple(group),)
    choices = range(1, len(group))
    at = min(choices, key=lambda i: (max(_width(group[:i]), _width(group[i:])), i), default=0)
    return (tuple(group[:at]), tuple(group[at:])) if at else (tuple(group),)


def _width(words: Sequence[TimedWord]) -> int:
    return len(" ".join(word.text for word in words))


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{rest:03}"
