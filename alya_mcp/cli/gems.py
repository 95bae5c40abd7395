"""`alya-mcp gems`: the catalogue behind alya_gem_appraise."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.csv_import import UNREADABLE, clear_records, import_records
from alya_mcp.cli.grant_option import grant_option
from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_table
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.tools.goods.gems import GemCatalogue


@click.group(short_help="Bring gems and their prices in for alya_gem_appraise.")
def gems() -> None:
    """Bring gems and their prices in for alya_gem_appraise, list them, take them out.

    Columns: id, species, variety, carat, colour, clarity, cut, origin, treatment, certificate, price_usd,
    sold_at. An import needs id, species and carat. A gem without a price is one to be appraised.
    """


@gems.command("import", short_help="Add the gems of a CSV file.")
@click.argument("file", type=click.Path(path_type=Path))
@grant_option("records they are")
@output_option
def import_(file: Path, grant: str, output: OutputFormat) -> int:
    """Add the gems of FILE to the catalogue.

    A gem whose id is already there is replaced: that is how an entry is corrected.

    Exit codes: 0 all rows, 1 some were rejected and the others are in, 2 the file or the catalogue can't be
    used and nothing was added.
    """
    from alya_mcp.tools.goods.gems import read_gems

    return import_records(_catalogue(), grant, file, output, noun="gem", read=read_gems)


@gems.command("list", short_help="List species, or print every gem as CSV.")
@click.option("--csv", "as_csv", is_flag=True, help="Every gem as CSV, which `gems import` reads back.")
@grant_option("records they are")
@output_option
def list_(as_csv: bool, grant: str, output: OutputFormat) -> int:
    """List the species of the catalogue with how many gems, and how many priced ones, there are of each.

    Exit codes: 0, or 2 when the catalogue can't be read.
    """
    from alya_mcp.errors import Failure
    from alya_mcp.toolkit.spreadsheet import write_rows
    from alya_mcp.tools.goods.gems import COLUMNS, values

    catalogue = _catalogue()
    try:
        if as_csv:
            write_rows(sys.stdout, COLUMNS, map(values, catalogue.all(grant)))
            return 0
        counts = catalogue.counts(grant)
    except Failure as error:
        say(f"Error: {error}")
        return UNREADABLE
    finally:
        catalogue.close()
    if output == "json":
        show_json([{"species": name, "gems": n, "priced": priced} for name, (n, priced) in counts.items()])
    elif counts:
        rows = [[name, f"{n:,}", f"{priced:,}"] for name, (n, priced) in counts.items()]
        show_table(rows, ["species", "gems", "priced"])
    else:
        say("No gems are imported; alya_gem_appraise shows its method on a sample of diamonds of 2008.")
    return 0


@gems.command(short_help="Take every gem out of the catalogue.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@grant_option("records they are")
@output_option
def clear(yes: bool, grant: str, output: OutputFormat) -> int:
    """Take every gem of a caller out of the catalogue. `gems list --csv` keeps a copy before.

    Exit codes: 0, or 2 when the catalogue can't be used.
    """
    return clear_records(_catalogue(), grant, output, yes=yes, noun="gem")


def _catalogue() -> "GemCatalogue":
    from alya_mcp.tools.goods.gems import GemCatalogue

    return GemCatalogue(Settings.from_environment().home)
