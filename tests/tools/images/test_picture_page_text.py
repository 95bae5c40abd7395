"""The page of a picture: one small file that needs nothing else, and shows what it is told as text."""

import re
from html.parser import HTMLParser

from alya_mcp.tools.images.image_gen import image_gen


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_is_one_small_file_that_fetches_nothing() -> None:
    page = image_gen.page
    assert len(page.encode()) < 60_000
    elements = Elements(page).found
    attributes = {name for _, given in elements for name in given}
    assert not attributes & {"src", "href", "srcset", "action", "data", "style"}
    assert not {tag for tag, _ in elements} & {"link", "iframe", "object", "embed", "form", "base"}
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|import|sendBeacon)\b|url\(|https?://", page
    )


def test_nothing_that_the_page_is_told_becomes_markup_or_code() -> None:
    page = image_gen.page
    assert not [name for _, given in Elements(page).found for name in given if name.startswith("on")]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", page
    )
