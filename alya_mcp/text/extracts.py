"""Extractive answers: statements that the sources contain, each with its number."""

import re
from collections.abc import Sequence
from typing import Final

from alya_mcp.text.bm25 import bm25
from alya_mcp.text.markup import without_links
from alya_mcp.text.statements import statements
from alya_mcp.text.words import Language, overlap, terms

_MOST: Final = 4
_PER_SOURCE: Final = 2
_SAME: Final = 0.6
_FOOTNOTE: Final = re.compile(r"\s?[\[\u3010]\s*\d{1,3}(?:\s*[,;\u2013-]\s*\d{1,3})*\s*[\]\u3011]")


def extract(question: str, texts: Sequence[str], language: Language) -> str:
    """At most four statements of `texts` that fit the question best, as `Sentence [n]`; n counts from 1.

    They stand in the order of the texts, no two say the same, and none is changed but for its white space,
    its links and numbers in brackets of its own, which would be taken for citations.
    Empty when the texts have no statement that shares a word with the question.
    """
    found = [
        (number, sentence, terms(sentence, language))
        for number, text in enumerate(texts, 1)
        for sentence in statements(without_links(_FOOTNOTE.sub("", text))[0])
    ]
    scores = bm25(terms(question, language), [words for _, _, words in found])
    chosen: list[int] = []
    for index in sorted(range(len(found)), key=lambda index: (-scores[index], index)):
        number, _, words = found[index]
        if len(chosen) == _MOST or scores[index] <= 0:
            break
        if sum(found[other][0] == number for other in chosen) == _PER_SOURCE:
            continue
        if all(overlap(words, found[other][2]) < _SAME for other in chosen):
            chosen.append(index)
    return " ".join(f"{found[index][1]} [{found[index][0]}]" for index in sorted(chosen))
