"""Numbers in English words, as they are read aloud."""

import re
from typing import Final

_ONES: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_LARGE: Final = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS: Final = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_YEARS: Final = range(1100, 2100)
_UNITS: Final = {"$": "dollars", "\u20ac": "euros", "\u00a3": "pounds", "\u20ba": "lira"}
_NUMBER: Final = re.compile(
    r"(?P<unit>[$\u20ac\u00a3\u20ba])?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<part>\d+))?"
    r"(?P<end>%|st\b|nd\b|rd\b|th\b|s\b)?"
)


def spelled(text: str) -> str:
    """`text` with its numbers in words: `3.5%`, `1,200`, `2nd`, `$40`, `1990s`; 1100 to 2099 are years."""
    return _NUMBER.sub(_said, text)


def cardinal(number: int) -> str:
    """A whole number from 0 to 999 trillion in words."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_ONES[hundreds]} hundred" + (f" {cardinal(rest)}" if rest else "")
    for size, name in _LARGE:
        if number >= size:
            count, rest = divmod(number, size)
            return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError(number)


def _said(match: re.Match[str]) -> str:
    digits, part, end = match["whole"], match["part"], match["end"] or ""
    number = int(digits.replace(",", ""))
    if number >= 10**15 or (len(digits) > 1 and digits[0] == "0"):
        words = " ".join(_ONES[int(digit)] for digit in digits if digit.isdigit())
    elif number in _YEARS and "," not in digits and not (part or match["unit"] or end == "%"):
        words = _year(number)
    else:
        words = cardinal(number)
    if part:
        words += " point " + " ".join(_ONES[int(digit)] for digit in part)
    if end in ("st", "nd", "rd", "th"):
        words = _ordinal(words)
    elif end == "s":
        words = words[:-1] + "ies" if words.endswith("y") else words + "s"
    elif end == "%":
        words += " percent"
    if match["unit"]:
        words += f" {_UNITS[match['unit']]}"
    return f" {words} "


def _year(number: int) -> str:
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010 or number % 1000 == 0:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def _ordinal(words: str) -> str:
    *before, last = words.split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = last[:-1] + "ieth" if last.endswith("y") else last + ("h" if last.endswith("t") else "th")
    return " ".join([*before, last])
