"""Shared by the commands for imported records: reading a CSV file, saving and deleting its rows."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO, TypeVar, cast

import click

from alya_mcp.cli.output import OutputFormat, say, show_json
from alya_mcp.text.plurals import counted

T = TypeVar("T")

SOME_REJECTED = 1
UNREADABLE = 2
_SHOWN = 20


def import_file(
    file: Path,
    output: OutputFormat,
    *,
    noun: str,
    read: Callable[[TextIO], Iterator[tuple[int, T | str]]],
    keep: Callable[[Mapping[int, T]], Mapping[int, str]],
) -> int:
    """Import `file` and show what came of it; returns the exit code.

    `read` gives each row's number and its record or why it has none. `keep` takes the records by row, and
    returns those that it didn't take with the reason. When it or `read` fails, nothing was added.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.toolkit.spreadsheet import NotATable

    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = dict(read(text))
        rejected = {row: found for row, found in rows.items() if isinstance(found, str)}
        records = {row: cast("T", found) for row, found in rows.items() if row not in rejected}
        rejected |= keep(records)
    except (OSError, UnicodeDecodeError, NotATable, Failure) as error:
        say(f"Error: {file} was not imported: {words_of(error)}")
        return UNREADABLE
    _show(len(rows) - len(rejected), rejected, output, noun)
    return SOME_REJECTED if rejected else 0


def clear_records(
    grant: str, output: OutputFormat, *, yes: bool, noun: str, clear: Callable[[str], int]
) -> int:
    """Take every record of a caller out, after asking unless `yes`; returns the exit code."""
    from alya_mcp.errors import Failure

    if not yes:
        click.confirm(f"Take out every {noun} of {grant}?", abort=True, err=True)
    try:
        count = clear(grant)
    except Failure as error:
        say(f"Error: {error}")
        return UNREADABLE
    if output == "json":
        show_json({"removed": count})
    else:
        click.echo(f"{counted(count, noun)} removed")
    return 0


def words_of(error: Exception) -> str:
    """Why a file or a store can't be used, for the user."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _show(imported: int, rejected: Mapping[int, str], output: OutputFormat, noun: str) -> None:
    if output == "json":
        told = [{"row": row, "reason": reason} for row, reason in sorted(rejected.items())]
        show_json({"imported": imported, "rejected": told})
        return
    click.echo(f"{counted(imported, noun)} imported, {len(rejected)} rejected")
    for row, reason in sorted(rejected.items())[:_SHOWN]:
        say(f"row {row}: {reason}")
    if len(rejected) > _SHOWN:
        say(f"and {len(rejected) - _SHOWN} more; --output json lists all")
