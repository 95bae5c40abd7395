"""Finds quotations in a text: a simulation must not pass invented ones off as real."""

import re
from collections.abc import Sequence
from typing import Final

from alya_mcp.text.folding import fold

_QUOTED: Final = (
    re.compile('"([^"\n]+)"'),
    re.compile("\u201c([^\u201d\u201c\n]+)[\u201d\u201c]"),
    re.compile("\u201e([^\u201c\u201d\n]+)[\u201c\u201d]"),
    re.compile("[\u00ab\u00bb]([^\u00ab\u00bb\n]+)[\u00ab\u00bb]"),
    re.compile("[\u300c\u300e]([^\u300d\u300f\n]+)[\u300d\u300f]"),
    re.compile("(?<!\\w)'((?:[^'\n]|(?<=\\w)'(?=\\w))+)'(?!\\w)"),
    re.compile("\u2018((?:[^\u2018\u2019\n]|(?<=\\w)\u2019(?=\\w))+)\u2019(?!\\w)"),
    re.compile(r"^[ \t]*>[ \t]?(.+)$", re.MULTILINE),
)
_ATTRIBUTED: Final = re.compile(
    r"\b(?:said|wrote|written|words|quote|saying|motto|dedim|dedi|demi\u015ftim|demi\u015fti|yazd\u0131m|"
    r"yazm\u0131\u015ft\u0131m|s\u00f6z\u00fcm)\s*:\s*([^\n]+?[.!?\u2026])(?=\s|$)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[^\W_]+")
_FEWEST_WORDS: Final = 2


def unverified(text: str, sources: Sequence[str]) -> list[str]:
    """The quotations of a text, two words or longer, that stand word for word in none of `sources`.

    Counted are words in quotation marks of any kind, quoted blocks, and a sentence after a word such as
    `wrote:`. White space, capitals and punctuation don't matter.
    """
    known = [_plain(source) for source in sources]
    found: dict[str, str] = {}
    for pattern in (*_QUOTED, _ATTRIBUTED):
        for match in pattern.finditer(text):
            quoted = " ".join(match[1].split()).strip("\"'\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb ")
            plain = _plain(quoted)
            if plain.count(" ") < _FEWEST_WORDS + 1:
                continue
            if not any(plain in source for source in known) and not any(plain in each for each in found):
                found[plain] = quoted
    return list(found.values())


def _plain(text: str) -> str:
    """Its words, folded, with a blank around each."""
    return f" {' '.join(_WORD.findall(fold(text)))} "
