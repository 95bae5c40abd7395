"""Write the table of settings into docs/configuration.md and the files in packaging/ that list variables.

    .venv/bin/python scripts/settings_pages.py

tests/settings/test_settings_pages.py compares them.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from alya_mcp.settings import Settings  # noqa: E402
from alya_mcp.settings.reading import SERVICES  # noqa: E402
from alya_mcp.settings.setting import Foreign, Setting, variable_of  # noqa: E402
from alya_mcp.settings.table import SETTINGS  # noqa: E402
from alya_mcp.settings.variables import ROWS  # noqa: E402

PAGE = ROOT / "docs" / "configuration.md"
REGISTRY = ROOT / "packaging" / "registry" / "server.json"
MANIFEST = ROOT / "packaging" / "bundle" / "manifest.json"
NONE = (None, "", ())
DEFAULTS = {each.name: each.default for each in fields(Settings)}
PATHS = {
    variable_of(name)
    for name, hint in get_type_hints(Settings).items()
    if hint is Path or Path in get_args(hint)
}


def page() -> str:
    """docs/configuration.md as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    tables = {
        "settings": table(("variable", "default", "meaning"), settings()),
        "keys": table(("variable", "meaning"), keys()),
        "addresses": table(("variable", "default", "asked by"), addresses()),
    }
    for name, lines in tables.items():
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, rest = text.split(start)
        text = before + start + lines + rest[rest.index(end) :]
    return text


def settings() -> Iterator[tuple[str, ...]]:
    for name, setting in SETTINGS.items():
        meaning = setting.meaning + ("; never shown" if setting.secret else "")
        yield f"`{variable_of(name)}`", default(name, setting), with_page(meaning, setting.page)


def keys() -> Iterator[tuple[str, ...]]:
    for service in SERVICES.values():
        if service.keys:
            names = ", ".join(f"`{key}`" for key in service.keys)
            yield names, with_page(service.about_keys, service.page)


def addresses() -> Iterator[tuple[str, ...]]:
    for service in SERVICES.values():
        url = f"`{service.url}`" if service.url else service.unset or "none"
        yield f"`{service.variable}`", url, service.asked_by


def default(name: str, setting: Setting) -> str:
    value = DEFAULTS[name]
    if setting.unset is not None:
        return setting.unset
    if value in NONE:
        return "none"
    return f"`{int(value) if isinstance(value, bool) else value}`"


def with_page(meaning: str, page: str | None) -> str:
    return meaning if page is None else f"{meaning} ([{page.partition('#')[0]}]({page}))"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    text = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return re.sub(r"(?m)^\| --- .*$", "|" + "---|" * len(head), text)


def registry() -> dict[str, Any]:
    """packaging/registry/server.json as it should be."""
    document: dict[str, Any] = json.loads(REGISTRY.read_text(encoding="utf-8"))
    document["packages"][0]["environmentVariables"] = [listed(name, row) for name, row in offered()]
    return document


def listed(name: str, row: Setting | Foreign) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "description": text_of(row)}
    if name in PATHS:
        entry["format"] = "filepath"
    if is_sensitive(row):
        entry["isSecret"] = True
    value = DEFAULTS.get(name.removeprefix("ALYA_").lower())
    return {**entry, "default": value} if isinstance(value, str) and value else entry


def manifest() -> dict[str, Any]:
    """packaging/bundle/manifest.json as it should be."""
    document: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    rows = {name: row for name, row in offered() if row.offer and row.offer.title}
    document["server"]["mcp_config"]["env"] = {name: f"${{user_config.{field(name)}}}" for name in rows}
    document["user_config"] = {field(name): form(name, row) for name, row in rows.items()}
    return document


def form(name: str, row: Setting | Foreign) -> dict[str, Any]:
    return {
        "type": "file" if name in PATHS else "string",
        "title": row.offer and row.offer.title,
        "description": text_of(row),
        **({"sensitive": True} if is_sensitive(row) else {}),
        "required": False,
    }


def field(variable: str) -> str:
    return variable.removeprefix("ALYA_").lower()


def offered() -> Iterator[tuple[str, Setting | Foreign]]:
    return ((name, row) for name, row in ROWS.items() if row.offer is not None)


def text_of(row: Setting | Foreign) -> str:
    return "" if row.offer is None else row.offer.text


def is_sensitive(row: Setting | Foreign) -> bool:
    return row.secret or (isinstance(row, Foreign) and row.sensitive)


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    for file, document in ((REGISTRY, registry()), (MANIFEST, manifest())):
        file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
