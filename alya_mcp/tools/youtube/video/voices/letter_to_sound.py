"""Words that no dictionary has, read by the common spellings of English."""

import re
import unicodedata
from typing import Final

_NAMES: Final = {
    "a": "A", "b": "bi", "c": "si", "d": "di", "e": "i", "f": "\u025bf", "g": "\u02a4i", "h": "A\u02a7",
    "i": "I", "j": "\u02a4A", "k": "kA", "l": "\u025bl", "m": "\u025bm", "n": "\u025bn", "o": "O", "p": "pi",
    "q": "kju", "r": "\u0251\u0279", "s": "\u025bs", "t": "ti", "u": "ju", "v": "vi",
    "w": "d\u028cb\u1d4alju", "x": "\u025bks", "y": "wI", "z": "zi",
}  # fmt: skip

_SPELLINGS: Final = (
    # Spellings at the beginning or the end of a word, then longer ones before shorter ones.
    (r"^kn", "n"), (r"^wr", "\u0279"), (r"^ps", "s"), (r"^wh", "w"), (r"^x", "z"), (r"mb$", "m"),
    (r"tion(?=s?$)", "\u0283\u0259n"), (r"sion(?=s?$)", "\u0292\u0259n"), (r"cious$", "\u0283\u0259s"),
    (r"tious$", "\u0283\u0259s"), (r"ous$", "\u0259s"), (r"ture(?=s?$)", "\u02a7\u0259\u0279"),
    (r"able$", "\u0259b\u0259l"), (r"ible$", "\u0259b\u0259l"), (r"le$", "\u0259l"), (r"ity$", "\u0259ti"),
    (r"ology$", "\u0251l\u0259\u02a4i"), (r"er(?=s?$)", "\u0259\u0279"), (r"or(?=s?$)", "\u0259\u0279"),
    (r"ey$", "i"), (r"y$", "i"), (r"a$", "\u0259"), (r"o$", "O"), (r"i$", "i"), (r"es$", "z"),
    (r"igh", "I"), (r"tch", "\u02a7"), (r"dge", "\u02a4"), (r"sch", "sk"), (r"eau", "O"),
    (r"ough", "\u028cf"), (r"augh", "\u0254"), (r"ch", "\u02a7"), (r"sh", "\u0283"), (r"th", "\u03b8"),
    (r"ph", "f"), (r"ck", "k"), (r"ng$", "\u014b"), (r"ng(?=[kg])", "\u014b"), (r"qu", "kw"),
    (r"gh", ""), (r"ee|ea|ie", "i"), (r"oo|ou(?=s)", "u"), (r"ai|ay|ei|ey", "A"), (r"oa", "O"),
    (r"ou|ow", "W"), (r"oi|oy", "Y"), (r"au|aw", "\u0254"), (r"eu|ew|ue", "u"),
    (r"ar", "\u0251\u0279"), (r"er|ir|ur", "\u025c\u0279"), (r"or", "\u0254\u0279"),
    (r"a(?=[bcdfgklmnpstvz]e$)", "A"), (r"i(?=[bcdfgklmnpstvz]e$)", "I"),
    (r"o(?=[bcdfgklmnpstvz]e$)", "O"), (r"u(?=[bcdfgklmnpstvz]e$)", "u"),
    (r"e(?=[bcdfgklmnpstvz]e$)", "i"), (r"(?<=.)e$", ""),
    (r"c(?=[eiy])", "s"), (r"g(?=[eiy])", "\u02a4"), (r"([bcdfgklmnprstvz])\1", ""),
    (r"a", "\u00e6"), (r"e", "\u025b"), (r"i", "\u026a"), (r"o", "\u0251"), (r"u", "\u028c"),
    (r"y(?=[aeiou])", "j"), (r"y", "\u026a"), (r"c|k|q", "k"), (r"g", "\u0261"), (r"j", "\u02a4"),
    (r"r", "\u0279"), (r"x", "ks"), (r"[bdfhlmnpstvwz]", "="),
)  # fmt: skip
"""A spelling and its phonemes, in order; `=` is the letter itself. A doubled letter is skipped once."""
_RULES: Final = tuple((re.compile(pattern), sound) for pattern, sound in _SPELLINGS)
_VOWEL: Final = re.compile("[AIOWY\u00e6\u0251\u0254\u025b\u025c\u026aiu\u028a\u028c]")


def by_letters(word: str) -> str:
    """The phonemes of a word by the rules of spelling, with the stress on its first full vowel."""
    letters = "".join(
        letter
        for letter in unicodedata.normalize("NFD", word.lower().replace("\u0131", "i"))
        if "a" <= letter <= "z"
    )
    made: list[str] = []
    at = 0
    while at < len(letters):
        for pattern, sound in _RULES:
            match = pattern.match(letters, at)
            if match:
                if "\\1" in pattern.pattern:
                    at += 1
                else:
                    made.append(match[0] if sound == "=" else sound)
                    at = match.end()
                break
        else:
            at += 1
    said = "".join(made)
    stressed = _VOWEL.search(said)
    return said if stressed is None else f"{said[: stressed.start()]}\u02c8{said[stressed.start() :]}"


def spelled_out(word: str) -> str:
    """The names of the letters, the last one stressed, as abbreviations are read."""
    names = [_NAMES[letter] for letter in word.lower() if letter in _NAMES]
    return "".join(
        f"{chr(0x2C8 if index == len(names) - 1 else 0x2CC)}{name}" for index, name in enumerate(names)
    )
