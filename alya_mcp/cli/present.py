"""A tool's result as text: the answer on stdout, an error on stderr."""

from collections.abc import Mapping
from typing import Any, cast

import click
from mcp_types import CallToolResult, ImageContent, TextContent

from alya_mcp.cli.output import printable, say, show, show_table
from alya_mcp.gate.numbers import plain, short
from alya_mcp.runtime.paths import tilde

ResultFields = Mapping[str, Any]


def show_result(result: CallToolResult) -> None:
    """Print `result`; a URL it holds comes last, alone on its line."""
    structured: Any = result.structured_content
    if result.is_error:
        say("Error: " + "\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    elif isinstance(structured, dict):
        answer = cast("ResultFields", structured)
        (_show_picture if {"url", "seed", "model"} <= answer.keys() else _show_answer)(answer)
    else:
        for block in result.content:
            show(_one_line(block))


def _show_picture(answer: ResultFields) -> None:
    """How the picture, or each of several, was made as a table, then each URL on a line."""
    images: list[ResultFields] = answer.get("images") or [answer]
    rows = [("model", str(answer["model"]))]
    for each in images:
        rows += [
            ("seed", f"{each['seed']} ({answer['steps']} steps)"),
            ("size", f"{each['width']}x{each['height']} {answer['format']}, {each['bytes']:,} bytes"),
        ]
        if len(images) > 1 and each.get("file"):
            rows.append(("file", tilde(each["file"])))
    rows.append(("expires", str(answer["expiresAt"])))
    if len(images) == 1 and answer.get("file"):
        rows.append(("file", tilde(answer["file"])))
    if answer.get("notice"):
        rows.append(("notice", answer["notice"]))
    show_table(rows)
    for each in images:
        click.echo(printable(each["url"]))


def _show_answer(answer: ResultFields) -> None:
    """Simple values as a table, each list of objects as a table of its own, a URL last."""
    simple = [
        (name, _text(value, name)) for name, value in answer.items() if name != "url" and not _is_list(value)
    ]
    if simple:
        show_table(simple)
    for name, value in answer.items():
        if _is_list(value):
            click.echo(f"\n{name}" if value else f"\n{name}: none")
            _show_rows(cast("list[ResultFields]", value))
    if "url" in answer:
        click.echo(printable(str(answer["url"])))


def _show_rows(rows: list[ResultFields]) -> None:
    headings = list(dict.fromkeys(name for row in rows for name in row))
    if headings:
        show_table([[_text(row.get(name), name) for name in headings] for row in rows], headings)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in cast("list[object]", value))


def _text(value: object, name: str = "") -> str:
    """A value in words: numbers in short, money in full, `no` for false, `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return plain(value) if name.lower().endswith("usd") else short(value)
    if isinstance(value, list):
        items = cast("list[object]", value)
        apart = "; " if any(isinstance(item, list | dict) for item in items) else ", "
        return apart.join(_text(item, name) for item in items) or "none"
    if isinstance(value, dict):
        return _members(cast("ResultFields", value))
    return str(value)


def _members(value: ResultFields) -> str:
    if set(value) == {"untrusted", "source", "text"}:
        return f"{value['text']} ({value['source']})"
    told: list[str] = []
    for name, held in cast("Mapping[str, object]", value).items():
        text = _text(held, name)
        told.append(f"{name} ({text})" if isinstance(held, dict) else f"{name} {text}")
    return ", ".join(told) or "none"


def _one_line(block: object) -> str:
    if isinstance(block, TextContent):
        return block.text
    if isinstance(block, ImageContent):
        return f"({block.mime_type}, {len(block.data) * 3 // 4:,} bytes; shown with --output json)"
    return f"({type(block).__name__}; shown with --output json)"
