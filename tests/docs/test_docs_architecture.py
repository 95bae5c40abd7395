"""The drawing of the architecture has every package, and no other, and can be read in both colour schemes."""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from pages import ROOT, text_of

DRAWING = ROOT / "docs" / "images" / "architecture.svg"
SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 20_000


def layers() -> list[list[str]]:
    """The packages from top to bottom, as import-linter holds them."""
    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    (ordered,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    return [re.findall(r"\w+", layer) for layer in ordered]


def test_the_drawing_has_every_package_and_what_is_kept() -> None:
    drawn = {
        each.text for each in ElementTree.parse(DRAWING).iter(f"{SVG}text") if each.get("class") == "package"
    }
    packages = {name for layer in layers() for name in layer}
    kept = {"policy.json", "state.sqlite", "audit/", "images/"}
    assert drawn == packages | kept
    there = {
        each.stem
        for each in (ROOT / "alya_mcp").iterdir()
        if each.suffix == ".py" or Path(each, "__init__.py").exists()
    }
    assert packages == there - {"__init__"}


def test_the_page_has_the_packages_in_the_order_that_is_held() -> None:
    listed = (
        text_of(ROOT / "docs" / "architecture.md").partition("nothing above: ")[2].partition(".\nimport")[0]
    )
    assert [re.findall(r"`(\w+)`", layer) for layer in listed.split(";")] == layers()


def test_the_drawing_is_small_and_readable_without_colours_or_eyes() -> None:
    text = text_of(DRAWING)
    root = ElementTree.fromstring(text)
    assert len(text.encode()) < LARGEST
    assert "prefers-color-scheme: dark" in text
    assert root.get("role") == "img"
    named = {each.get("id"): each.text or "" for each in root if each.tag in {f"{SVG}title", f"{SVG}desc"}}
    assert set((root.get("aria-labelledby") or "").split()) == named.keys()
    assert len(named["description"]) > 100
