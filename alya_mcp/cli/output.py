"""Output of commands: data on stdout, as a table for people or as JSON; words on stderr."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from alya_mcp.cli.tables import GAP, NARROWEST, fitted, in_lines, joined, one_by_one, width_of, wrapped

if TYPE_CHECKING:
    from alya_mcp.gate import StateError

OutputFormat = Literal["text", "json"]
Command = TypeVar("Command", bound=Callable[..., Any])

_LINES = re.compile("([\n\t])")
_COLOURS = {
    **dict.fromkeys(("ok", "allow"), "green"),
    **dict.fromkeys(("warn", "ask"), "yellow"),
    **dict.fromkeys(("fail", "deny", "hidden"), "red"),
}


def output_option(command: Command) -> Command:
    """Give a command `--output text|json`, passed to it as `output`."""
    return click.option(
        "--output", type=click.Choice(["text", "json"]), default="text", show_default=True,
        help="A form for people, or JSON for programs.",
    )(command)  # fmt: skip


def show_json(value: object) -> None:
    """Print `value` as one indented JSON document, and nothing else, on stdout."""
    click.echo(_json(value, indent=2))


def show_json_line(value: object) -> None:
    """Print `value` as JSON on one line of stdout."""
    click.echo(_json(value, indent=None))


def show_table(rows: Sequence[Sequence[str]], headings: Sequence[str] = ()) -> None:
    """Print `rows` in aligned columns on stdout, wrapped at a terminal's width.

    Where a terminal is too narrow for the columns, each row is a list of its cells.
    """
    width = width_of(sys.stdout)
    table = [[printable(cell).replace("\n", " ") for cell in row] for row in ([headings] if headings else [])]
    table += [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    if not table:
        return
    widths = fitted(table, width)
    if widths is None and headings and width is not None:
        for line in one_by_one(table[0], table[1:], width):
            click.echo(joined([coloured(cell) for cell in line]))
        return
    for number, row in enumerate(table):
        for line in in_lines(row, widths or fitted(table, None) or ()):
            if headings and number == 0:
                click.echo(joined([click.style(cell, bold=True) for cell in line]))
            else:
                click.echo(joined(_in_colour(line, row)))


def show_row(row: Sequence[str], widths: Sequence[int]) -> None:
    """Print one row on stdout, its last cell wrapped at a terminal's width, the others in `widths`."""
    cells = [printable(cell) for cell in row]
    width = width_of(sys.stdout)
    last = sys.maxsize if width is None else max(NARROWEST, width - sum(widths) - len(GAP) * len(widths))
    for line in in_lines(cells, (*widths, last)):
        click.echo(joined(_in_colour(line, cells)))


def _in_colour(line: Sequence[str], row: Sequence[str]) -> list[str]:
    """A line of the cells of `row`, those in colour that say how something is; the last one is prose."""
    cells = zip(line[:-1], row[:-1], strict=True)
    return [*(coloured(part) if part.rstrip() == cell else part for part, cell in cells), line[-1]]


def coloured(cell: str) -> str:
    """A cell, in colour when it says how something is; `click.echo` drops colours where no terminal is."""
    text = cell.rstrip()
    colour = _COLOURS.get(text)
    return cell if colour is None else click.style(text, fg=colour) + cell[len(text) :]


def show(text: str) -> None:
    """Print words on stdout, wrapped at a terminal's width."""
    click.echo(_fitting(text, sys.stdout))


def can_ask() -> bool:
    """Whether somebody is there to read a question and to type an answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()


def say(text: str) -> None:
    """Tell the user something on stderr, wrapped at a terminal's width."""
    click.echo(_fitting(text, sys.stderr), err=True)


def _fitting(text: str, stream: object) -> str:
    width = width_of(stream)
    return printable(text) if width is None else "\n".join(wrapped(printable(text), width))


def say_unusable(error: "StateError") -> None:
    """Say that the state can't be used, and below it what to do about that."""
    say(f"Error: {error}\n-> {error.remedy}")


def printable(text: str) -> str:
    """`text` for a terminal: what isn't seen, or would command the terminal, is written as an escape."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    from alya_mcp.gate.invisible import visible

    return "".join(part if part in {"\n", "\t"} else visible(part) for part in _LINES.split(text))


def _json(value: object, indent: int | None) -> str:
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, indent=indent, ensure_ascii=not utf8, allow_nan=False)
