"""The metadata of a video, within YouTube's limits: titles, description with chapters, tags.

The limits are in `limits`; those of chapters are at https://support.google.com/youtube/answer/9884579 (from
0:00, three or more, each at least 10 s).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from alya_mcp.tools.youtube.logic.limits import (
    LARGEST_DESCRIPTION,
    LONGEST_TAGS,
    LONGEST_TITLE,
    tags_length,
)
from alya_mcp.tools.youtube.logic.script import plain, shortened
from alya_mcp.tools.youtube.logic.timing import TimedScene

_LONGEST_TAG: Final = 60
_FEWEST_CHAPTERS: Final = 3
_SHORTEST_CHAPTER: Final = 10.0


def titles(candidates: Iterable[str]) -> tuple[str, ...]:
    """The `candidates` as titles: plain, at most 100 characters, none twice, none empty."""
    made = (shortened(plain(candidate), LONGEST_TITLE) for candidate in candidates)
    return tuple(dict.fromkeys(title for title in made if title))


def tags(candidates: Iterable[str]) -> tuple[str, ...]:
    """The `candidates` that fit into the limit of all tags, in order, none twice."""
    kept: dict[str, str] = {}
    for candidate in candidates:
        tag = plain(candidate).replace(",", " ").replace('"', "").strip()
        if not tag or len(tag) > _LONGEST_TAG or tag.casefold() in kept:
            continue
        if tags_length([*kept.values(), tag]) <= LONGEST_TAGS:
            kept[tag.casefold()] = tag
    return tuple(kept.values())


def chapters(scenes: Sequence[TimedScene]) -> tuple[tuple[int, str], ...]:
    """Second and name of each chapter; empty when the video is too short for three of them."""
    end = scenes[-1].end
    made: list[tuple[int, str]] = [(0, scenes[0].scene.heading)]
    for scene in scenes[1:]:
        begins = int(scene.start + 1e-6)
        if begins - made[-1][0] >= _SHORTEST_CHAPTER and end - begins >= _SHORTEST_CHAPTER:
            made.append((begins, scene.scene.heading))
    return tuple(made) if len(made) >= _FEWEST_CHAPTERS else ()


def description(summary: str, heading: str, scenes: Sequence[TimedScene]) -> str:
    """The `summary`, then `heading` and the chapters, one a line, in at most 5,000 bytes."""
    lines = [f"{second // 60}:{second % 60:02} {plain(name)}" for second, name in chapters(scenes)]
    listed = "\n".join([plain(heading), *lines]) if lines else ""
    room = LARGEST_DESCRIPTION - len(listed.encode()) - 2
    text = "\n\n".join(filter(None, (plain(part) for part in summary.split("\n\n"))))
    while len(text.encode()) > room:
        text = shortened(text, max(1, len(text) - max(1, (len(text.encode()) - room) // 4)))
    return f"{text}\n\n{listed}".strip()
