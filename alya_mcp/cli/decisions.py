"""`alya-mcp decisions`: the ledger of predictions as CSV, in and out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.output import OutputFormat, output_option, say, show_json
from alya_mcp.settings import Settings
from alya_mcp.text.plurals import counted

if TYPE_CHECKING:
    from alya_mcp.tools.decisions.ledger import PredictionLedger

SOME_REJECTED = 1
UNREADABLE = 2
_SHOWN = 20


@click.group(short_help="Bring the ledger of predictions in and out as CSV.")
def decisions() -> None:
    """Bring the ledger behind calibrate_decision in and out as CSV.

    Columns: callId, domain, statement, confidence (0 to 1), outcome (win, loss, void or empty), madeAt,
    resolvedAt, note, calibrated, opinion, opinionSource. An import needs domain, statement and confidence.
    """


grant_option = click.option(
    "--grant", default="local", show_default=True, help="Label of the caller whose ledger it is."
)


@decisions.command("import", short_help="Add the cases of a CSV file.")
@click.argument("file", type=click.Path(path_type=Path))
@grant_option
@output_option
def import_(file: Path, grant: str, output: OutputFormat) -> int:
    """Add the cases of FILE to the ledger.

    A row whose callId is already there is rejected, so that the same file can be imported again.

    Exit codes: 0 all rows, 1 some were rejected and the others are in, 2 the file or the ledger can't be
    used and nothing was added.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.tools.decisions.ledger import LedgerCase
    from alya_mcp.tools.decisions.spreadsheet import NotALedger, read_cases

    ledger = _ledger()
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows = dict(read_cases(text))
        cases = {row: found for row, found in rows.items() if isinstance(found, LedgerCase)}
        taken = ledger.keep(grant, cases.values())
    except (OSError, UnicodeDecodeError, NotALedger, Failure) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else _words(error)
        say(f"Error: {file} was not imported: {reason}")
        return UNREADABLE
    finally:
        ledger.close()
    rejected = {row: found for row, found in rows.items() if isinstance(found, str)}
    for row, case in cases.items():
        if case.call_id in taken:
            rejected[row] = f"callId {case.call_id} is already in the ledger"
    imported = len(rows) - len(rejected)
    if output == "json":
        told = [{"row": row, "reason": reason} for row, reason in sorted(rejected.items())]
        show_json({"imported": imported, "rejected": told})
    else:
        click.echo(f"{counted(imported, 'case')} imported, {len(rejected)} rejected")
        for row, reason in sorted(rejected.items())[:_SHOWN]:
            say(f"row {row}: {reason}")
        if len(rejected) > _SHOWN:
            say(f"and {len(rejected) - _SHOWN} more; --output json lists all")
    return SOME_REJECTED if rejected else 0


@decisions.command(short_help="Print the ledger as CSV.")
@grant_option
def export(grant: str) -> int:
    """Print every case of the ledger as CSV, the oldest first; `decisions import` reads it back.

    A cell that a spreadsheet would take for a formula begins with an apostrophe.

    Exit codes: 0, or 2 when the ledger can't be read.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.tools.decisions.spreadsheet import write_cases

    ledger = _ledger()
    try:
        write_cases(ledger.cases(grant), sys.stdout)
    except Failure as error:
        say(f"Error: {error}")
        return UNREADABLE
    finally:
        ledger.close()
    return 0


def _ledger() -> "PredictionLedger":
    from alya_mcp.tools.decisions.ledger import PredictionLedger

    return PredictionLedger(Settings.from_environment().home)


def _words(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
