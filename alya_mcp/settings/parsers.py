"""How the text of a variable becomes a value: a function per kind of setting.

Each, or the one that it returns, raises `UnfitValue` with what is wrong, in words that go on from the
variable's name.
"""

import re
import shlex
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from alya_mcp.runtime.paths import expanded

_LONGEST_SECONDS: Final = 604_800
_LONGEST_PREFIX: Final = 900
"""Bytes: a key has at most 1024."""
_FLAGS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class UnfitValue(ValueError):
    """The text of a setting is invalid. Each argument is one problem, without the variable's name."""

    args: tuple[str, ...]


def plain(text: str) -> str:
    """The text as it stands."""
    return text


def path(takes: str) -> Callable[[str], Path]:
    """An absolute path; `takes` says of what."""

    def parse(text: str) -> Path:
        found = expanded(text)
        if not found.is_absolute():
            raise _unfit(str(found), takes)
        return found

    return parse


def choice(literal: Any) -> Callable[[str], str]:
    """One of the words of a `Literal`."""
    words: tuple[str, ...] = get_args(literal)
    return one_of(words)


def one_of(words: Collection[str]) -> Callable[[str], str]:
    """One of `words`."""

    def parse(text: str) -> str:
        if text not in words:
            raise _unfit(text, ", ".join(words))
        return text

    return parse


def flag(text: str) -> bool:
    """Yes or no."""
    value = text.lower()
    if value not in _FLAGS:
        raise _unfit(value, "1 or 0")
    return _FLAGS[value]


def seconds(least: int, zero: str = "for never") -> Callable[[str], int]:
    """A whole number of seconds, up to a week; `zero` says what 0 is for."""
    takes = f"a whole number of seconds from {least} to {_LONGEST_SECONDS}" + ("" if least else f", 0 {zero}")

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= _LONGEST_SECONDS:
            raise _unfit(text, takes)
        return int(text)

    return parse


def count(text: str) -> int:
    """A whole number."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _unfit(text, "a whole number from 0 on")
    return int(text)


def days(text: str) -> int:
    """A whole number of days, at least one."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise _unfit(text, "a whole number of days from 1 on")
    return int(text)


def gigabytes(text: str) -> int:
    """Gigabytes, at least one, in bytes."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) or float(text) < 1:
        raise _unfit(text, "gigabytes from 1 on, such as 12 or 7.5")
    return int(float(text) * 1e9)


def web_address(example: str) -> Callable[[str], str]:
    """An HTTP address without a name and a password."""

    def parse(text: str) -> str:
        if "@" in text:
            raise UnfitValue("holds a name or a password; it takes an address without them")
        if not _is_web_address(text):
            raise _unfit(text, f"a web address such as {example}")
        return text

    return parse


def web_addresses(example: str) -> Callable[[str], tuple[str, ...]]:
    """Such addresses with blanks or commas between."""
    one = web_address(example)

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", text))))
        problems = [problem for address in found for problem in problems_of(one, address)]
        if problems:
            raise UnfitValue(*problems)
        return found

    return parse


def words_of(literal: Any) -> Callable[[str], tuple[str, ...]]:
    """Words of a `Literal` with blanks or commas between."""
    known: tuple[str, ...] = get_args(literal)

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(text.replace(",", " ").split()))
        problems = [f"names {word!r:.40}; it takes {', '.join(known)}" for word in found if word not in known]
        if problems:
            raise UnfitValue(*problems)
        return found

    return parse


def models(text: str) -> tuple[str, ...]:
    """Models with commas between, each once."""
    return tuple(dict.fromkeys(model(each) for each in map(str.strip, text.split(",")) if each))


def host_names(text: str) -> tuple[str, ...]:
    """Host names with commas between, each once, in lower case; `*.example.com` is for the names below it."""
    names = tuple(dict.fromkeys(each for each in map(str.strip, text.lower().split(",")) if each))
    for name in names:
        if not re.fullmatch(r"(\*\.)?([a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{1,62}", name):
            raise _unfit(name, "host names such as images.example.com or *.example.com")
    return names


def model(text: str) -> str:
    """A model: a name, a folder or a hub id."""
    if text.startswith("~") and not expanded(text).is_absolute():
        raise UnfitValue(f"is {text!r}; there is no user of that name here")
    if "random:" in text:
        raise UnfitValue("asks for random weights, which only 'model bench' draws with")
    return text


def key_prefix(text: str) -> str:
    """What stands before every key in a bucket."""
    if {".", ".."} & set(text.split("/")):
        takes = "no segment . or .., since browsers take these out of a link, and it no longer opens"
        raise UnfitValue(f"is {text!r:.120}; it takes {takes}")
    if len(text.encode()) > _LONGEST_PREFIX:
        raise UnfitValue(f"has {len(text.encode())} bytes; it takes at most {_LONGEST_PREFIX}")
    return text.strip("/")


def contact(text: str) -> str:
    """An e-mail or web address that a header can carry."""
    if not re.fullmatch(r"[!-~]{3,200}", text):
        raise _unfit(text, "an e-mail or a web address of yours")
    return text


def voice(text: str) -> str:
    """Who speaks in videos: a word, or the path of a voice."""
    if text in {"auto", "off"}:
        return text
    found = expanded(text)
    if not found.is_absolute() or found.suffix != ".onnx":
        raise _unfit(str(found), "auto, off, or the absolute path of a Piper voice, an .onnx file")
    return str(found)


def command_line(text: str) -> str:
    """A command as a shell takes it."""
    try:
        if not shlex.split(text):
            raise ValueError("it is empty")
    except ValueError as error:
        raise UnfitValue(f"is {text!r:.120}, which is not a command line: {error}") from None
    return text


def problems_of(parse: Callable[[str], object], text: str) -> tuple[str, ...]:
    """What is wrong with `text`."""
    try:
        parse(text)
    except UnfitValue as unfit:
        return unfit.args
    return ()


def _unfit(text: str, takes: str) -> UnfitValue:
    return UnfitValue(f"is {text!r}; it takes {takes}")


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
