"""Sentences of plain text, each exactly as it stands there. Pure."""

import re
from collections.abc import Iterator
from typing import Final

LONGEST: Final = 500
"""Characters of a sentence; one that goes on is cut between words."""

_END: Final = re.compile(r"[.!?\u2026]+[)\]\"'\u201d\u2019]*(?=\s)")
_SHORT: Final = (
    "e.g i.e eg ie etc vs mr mrs ms dr prof inc ltd co corp approx no st jr sr fig max min dept est a.k.a "
    "u.s u.k örn orn vb bkz yy sn çev"
)
_ABBREVIATIONS: Final = frozenset(_SHORT.split())


def sentences(text: str) -> Iterator[str]:
    """The sentences of `text`, in order; lines are paragraphs, and no sentence goes over one."""
    for line in text.splitlines():
        begin = 0
        for end in _END.finditer(line):
            if _is_abbreviation(line[begin : end.start()], end[0]):
                continue
            yield from _cut(line[begin : end.end()])
            begin = end.end()
        yield from _cut(line[begin:])


def _is_abbreviation(before: str, mark: str) -> bool:
    """Whether the full stop `mark` after `before` belongs to a word such as "e.g." or an initial."""
    if mark != ".":
        return False
    word = before.rsplit(None, 1)[-1].lstrip("([\"'").lower() if before.strip() else ""
    return (
        word in _ABBREVIATIONS
        or (len(word) == 1 and word.isalpha() and word != "i")
        or (word.isdecimal() and len(word) < 3)
    )


def _cut(sentence: str) -> Iterator[str]:
    sentence = sentence.strip()
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", 1, LONGEST + 1)
        at = LONGEST if at < 0 else at
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    if sentence:
        yield sentence
