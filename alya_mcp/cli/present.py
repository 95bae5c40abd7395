"""A tool's result as a person reads it: what it says on stdout, an error on stderr."""

import json
from collections.abc import Mapping
from typing import Any, cast

import click
from mcp_types import CallToolResult, ImageContent, TextContent

from alya_mcp.cli.output import printable, say, show_table
from alya_mcp.runtime.paths import tilde

Answer = Mapping[str, Any]


def show_result(result: CallToolResult) -> None:
    """Print `result`; a URL it holds comes last, alone on its line."""
    structured: Any = result.structured_content
    if result.is_error:
        say("Error: " + "\n".join(block.text for block in result.content if isinstance(block, TextContent)))
    elif isinstance(structured, dict):
        answer = cast("Answer", structured)
        (_show_picture if {"url", "seed", "model"} <= answer.keys() else _show_answer)(answer)
    else:
        for block in result.content:
            click.echo(_one_line(block))


def _show_picture(answer: Answer) -> None:
    rows = [
        ("model", str(answer["model"])),
        ("seed", f"{answer['seed']} ({answer['steps']} steps)"),
        ("size", f"{answer['width']}x{answer['height']} {answer['format']}, {answer['bytes']:,} bytes"),
        ("expires", str(answer["expiresAt"])),
    ]
    if answer.get("file"):
        rows.append(("file", tilde(answer["file"])))
    if answer.get("notice"):
        rows.append(("notice", answer["notice"]))
    show_table(rows)
    click.echo(printable(answer["url"]))


def _show_answer(answer: Answer) -> None:
    """Simple values as a table, each list of objects as a table of its own, a URL last."""
    simple = [(name, _text(value)) for name, value in answer.items() if name != "url" and not _is_list(value)]
    if simple:
        show_table(simple)
    for name, value in answer.items():
        if _is_list(value):
            click.echo(f"\n{name}" if value else f"\n{name}: none")
            _show_rows(cast("list[Answer]", value))
    if "url" in answer:
        click.echo(printable(str(answer["url"])))


def _show_rows(rows: list[Answer]) -> None:
    headings = list(dict.fromkeys(name for row in rows for name in row))
    if headings:
        show_table([[_text(row.get(name)) for name in headings] for row in rows], headings)


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in cast("list[object]", value))


def _text(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(block: object) -> str:
    if isinstance(block, TextContent):
        return printable(block.text)
    if isinstance(block, ImageContent):
        return f"({printable(block.mime_type)}, {len(block.data) * 3 // 4:,} bytes; shown with --output json)"
    return f"({type(block).__name__}; shown with --output json)"
