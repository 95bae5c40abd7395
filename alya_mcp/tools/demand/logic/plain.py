"""The text of a post as a reader sees it, without quotations and code. Pure."""

import re
from html import unescape
from typing import Final, Literal

Markup = Literal["html", "markdown"]

_TAG: Final = re.compile(r"<(/?)([a-z][a-z0-9]*)\b[^<>]*>|<!--[^<>]*-->", re.IGNORECASE)
_APART: Final = frozenset(["p", "br", "li", "ul", "ol", "div", "h1", "h2", "h3", "h4", "hr", "tr", "table"])
_LEFT_OUT: Final = frozenset({"pre", "blockquote", "script", "style"})
_FENCED: Final = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1[^\n]*$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\s]{1,2000}\)")
_MARKS: Final = re.compile(
    r"(\*\*|__|~~)(?=\S)|(?<=\S)(\*\*|__|~~)|^ {0,3}(?:#{1,6}|[*+-]|\d{1,3}\.) +", re.MULTILINE
)
_INDENTED: Final = re.compile(r"^(?: {4}|\t).*$", re.MULTILINE)


def plain(text: str, markup: Markup) -> str:
    """`text` without its markup, one line per paragraph, single spaces between words.

    Left out are quoted paragraphs (`>` or a block quote), which somebody else wrote, and blocks of code.
    """
    text = _without_tags(text) if markup == "html" else _without_marks(text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(">"))


def _without_tags(text: str) -> str:
    """What is outside tags, and a line break where a block begins or ends.

    The places that answer HTML make it themselves, of few tags. The standard library's parser takes seconds
    for 20 kB of unfinished tags, and a post may hold anything.
    """
    parts: list[str] = []
    inside: list[str] = []
    end = 0
    for tag in _TAG.finditer(text):
        if not inside:
            parts.append(unescape(text[end : tag.start()]).replace("\n", " "))
        end = tag.end()
        name = (tag[2] or "").lower()
        if name in _APART or name in _LEFT_OUT:
            parts.append("\n")
        if name in _LEFT_OUT and not tag[1]:
            inside.append(name)
        elif name in inside and tag[1]:
            inside.remove(name)
    if not inside:
        parts.append(unescape(text[end:]).replace("\n", " "))
    return "".join(parts)


def _without_marks(text: str) -> str:
    return _MARKS.sub("", _LINK.sub(r"\1", _INDENTED.sub("", _FENCED.sub("", unescape(text)))))
