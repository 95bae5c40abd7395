"""Listings that the user imported, `goods/listings.sqlite` in ALYA_HOME; each caller (grant) has its own."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO, cast, get_args
from urllib.parse import urlsplit

from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.toolkit.spreadsheet import number_in, read_rows, unique_rows
from alya_mcp.tools.goods.logic.listings import Listing, Sale

COLUMNS: Final = (
    "id", "title", "price", "currency", "url", "condition", "sale", "usd_rate", "rate_name", "description",
)  # fmt: skip
REQUIRED: Final = ("id", "title", "price")
IMPORTED: Final = "import"

_LONGEST: Final = {
    "id": 64, "title": 300, "price": 40, "currency": 3, "url": 2000, "condition": 200, "sale": 10,
    "usd_rate": 40, "rate_name": 80, "description": 2000,
}  # fmt: skip
_DEAREST: Final = 1e9
_TABLES: Final = """
    CREATE TABLE listings (
        grant TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL, sale TEXT NOT NULL, price REAL NOT NULL,
        currency TEXT NOT NULL, url TEXT, condition TEXT NOT NULL, rate TEXT, description TEXT NOT NULL,
        PRIMARY KEY (grant, id)
    ) WITHOUT ROWID
"""
_FIELDS: Final = "id, title, sale, price, currency, url, condition, rate, description"
_SELECT: Final = f"SELECT {_FIELDS} FROM listings WHERE grant = ? ORDER BY id"  # noqa: S608
_INSERT: Final = "INSERT OR REPLACE INTO listings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class ImportedListings:
    """The listings in `home`. Its methods block and may be called from any thread.

    Raises:
        Unavailable: from every method, when the file can't be used.
    """

    def __init__(self, home: Path) -> None:
        self._file = PrivateDatabase(
            home,
            "goods/listings.sqlite",
            title="The file of imported listings",
            application=0x616C796C,
            schema=1,
            tables=_TABLES,
        )

    def keep(self, grant: str, listings: Iterable[Listing]) -> None:
        """Save listings; one with an existing id replaces it."""
        with self._file.writing() as db:
            for each in listings:
                db.execute(
                    _INSERT,
                    (
                        grant, each.id, each.title, each.sale, each.price, each.currency, each.url,
                        each.condition, each.rate, each.description,
                    ),
                )  # fmt: skip

    def clear(self, grant: str) -> int:
        """Delete every listing of a caller, and return how many there were."""
        with self._file.writing() as db:
            return db.execute("DELETE FROM listings WHERE grant = ?", (grant,)).rowcount

    def all(self, grant: str) -> list[Listing]:
        """Every listing of a caller."""
        with self._file.reading() as db:
            rows = db.execute(_SELECT, (grant,)).fetchall()
        names = _FIELDS.split(", ")
        return [Listing(**dict(zip(names, row, strict=True)), source=IMPORTED) for row in rows]

    def count(self, grant: str) -> int:
        """How many listings a caller has."""
        with self._file.reading() as db:
            return db.execute("SELECT COUNT(*) FROM listings WHERE grant = ?", (grant,)).fetchone()[0]

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def read_listings(file: TextIO) -> Iterator[tuple[int, Listing | str]]:
    """The rows of a CSV file: each row's number, and its listing or why it is rejected.

    Raises:
        NotATable: the file isn't a table of listings.
    """
    rows = read_rows(file, _read, columns=COLUMNS, required=REQUIRED, longest=_LONGEST)
    return unique_rows(rows, lambda each: each.id)


def _read(cells: Mapping[str, str]) -> Listing:
    if not cells["id"] or not cells["title"]:
        raise ValueError("id and title can't be empty")
    price = number_in(cells, "price", low=0.01, high=_DEAREST)
    if price is None:
        raise ValueError("price can't be empty")
    currency = (cells.get("currency") or "USD").upper()
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise ValueError(f"currency is {currency!r}; it takes a code such as USD")
    rate, name = number_in(cells, "usd_rate", low=1e-9, high=1e6), cells.get("rate_name") or None
    if (rate is None) != (name is None):
        raise ValueError("usd_rate and rate_name go together: dollars for one unit, and whose rate that is")
    if rate is not None and currency != "USD":
        price, currency = price * rate, "USD"
    sale = cells.get("sale") or "fixed"
    if sale not in get_args(Sale):
        raise ValueError(f"sale is {sale!r}; it takes {', '.join(get_args(Sale))}")
    return Listing(
        id=cells["id"],
        title=cells["title"],
        sale=cast("Sale", sale),
        price=price,
        currency=currency,
        url=_url(cells.get("url", "")),
        condition=cells.get("condition", ""),
        rate=name,
        description=cells.get("description", ""),
    )


def _url(text: str) -> str | None:
    if not text:
        return None
    try:
        parts = urlsplit(text)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fine = False
    if not fine:
        raise ValueError(f"url is {text[:60]!r}; it takes a web address")
    return text
