"""Markdown and HTML as plain text: what a reader would see, and where blocks begin.

Search engines give pages as Markdown or HTML, often with every line break gone, so that a heading, a table
and a sentence stand in one line.
"""

import re
from typing import Final

_IMAGE: Final = re.compile(r"!\[[^\]]*\](?:\([^)]*\)|\s?\[[^\]]*\])")
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_INLINE: Final = re.compile(
    r"</?(?:b|i|u|em|strong|mark|span|code|sup|sub|small|br|p|a)\b[^<>]{0,200}>"
    r"|(?<!\w)(?:\*\*|__|~~)(?=\S)|(?<=\S)(?:\*\*|__|~~)(?!\w)|\*\*",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"`+([^`\n]*)`+")
_BLOCK: Final = re.compile(
    r"\n+|<(?:h[1-6]|li|tr|td|th|div|table|ul|ol|hr)\b[^<>]{0,200}>|</(?:h[1-6]|li|tr|td|th|div|table|ul|ol)>"
    r"|(?:^|\s)(?=#{1,6}\s)|(?:^|\s)(?:>+|[*+\u2022\u00b7\u25aa\u25e6\u2023])\s|(?:^|\s)(?=[QA]\d{0,2}[:.)]\s)"
    r"|(?:^|\s)-{3,}(?=\s|$)|\s\[(?:\.{3}|\u2026)\]\s",
    re.IGNORECASE,
)
_HEADING: Final = re.compile(r"#{1,6}\s")
_QUESTION: Final = re.compile(r"Q\d{0,2}[:.)]\s")
_ANSWER: Final = re.compile(r"^A\d{0,2}[:.)]\s+")
_FEWEST_CELLS: Final = 2


def without_links(text: str) -> tuple[str, int]:
    """A text without images and with links reduced to their text, and the number of both."""
    text, images = _IMAGE.subn("", text)
    text, links = _LINK.subn(lambda match: f"[{match[1]}]" if match[1].isdecimal() else match[1], text)
    return text, images + links


def without_emphasis(text: str) -> str:
    """A text without markup for emphasis and code; words and blocks stay."""
    return _CODE.sub(r"\1", _INLINE.sub("", text))


def prose(text: str) -> list[str]:
    """The blocks of running text: no headings, table cells or lists of questions."""
    found: list[str] = []
    for line in text.split("\n"):
        for part in _outside_cells(line):
            for block in _BLOCK.split(part):
                tidy = _ANSWER.sub("", block.strip())
                if tidy and not _HEADING.match(tidy) and not _QUESTION.match(tidy):
                    found.append(tidy)
    return found


def _outside_cells(line: str) -> list[str]:
    """What of a line is in no cell of a table: a cell has a bar on either side."""
    parts = line.split("|")
    return [line.replace("|", "\n")] if len(parts) <= _FEWEST_CELLS else [parts[0], parts[-1]]
