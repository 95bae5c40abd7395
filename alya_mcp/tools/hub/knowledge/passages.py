"""Documentation as passages that can be found and quoted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import alya_mcp
from alya_mcp.text.words import sentences

_LONGEST = 1200
_LEFT_OUT = frozenset({"README.md", "attacks.md"})
"""The README stands first; the page of attacks quotes what attackers write."""
BETWEEN = " \u203a "
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_CODE = re.compile(r"```.*?```", re.DOTALL)
_WHOLE = re.compile(r"(?:`|[\"'(\u201c]*[^\W_a-z]).*[.!?][\"'`)\u201d]*")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_ROW = re.compile(r"[^.;:]{1,40}: .*; [^.;:]{1,40}: ")
_ITEM = re.compile(r"\n(?!\s*(?:[-*+]|\d+\.)\s)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of text. `source` says where it stands, as `docs/policy.md`, `title` under which headings."""

    title: str
    source: str
    text: str

    @property
    def place(self) -> str:
        """The page and the headings below its own, as `docs/storage.md \u203a Amazon S3`."""
        return BETWEEN.join([self.source, *self.title.split(BETWEEN)[1:]])


def documentation() -> list[Passage]:
    """The README and the pages of `docs`, in the package when installed, beside it in a checkout."""
    package = Path(alya_mcp.__file__).parent
    inside = package / "docs"
    root = inside if inside.is_dir() else package.parent
    pages = [root / "README.md"] if (root / "README.md").is_file() else []
    folder = inside if inside.is_dir() else root / "docs"
    pages += sorted(path for path in folder.glob("**/*.md") if path.name not in _LEFT_OUT)
    found: list[Passage] = []
    for page in pages:
        name = page.name if page.name == "README.md" else f"docs/{page.relative_to(folder).as_posix()}"
        found += split(page.read_text(encoding="utf-8"), name)
    return found


def statements(text: str, names: Sequence[str] = ()) -> list[str]:
    """The whole sentences of a passage: no code, no fragments, no rows of tables.

    With `names` only what holds one of them, and the rows of tables that are about one.
    """
    found: list[str] = []
    for line in _CODE.sub("\n", text).splitlines():
        block = _BULLET.sub("", line)
        if _ROW.match(block):
            found += [block for name in names if name in block.partition(";")[0]]
        else:
            found += [each for each in sentences(block) if _WHOLE.fullmatch(each)]
    return [each for each in found if not names or any(name in each for name in names)]


def split(markdown: str, source: str) -> list[Passage]:
    """A page's sections under their headings, long ones cut between paragraphs, rows or lines."""
    found: list[Passage] = []
    for title, body in _sections(markdown):
        part: list[str] = []
        for block in _blocks(body):
            if part and sum(map(len, part)) + len(block) > _LONGEST:
                found.append(Passage(title=title, source=source, text="\n\n".join(part)))
                part = []
            part.append(block)
        if part:
            found.append(Passage(title=title, source=source, text="\n\n".join(part)))
    return found


def _sections(markdown: str) -> Iterator[tuple[str, str]]:
    titles: list[str] = []
    lines: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        level = len(line) - len(line.lstrip("#"))
        if level and not fenced and line[level : level + 1] == " ":
            yield BETWEEN.join(titles), "\n".join(lines)
            titles = [*titles[: level - 1], line[level:].strip()]
            lines = []
        else:
            lines.append(line)
    yield BETWEEN.join(titles), "\n".join(lines)


def _blocks(body: str) -> Iterator[str]:
    """Paragraphs and list items without line breaks, rows of a table with the names of their columns, code
    between fences.
    """
    fenced = False
    for block in body.split("\n\n"):
        text = _LINK.sub(lambda match: match[1], _IMAGE.sub("", block)).replace("**", "").strip()
        lines = [line for line in text.splitlines() if line.strip()]
        code = fenced or text.startswith("```")
        fenced ^= sum(line.lstrip().startswith("```") for line in lines) % 2 == 1
        if len(lines) > 2 and lines[0].startswith("|") and set(lines[1]) <= set("|-: "):
            yield from (_row(lines[0], line) for line in lines[2:])
        elif lines:
            inside = (line for line in lines if not line.lstrip().startswith("```"))
            yield "\n".join(("```", *inside, "```")) if code else _ITEM.sub(" ", "\n".join(lines))


def _row(head: str, line: str) -> str:
    named = zip(_cells(head), _cells(line), strict=False)
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in line.strip().strip("|").split(" | ")]
