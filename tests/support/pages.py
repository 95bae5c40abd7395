"""The pages of the documentation as tests read them: blocks, commands, code in sentences, headings, links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "examples", "alya_mcp") for page in (ROOT / folder).rglob("*.md")),
    ]
)
_FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, or "" when it says none."""

    language: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[Block]:
    return [Block(language, text) for _, language, text in _FENCED.findall(text_of(page))]


def commands(page: Path) -> list[str]:
    """The lines of `sh` blocks, and what follows `$ ` in blocks that show output, without comments."""
    found: list[str] = []
    for block in blocks(page):
        lines = block.text.splitlines()
        if block.language != "sh":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        found += [re.sub(r"(^|\s+)# .*", "", line).strip() for line in lines]
    return [each for each in found if each]


def prose(page: Path) -> str:
    """The page without its blocks."""
    return _FENCED.sub("", text_of(page))


def spans(page: Path) -> list[str]:
    """What stands as code in sentences, each on one line."""
    return [" ".join(text.split()) for _, text in _SPAN.findall(prose(page))]


def links(page: Path) -> list[str]:
    """Where the page's links and images lead."""
    text = _SPAN.sub("", prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset|href)="([^"]+)"', text)


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the page's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", prose(page), re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        plain = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = 0
        while (name := f"{plain}-{number}" if number else plain) in found:
            number += 1
        found.add(name)
    return found
