"""The script of a video: scenes with what is shown and what is said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from alya_mcp.text import words

LONGEST_HEADING: Final = 70
LONGEST_POINT: Final = 90
_ANGLES: Final = str.maketrans({"<": "\u2039", ">": "\u203a"})
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One scene: `heading` and `point` are shown, the sentences of `narration` are said and captioned.

    `kicker` is a short label above the heading, `picture` a prompt for the image engine.
    """

    heading: str
    narration: tuple[str, ...]
    point: str = ""
    kicker: str = ""
    picture: str = ""

    @property
    def words(self) -> int:
        """The number of words that are said."""
        return sum(len(sentence.split()) for sentence in self.narration)

    def as_json(self) -> dict[str, Any]:
        """The scene as the pipeline keeps it."""
        return {
            "heading": self.heading,
            "point": self.point,
            "kicker": self.kicker,
            "narration": list(self.narration),
            "picture": self.picture,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """The scene that `as_json` wrote.

        Raises:
            KeyError, TypeError: it didn't.
        """
        return cls(
            heading=str(kept["heading"]),
            narration=tuple(map(str, kept["narration"])),
            point=str(kept.get("point", "")),
            kicker=str(kept.get("kicker", "")),
            picture=str(kept.get("picture", "")),
        )


def plain(text: str) -> str:
    """`text` on one line, without control characters and angle brackets, which YouTube refuses."""
    return " ".join(_CONTROL.sub(" ", text).translate(_ANGLES).split())


def shortened(text: str, most: int) -> str:
    """`text` in at most `most` characters, cut between words and marked with an ellipsis."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    kept = cut[: cut.rindex(" ")] if " " in cut[most // 2 :] else cut
    return kept.rstrip(" ,;:-\u2013") + "\u2026"


def sentences(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph, each on one line."""
    return tuple(words.sentences(plain(text)))


def total_words(scenes: Sequence[Scene]) -> int:
    """The number of words that all scenes say."""
    return sum(scene.words for scene in scenes)
