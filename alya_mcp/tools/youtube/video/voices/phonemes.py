"""English text as phonemes of American English, in the symbols that Kokoro was trained with.

Words are looked up in the dictionaries of misaki (Apache-2.0), of which the data is used and not the code:
that needs spaCy, and espeak-ng (GPL) for what it doesn't know. Such words are read by `letters`.
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, Self, cast

from alya_mcp.tools.youtube.video.voices.letter_to_sound import by_letters, spelled_out
from alya_mcp.tools.youtube.video.voices.numbers import spelled

_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[.,!?;:\u2026\u2014\u2013-]")
_PUNCTUATION: Final = {"\u2013": "\u2014", "-": ""}
_SAID: Final = {
    "&": " and ", "+": " plus ", "%": " percent ", "@": " at ", "=": " equals ", "\u00b0": " degrees ",
    "\u00d7": " times ", "/": " ",
}  # fmt: skip
_WEAK: Final = {"a": "\u0250", "an": "\u0259n", "and": "\u00e6nd", "of": "\u028cv"}
_VOWELS: Final = frozenset("AIOWY\u00e6\u0251\u0254\u0259\u025b\u025c\u026aiu\u028a\u028c\u1d7b\u0250")
_VOICELESS: Final = frozenset("ptkf\u03b8")
_HISSES: Final = frozenset("sz\u0283\u0292\u02a7\u02a4")


class Phonemes:
    """A dictionary of pronunciations."""

    def __init__(self, words: Mapping[str, object]) -> None:
        self._words = words

    @classmethod
    def load(cls) -> Self:
        """The dictionaries of the installed misaki.

        Raises:
            ImportError, OSError: it isn't installed.
        """
        folder = files("misaki") / "data"
        words: dict[str, object] = {}
        for name in ("us_silver.json", "us_gold.json"):
            words.update(cast("dict[str, Any]", json.loads((folder / name).read_text(encoding="utf-8"))))
        return cls(words)

    def of(self, text: str) -> str:
        """The phonemes of a text; punctuation that is heard stays."""
        for sign, said in _SAID.items():
            text = text.replace(sign, said) if sign != "%" else text
        text = spelled(text).replace("%", _SAID["%"])
        made: list[str] = []
        tokens = _TOKEN.findall(text)
        for index, token in enumerate(tokens):
            if not token[0].isalpha():
                mark = _PUNCTUATION.get(token, token)
                if mark and made:
                    made[-1] += mark
                continue
            following = next((each for each in tokens[index + 1 :] if each[0].isalpha()), "")
            made.append(self._in_sentence(token.replace("\u2019", "'"), following))
        return " ".join(made).replace("\u027e", "T").replace("\u0294", "t")

    def word(self, word: str) -> str:
        """The phonemes of one word."""
        found = self._known(word) or self._inflected(word)
        if found:
            return found
        if word.isupper() and 1 < len(word) <= 5:
            return spelled_out(word)
        if "'" in word:
            stem, _, ending = word.partition("'")
            return self.word(stem) + (by_letters(ending) if ending not in ("", "s") else "")
        return by_letters(word)

    def _in_sentence(self, word: str, following: str) -> str:
        small = word.lower()
        if small in _WEAK and not (small == "a" and not following):
            return _WEAK[small]
        if small in ("the", "to"):
            vowel = bool(following) and self.word(following).lstrip("\u02c8\u02cc")[:1] in _VOWELS
            return {"the": ("\u00f0\u0259", "\u00f0i"), "to": ("t\u0259", "t\u028a")}[small][vowel]
        return self.word(word)

    def _known(self, word: str) -> str | None:
        for form in (word, word.lower(), word.capitalize()):
            found = self._words.get(form)
            if isinstance(found, Mapping):
                found = cast("Mapping[str, object]", found).get("DEFAULT")
            if isinstance(found, str):
                return found
        return None

    def _inflected(self, word: str) -> str | None:
        """A word with a regular ending, from its stem."""
        small = word.lower()
        for ending, stems in _stems(small):
            for stem in stems:
                found = self._known(stem)
                if found:
                    return found + _sound_of(ending, found)
        return None


def _stems(word: str) -> list[tuple[str, list[str]]]:
    """The endings that the word may have, each with the stems that it may be of."""
    made: list[tuple[str, list[str]]] = []
    if word.endswith("'s"):
        made.append(("s", [word[:-2]]))
    elif word.endswith("ies") and len(word) > 4:
        made.append(("s", [word[:-3] + "y", word[:-1]]))
    elif word.endswith("es") and len(word) > 3:
        made.append(("s", [word[:-1], word[:-2]]))
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 2:
        made.append(("s", [word[:-1]]))
    if word.endswith("ied") and len(word) > 4:
        made.append(("ed", [word[:-3] + "y"]))
    elif word.endswith("ed") and len(word) > 3:
        made.append(("ed", [word[:-1], word[:-2], *_undoubled(word[:-2])]))
    if word.endswith("ing") and len(word) > 4:
        made.append(("ing", [word[:-3] + "e", word[:-3], *_undoubled(word[:-3])]))
    if word.endswith("ly") and len(word) > 4:
        made.append(("ly", [word[:-2]]))
    return made


def _undoubled(stem: str) -> list[str]:
    return [stem[:-1]] if len(stem) > 2 and stem[-1] == stem[-2] else []


def _sound_of(ending: str, stem: str) -> str:
    last = stem[-1]
    match ending:
        case "s":
            return "\u1d7bz" if last in _HISSES else "s" if last in _VOICELESS else "z"
        case "ed":
            if last in "td":
                return "\u1d7bd"
            return "t" if last in _VOICELESS or last in "s\u0283\u02a7" else "d"
        case "ing":
            return "\u026a\u014b"
        case _:
            return "li"
