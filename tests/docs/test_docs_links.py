"""No link between the pages of the documentation leads nowhere, and every page can be found."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pages import PAGES, ROOT, anchors, links, name_of, text_of

OUTSIDE = ("http", "https", "mailto")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_page_and_a_heading_that_are_there(page: Path) -> None:
    for link in links(page):
        parts = urlsplit(link)
        if parts.scheme in OUTSIDE:
            assert parts.netloc or parts.scheme == "mailto", link
            continue
        target = page.parent / unquote(parts.path) if parts.path else page
        assert target.exists(), link
        assert target.resolve().is_relative_to(ROOT), f"{link} leads out of the repository"
        if parts.fragment:
            assert parts.fragment in anchors(target), link


def test_every_page_of_docs_is_linked_from_the_readme_or_from_a_page_that_is() -> None:
    found: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in found:
            continue
        found.add(page)
        places = [(page.parent / urlsplit(link).path).resolve() for link in links(page) if "://" not in link]
        for place in places:
            waiting += [place] if place.suffix == ".md" else sorted(place.glob("*.md"))
    assert {name_of(page) for page in PAGES} - {name_of(page) for page in found} == set()


def test_pages_and_tests_that_code_and_pages_name_are_there() -> None:
    named: dict[str, str] = {}
    for file in [*PAGES, *(ROOT / "alya_mcp").rglob("*.py")]:
        for name in re.findall(r"(?<![\w/.])(?:docs|tests)/[\w/-]+\.(?:md|json|py)", text_of(file)):
            named[name] = name_of(file)
    assert len(named) >= 20
    assert {name: file for name, file in named.items() if not (ROOT / name).is_file()} == {}
