"""`alya-mcp audit`: show, verify and export the audit log."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from alya_mcp.cli.output import (
    OutputFormat,
    output_option,
    printable,
    say,
    say_unusable,
    show,
    show_json,
    show_json_line,
)
from alya_mcp.cli.times import of_record
from alya_mcp.cli.when import When
from alya_mcp.runtime.paths import tilde
from alya_mcp.runtime.private_files import write_private
from alya_mcp.settings import Settings
from alya_mcp.text.plurals import counted

if TYPE_CHECKING:
    from alya_mcp.gate import Report
    from alya_mcp.gate.audit.export import Form

Command = TypeVar("Command", bound=Callable[..., Any])

CHANGED = 1
UNREADABLE = 2


def span_options(command: Command) -> Command:
    """Give a command `--since` and `--until`."""
    until = click.option("--until", type=When(whole_day=True), metavar="WHEN",
                         help="Only calls decided before WHEN; a day is included.")  # fmt: skip
    since = click.option("--since", type=When(), metavar="WHEN",
                         help="Only calls decided from WHEN on: 2026-11-01, 2026-11-01T12:30 (UTC), or 7d, "
                              "12h, 30m ago.")  # fmt: skip
    return since(until(command))


@click.group(short_help="Read the log of decisions and prove it whole.")
def audit() -> None:
    """Read the audit log: every decision and every outcome, chained so that a change shows."""


@audit.command(short_help="Show the newest records.")
@click.option("-n", "count", type=click.IntRange(min=0), default=20, show_default=True, metavar="N",
              help="How many records to begin with.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on with records as they come, until Ctrl-C.")
@output_option
def tail(count: int, follow: bool, output: OutputFormat) -> int:
    """Show the newest records of all sessions in order of time, a line each.

    A line has the time (UTC), the session, the caller, the tool, and the decision or what came of the call.

    A denied call has one record, as has one that waits for a person (ask): the retry with the answer is a
    call of its own. An admitted call has two: the decision, and what came of it. What rules in shadow mode
    would have said stands after the decision. JSON output is one record a line, as it stands in the log.

    Exit codes: 0, or 2 when the log can't be read.
    """
    from alya_mcp.gate import AuditError, tail

    folder = Settings.from_environment().audit_folder
    empty = count > 0
    try:
        for record in tail(folder, count, follow):
            empty = False
            if output == "json":
                show_json_line(record)
            else:
                show(_line(record))
    except AuditError as error:
        say(f"Error: {error}")
        return UNREADABLE
    if empty:
        say(f"Nothing is recorded in {tilde(folder)}.")
    return 0


@audit.command(short_help="Prove that nothing was changed, removed or reordered.")
@output_option
def verify(output: OutputFormat) -> int:
    """Read the whole log and say whether every record stands as it was written.

    A last line that is cut short, as a crash leaves it, is reported and isn't an error. Neither are files
    that ALYA_AUDIT_KEEP_DAYS removed: each left a sealed line that joins its chain.

    Exit codes: 0 the log is whole, 1 something was changed, removed, inserted, reordered or cut off (the
    file, line and record are shown), 2 the log can't be read.
    """
    from alya_mcp.app.diagnostics.gate import verify_audit
    from alya_mcp.gate import AuditError, StateError

    try:
        report = verify_audit(Settings.from_environment())
    except StateError as error:
        say_unusable(error)
        return UNREADABLE
    except AuditError as error:
        say(f"Error: {error}")
        return UNREADABLE
    if output == "json":
        show_json({"whole": report.whole, **asdict(report)})
    else:
        for each in report.broken:
            place = each.file if each.line is None else f"{each.file}:{each.line}"
            click.echo(printable(f"{place}: {each.what}: {each.detail}"))
        for name in report.torn:
            say(f"{name}: the last line is cut short, as a crash leaves it; nothing after it is missing.")
        records, chains = counted(report.records, "record"), counted(report.chains, "chain")
        read = f"{records} in {chains} and {counted(report.files, 'file')}"
        if report.retired:
            read += f"; {counted(report.retired, 'older file')} went by retention"
        found = "whole" if report.whole else f"changed in {counted(len(report.broken), 'place')}"
        click.echo(f"{found}: {read}")
    return 0 if report.whole else CHANGED


@audit.command(short_help="Print the log for other programs: JSON lines, CSV or OCSF.")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "ocsf"]), default="jsonl",
              show_default=True,
              help="Records as they stand, or a row or an OCSF event for each call.")  # fmt: skip
@span_options
@click.option("--tool", metavar="NAME", help="Only calls of this tool.")
@click.option("--grant", metavar="LABEL", help="Only calls of this caller.")
@click.option("--session", metavar="ID", help="Only calls of the session whose id begins like this.")
@click.option("--decision", type=click.Choice(["allow", "deny", "ask"]), help="Only calls decided like this.")
@output_option
def export(form: "Form", output: OutputFormat, **wanted: str | None) -> int:
    """Print the log to standard output for other programs.

    jsonl has every record as it stands in the log, in order of time. csv and ocsf have every call once, with
    what was decided and what came of it, in the order in which calls ended; OCSF is that of version 1.5.0,
    class API Activity. No form has a value of an argument or a result. The log isn't checked; see verify.
    JSON output is that of jsonl or ocsf.

    Exit codes: 0, or 2 when the log can't be read.
    """
    if output == "json" and form == "csv":
        raise click.UsageError("A table isn't JSON; --output json goes with --format jsonl or ocsf.")
    from alya_mcp.gate import AuditError
    from alya_mcp.gate.audit.export import exported
    from alya_mcp.gate.audit.reading import AuditFilter

    try:
        for line in exported(Settings.from_environment().audit_folder, form, AuditFilter(**wanted)):
            sys.stdout.write(line)
    except AuditError as error:
        say(f"Error: {error}")
        return UNREADABLE
    return 0


@audit.command(short_help="Make a page of what was called, decided and spent.")
@span_options
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it there instead of to standard output.")  # fmt: skip
@output_option
def report(since: str | None, until: str | None, out: Path | None, output: OutputFormat) -> int:
    """Make one HTML page of decisions, cost and time per tool and day, rules that refused, and sessions.

    The page needs no network and no script. It says whether the log is whole; the figures are of its records
    as they stand. JSON output has the same figures, durations in milliseconds.

    Exit codes: 0 also when the log was changed (the page says so), 2 when the log can't be read or FILE can't
    be written.
    """
    if out is None and output == "text" and sys.stdout.isatty():
        raise click.UsageError("A page would fill the terminal. Name a file: --out report.html")
    from alya_mcp.gate import AuditError
    from alya_mcp.gate.audit.reading import AuditFilter
    from alya_mcp.gate.audit.report import render
    from alya_mcp.gate.audit.summary import summarise

    settings = Settings.from_environment()
    try:
        summary = summarise(settings.audit_folder, AuditFilter(since=since, until=until))
        checked = _checked(settings)
        if output == "json":
            whole = None if isinstance(checked, str) else checked.whole
            show_json({"whole": whole, **summary.figures()})
            return 0
        page = render(summary, checked, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
        if out is None:
            sys.stdout.write(page)
        else:
            _write(out, page)
            say(f"{counted(summary.total.calls, 'call')} in {tilde(out)}")
    except (AuditError, OSError) as error:
        say(f"Error: {error}")
        return UNREADABLE
    return 0


def _checked(settings: Settings) -> "Report | str":
    from alya_mcp.app.diagnostics.gate import verify_audit
    from alya_mcp.gate import AuditError, StateError

    try:
        return verify_audit(settings)
    except (AuditError, StateError) as error:
        return str(error)


def _write(path: Path, page: str) -> None:
    """Put the page there in one step, for its owner alone, as the log is."""
    try:
        write_private(path, page.encode())
    except OSError as error:
        raise OSError(f"{path} can't be written: {error.strerror or error}") from None


def _line(record: Mapping[str, Any]) -> str:
    return "  ".join(_cells(record)).replace("\n", " ").rstrip()


def _cells(record: Mapping[str, Any]) -> Iterator[str]:
    from alya_mcp.gate.numbers import usd

    yield of_record(record.get("time"), digits=23)
    yield str(record.get("session", "?"))[:8].ljust(8)
    yield str(record.get("grant") or "?").ljust(8)
    yield str(record.get("tool", "?")).ljust(12)
    if "outcome" in record:
        yield str(record["outcome"]).ljust(9)
        yield f"{record.get('ms', 0):,.0f} ms  {usd(record.get('usd', 0))}"
        return
    yield str(record.get("decision", "?")).ljust(9)
    shadow = ", ".join(_shadowed(record.get("shadow")))
    said = [str(record.get("rule") or ""), str(record.get("message") or "")]
    yield " ".join(filter(None, [*said, f"(shadow: {shadow})" if shadow else ""]))


def _shadowed(shadow: object) -> Iterator[str]:
    """What each rule in shadow mode would have said."""
    for each in cast("list[Any]", shadow) if isinstance(shadow, list) else ():
        if isinstance(each, dict):
            told = cast("dict[str, Any]", each)
            yield f"{told.get('decision')} by {told.get('rule')}"
