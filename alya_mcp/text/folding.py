"""Folding of text for comparison: case, diacritics and Turkish letters."""

import unicodedata

_TURKISH = str.maketrans("ıİşŞğĞçÇöÖüÜ", "iisSgGcCoOuU")
_TURKISH_LETTERS = frozenset("ıİşŞğĞçÇöÖüÜ")


def fold(text: str) -> str:
    """`text` in lower case without diacritics, so that Turkish names match in capitals and in ASCII."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_TURKISH))
    return " ".join(
        "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold().split()
    )


def language_of(text: str) -> str:
    """The language to name a place in: `tr` for a name with letters that Turkish has, else `en`."""
    return "tr" if _TURKISH_LETTERS.intersection(unicodedata.normalize("NFC", text)) else "en"
