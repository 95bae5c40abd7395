"""`alya-mcp antiques`: listings that alya_antiques_undervalued compares beside eBay's."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from alya_mcp.cli.csv_import import UNREADABLE, clear_records, import_records
from alya_mcp.cli.grant_option import grant_option
from alya_mcp.cli.output import OutputFormat, output_option, say, show_json, show_table
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.tools.goods.listings import ImportedListings


@click.group(short_help="Bring listings in for alya_antiques_undervalued.")
def antiques() -> None:
    """Bring listings in for alya_antiques_undervalued, list them, take them out.

    Columns: id, title, price, currency (USD without one), url, condition, sale (fixed, sold or auction),
    usd_rate and rate_name (dollars for one unit, and whose rate that is), description. An import needs id,
    title and price.
    """


@antiques.command("import", short_help="Add the listings of a CSV file.")
@click.argument("file", type=click.Path(path_type=Path))
@grant_option("records they are")
@output_option
def import_(file: Path, grant: str, output: OutputFormat) -> int:
    """Add the listings of FILE.

    One whose id is already there is replaced: that is how an entry is corrected.

    Exit codes: 0 all rows, 1 some were rejected and the others are in, 2 the file or the listings can't be
    used and nothing was added.
    """
    from alya_mcp.tools.goods.listings import read_listings

    return import_records(_kept(), grant, file, output, noun="listing", read=read_listings)


@antiques.command("list", short_help="List what was imported.")
@grant_option("records they are")
@output_option
def list_(grant: str, output: OutputFormat) -> int:
    """List the imported listings.

    Exit codes: 0, or 2 when they can't be read.
    """
    from alya_mcp.errors import Failure

    kept = _kept()
    try:
        found = kept.all(grant)
    except Failure as error:
        say(f"Error: {error}")
        return UNREADABLE
    finally:
        kept.close()
    if output == "json":
        show_json(
            [
                {"id": each.id, "title": each.title, "price": each.price, "currency": each.currency,
                 "sale": each.sale, "url": each.url}
                for each in found
            ]
        )  # fmt: skip
    elif found:
        rows = [[each.id, f"{each.price:g} {each.currency}", each.sale, each.title] for each in found]
        show_table(rows, ["id", "price", "sale", "title"])
    else:
        say("No listings are imported.")
    return 0


@antiques.command(short_help="Take every imported listing out.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@grant_option("records they are")
@output_option
def clear(yes: bool, grant: str, output: OutputFormat) -> int:
    """Take every imported listing of a caller out.

    Exit codes: 0, or 2 when they can't be used.
    """
    return clear_records(_kept(), grant, output, yes=yes, noun="listing")


def _kept() -> "ImportedListings":
    from alya_mcp.tools.goods.listings import ImportedListings

    return ImportedListings(Settings.from_environment().home)
