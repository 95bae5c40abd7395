"""Write the skeleton of a new tool: python scripts/new_tool.py FAMILY NAME --title TITLE [options].

    python scripts/new_tool.py weather alya_tide_now --title "Tides now"

writes alya_mcp/tools/FAMILY/NAME.py and tests/tools/FAMILY/test_NAME.py, adds the tool to tools.CATALOGUE
and an empty entry to the family's questions.toml, from which scripts/ask/train.py learns to find the tool,
and denies it in policy.json until you decide otherwise. The skeleton passes the checks of `@tool`; its
handler raises NotConfigured and its test fails, so that it can't be taken for finished.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MODULE = '''"""{title}."""

from pydantic import Field

from alya_mcp.errors import NotConfigured
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool


class {model}Request(Input):
    """What to answer."""

    query: str = Field(min_length=1, max_length=400, description="What it is about.")


class {model}Answer(Output):
    """What is known of it."""

    answer: str = Field(description="The answer.")


@tool(
    title="{title}",
    category="{category}",
    risk="{risk}",
    read_only={read_only},
    destructive=False,
    idempotent={read_only},
    open_world=True,
)
async def {name}(arguments: {model}Request, context: Context) -> {model}Answer:
    """Say what this tool does, when to use it and when another tool fits better.

    Say what it returns, what it costs and what it can't do.
    """
    raise NotConfigured("{name} isn't written yet.")
'''

TEST = '''"""{title}: its answers and its bad days."""

from moved import Ask

from alya_mcp.tools.{family}.{name} import {name}


async def test_it_answers(ask: Ask) -> None:
    answer = await ask({name}, query="something")
    assert answer["answer"]
'''


def main() -> int:
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("family", help="the folder below alya_mcp/tools; made when it is not there")
    words.add_argument("name", help="the tool's name: lower-case words joined by underscores")
    words.add_argument("--title", required=True, help="what clients show")
    words.add_argument(
        "--category", default="Read", choices=["Read", "Write", "Execute", "Destructive", "Financial"]
    )
    words.add_argument("--risk", default="Low", choices=["Low", "Medium", "High"])
    words.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = words.parse_args()
    for what in (given.family, given.name):
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", what):
            words.error(f"{what!r} is not a name of lower-case words joined by underscores")
    if '"' in given.title or "\\" in given.title:
        words.error(f"the title {given.title!r} contains a quotation mark or a backslash")
    root: Path = given.root
    module = root / "alya_mcp" / "tools" / given.family / f"{given.name}.py"
    if module.exists():
        words.error(f"{module.relative_to(root)} is already there")
    fields = {
        "family": given.family,
        "name": given.name,
        "title": given.title,
        "category": given.category,
        "risk": given.risk,
        "read_only": given.category == "Read",
        "model": "".join(word.capitalize() for word in given.name.split("_")),
    }
    test = root / "tests" / "tools" / given.family / f"test_{given.name}.py"
    _write(module.with_name("__init__.py"), "", keep=True)
    _write(module, MODULE.format(**fields))
    _write(test, TEST.format(**fields))
    _list(
        root / "alya_mcp" / "tools" / "__init__.py",
        f"alya_mcp.tools.{given.family}.{given.name}:{given.name}",
    )
    with module.with_name("questions.toml").open("a", encoding="utf-8") as questions:
        questions.write(f'\n[{given.name}]\nturkish = ""\nquestions = []\n')
    _deny(root / "policy.json", given.name)
    for path in (module, test):
        print(path.relative_to(root))
    return 0


def _write(path: Path, text: str, *, keep: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (keep and path.exists()):
        path.write_text(text, encoding="utf-8")


def _list(catalogue: Path, entry: str) -> None:
    """Add `entry` as the last one of CATALOGUE."""
    text = catalogue.read_text(encoding="utf-8")
    start = text.index("CATALOGUE")
    end = text.index("\n)", start)
    catalogue.write_text(f'{text[:end]}\n    "{entry}",{text[end:]}', encoding="utf-8")


def _deny(policy: Path, name: str) -> None:
    """Add the tool to the packaged policy, denied; the file's own layout is kept."""
    text = policy.read_text(encoding="utf-8")
    tools = text.index('"tools": {')
    end = text.index("\n  }", tools)
    text = f'{text[:end]},\n    "{name}": {{"action": "deny", "reason": "not decided yet"}}{text[end:]}'
    json.loads(text)
    policy.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
