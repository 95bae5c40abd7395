"""The text of a post as a reader sees it, without what its author quotes and without code. Pure."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Final, Literal

Markup = Literal["html", "markdown"]

_APART: Final = frozenset({"p", "br", "li", "ul", "ol", "div", "h1", "h2", "h3", "h4", "hr", "tr", "table"})
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
    if markup == "html":
        reader = _Reader()
        reader.feed(text)
        reader.close()
        text = reader.text
    else:
        text = _MARKS.sub("", _LINK.sub(r"\1", _INDENTED.sub("", _FENCED.sub("", unescape(text)))))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith(">"))


class _Reader(HTMLParser):
    """Collects what is outside tags, and a line break where a block begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._inside: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _LEFT_OUT:
            self._inside.append(tag)
        if tag in _APART or tag in _LEFT_OUT:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            self._inside.remove(tag)
        if tag in _APART or tag in _LEFT_OUT:
            self._parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self._parts.append(data.replace("\n", " "))
