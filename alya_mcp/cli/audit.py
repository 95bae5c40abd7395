"""`alya-mcp audit`: reads the log of decisions and outcomes, and shows whether it is as it was written."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import click

from alya_mcp.cli.output import Output, output_option, printable, say, show_json, show_json_line
from alya_mcp.settings import Settings

CHANGED = 1
UNREADABLE = 2


@click.group(short_help="Read the log of decisions and prove it whole.")
def audit() -> None:
    """Read the audit log: every decision and every outcome, chained so that a change shows."""


@audit.command(short_help="Show the newest records.")
@click.option("-n", "count", type=click.IntRange(min=0), default=20, show_default=True, metavar="N",
              help="How many records to begin with.")  # fmt: skip
@click.option("--follow", is_flag=True, help="Go on with records as they come, until Ctrl-C.")
@output_option
def tail(count: int, follow: bool, output: Output) -> int:
    """Show the newest records of all sessions in order of time, a line each.

    A denied call has one record, an admitted one two: the decision, and what came of it. JSON output is one
    record a line, as it stands in the log. Exit codes: 0, or 2 when the log can't be read.
    """
    from alya_mcp.gate import AuditError, tail

    folder = Settings.from_environment().audit_folder
    try:
        for record in tail(folder, count, follow):
            if output == "json":
                show_json_line(record)
            else:
                click.echo(_line(record))
    except AuditError as error:
        say(f"Error: {error}")
        return UNREADABLE
    return 0


@audit.command(short_help="Prove that nothing was changed, removed or reordered.")
@output_option
def verify(output: Output) -> int:
    """Read the whole log and say whether every record stands as it was written.

    A last line that is cut short, as a crash leaves it, is reported and is no error.

    Exit codes: 0 the log is whole, 1 something was changed, removed, inserted, reordered or cut off (the
    file, line and record are shown), 2 the log can't be read.
    """
    from alya_mcp.cli.health.gate import verify_audit
    from alya_mcp.gate import AuditError, StateError

    try:
        report = verify_audit(Settings.from_environment())
    except (AuditError, StateError) as error:
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
        counted = f"{report.records:,} records in {report.chains:,} chains and {report.files:,} files"
        found = "whole" if report.whole else f"changed in {len(report.broken)} places"
        click.echo(f"{found}: {counted}")
    return 0 if report.whole else CHANGED


def _line(record: Mapping[str, Any]) -> str:
    return printable("  ".join(_cells(record))).replace("\n", " ").rstrip()


def _cells(record: Mapping[str, Any]) -> Iterator[str]:
    yield str(record.get("time", "?"))[:23].replace("T", " ")
    yield str(record.get("session", "?"))[:8].ljust(8)
    yield str(record.get("tool", "?")).ljust(12)
    if "outcome" in record:
        yield str(record["outcome"]).ljust(9)
        yield f"{record.get('ms', 0):,.0f} ms  {record.get('usd', 0):g} USD"
    else:
        yield str(record.get("decision", "?")).ljust(9)
        yield " ".join(filter(None, [str(record.get("rule") or ""), str(record.get("message") or "")]))
