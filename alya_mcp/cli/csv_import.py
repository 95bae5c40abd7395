"""Shared by the commands for imported records: reading a CSV file, saving and deleting its rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TextIO, TypeVar, cast

import click

from alya_mcp.cli.output import OutputFormat, say, show_json
from alya_mcp.text.plurals import counted

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

SOME_REJECTED = 1
UNREADABLE = 2
_SHOWN = 20


class RecordStore(Protocol[T_contra]):
    """A file of records, of which each caller (grant) has its own."""

    def keep(self, grant: str, records: Iterable[T_contra], /) -> None:
        """Save records; one with an existing id replaces it."""
        ...

    def clear(self, grant: str, /) -> int:
        """Delete every record of a caller, and return how many there were."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def import_records(
    store: RecordStore[T],
    grant: str,
    file: Path,
    output: OutputFormat,
    *,
    noun: str,
    read: Callable[[TextIO], Iterator[tuple[int, T | str]]],
) -> int:
    """Import `file` into `store` as `import_file` does, and close `store`; returns the exit code."""

    def keep(found: Mapping[int, T]) -> dict[int, str]:
        if found:
            store.keep(grant, found.values())
        return {}

    try:
        return import_file(file, output, noun=noun, read=read, keep=keep)
    finally:
        store.close()


def import_file(
    file: Path,
    output: OutputFormat,
    *,
    noun: str,
    read: Callable[[TextIO], Iterator[tuple[int, T | str]]],
    keep: Callable[[Mapping[int, T]], Mapping[int, str]],
) -> int:
    """Import `file` and show the outcome; returns the exit code.

    `read` yields each row's number with its record or the reason why it is rejected. `keep` saves the records
    by row, and returns the rows that it rejects with the reasons. If either fails, nothing is added.
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


def clear_records(store: RecordStore[T], grant: str, output: OutputFormat, *, yes: bool, noun: str) -> int:
    """Delete a caller's records, after asking unless `yes`, and close `store`; returns the exit code."""
    from alya_mcp.errors import Failure

    try:
        if not yes:
            click.confirm(f"Take out every {noun} of {grant}?", abort=True, err=True)
        count = store.clear(grant)
    except Failure as error:
        say(f"Error: {error}")
        return UNREADABLE
    finally:
        store.close()
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
