"""`alya-mcp decisions`: the ledger of predictions as CSV, in and out."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.csv_import import UNREADABLE, import_file
from alya_mcp.cli.grant_option import grant_option
from alya_mcp.cli.output import OutputFormat, output_option, say
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.tools.decisions.ledger import PredictionLedger
    from alya_mcp.tools.decisions.ledger_case import LedgerCase


@click.group(short_help="Bring the ledger of predictions in and out as CSV.")
def decisions() -> None:
    """Bring the ledger behind calibrate_decision in and out as CSV.

    Columns: callId, domain, statement, confidence (0 to 1), outcome (win, loss, void or empty), madeAt,
    resolvedAt, note, calibrated, opinion, opinionSource. An import needs domain, statement and confidence.
    """


@decisions.command("import", short_help="Add the cases of a CSV file.")
@click.argument("file", type=click.Path(path_type=Path))
@grant_option("records they are")
@output_option
def import_(file: Path, grant: str, output: OutputFormat) -> int:
    """Add the cases of FILE to the ledger.

    A row whose callId is already there is rejected, so that the same file can be imported again.

    Exit codes: 0 all rows, 1 some were rejected and the others are in, 2 the file or the ledger can't be
    used and nothing was added.
    """
    from alya_mcp.tools.decisions.spreadsheet import read_cases

    ledger = _ledger()

    def keep(cases: "Mapping[int, LedgerCase]") -> dict[int, str]:
        taken = ledger.keep(grant, cases.values())
        return {
            row: f"callId {case.call_id} is already in the ledger"
            for row, case in cases.items()
            if case.call_id in taken
        }

    try:
        return import_file(file, output, noun="case", read=read_cases, keep=keep)
    finally:
        ledger.close()


@decisions.command(short_help="Print the ledger as CSV.")
@grant_option("records they are")
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
