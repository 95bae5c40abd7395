"""The catalogue of gems, `goods/gems.sqlite` in ALYA_HOME: what the user imported, or a small sample.

Each caller (grant) sees its own gems only.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, TextIO

from alya_mcp.toolkit.private_database import PrivateDatabase
from alya_mcp.toolkit.spreadsheet import moment_in, number_in, read_rows, unique_rows
from alya_mcp.tools.goods.logic.gems import Gem, plain

COLUMNS: Final = (
    "id", "species", "variety", "carat", "colour", "clarity", "cut", "origin", "treatment", "certificate",
    "price_usd", "sold_at",
)  # fmt: skip
REQUIRED: Final = ("id", "species", "carat")
SAMPLE_NOTE: Final = (
    "Nothing is imported, so this rests on a sample of 300 diamonds with the asking prices of 2008. It shows "
    "the method; it is not a value of today. The user imports priced gems with: alya-mcp gems import FILE.csv"
)

_LONGEST: Final = {**dict.fromkeys(COLUMNS, 60), "id": 64}
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_HEAVIEST: Final = 100_000.0
_DEAREST: Final = 1e9
_TABLES: Final = """
    CREATE TABLE gems (
        grant TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, species TEXT NOT NULL,
        variety TEXT NOT NULL, carat REAL NOT NULL, colour TEXT NOT NULL, clarity TEXT NOT NULL,
        cut TEXT NOT NULL, origin TEXT NOT NULL, treatment TEXT NOT NULL, certificate TEXT NOT NULL,
        price_usd REAL, sold_at TEXT,
        PRIMARY KEY (grant, id)
    ) WITHOUT ROWID;
    CREATE INDEX by_kind ON gems (grant, kind);
    CREATE TABLE imports (grant TEXT PRIMARY KEY, count INTEGER NOT NULL)
"""
_FIELDS: Final = (
    "id, species, variety, carat, colour, clarity, cut, origin, treatment, certificate, price_usd, sold_at"
)
_INSERT: Final = "INSERT OR REPLACE INTO gems VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT: Final = f"SELECT {_FIELDS} FROM gems WHERE grant = ?"  # noqa: S608
_COUNT_ON: Final = "INSERT INTO imports VALUES (?, 1) ON CONFLICT DO UPDATE SET count = imports.count + 1"


class GemCatalogue:
    """The catalogue in `home`. Its methods block and may be called from any thread.

    Raises:
        Unavailable: from every method, when the file can't be used.
    """

    def __init__(self, home: Path) -> None:
        self._file = PrivateDatabase(
            home,
            "goods/gems.sqlite",
            title="The catalogue of gems",
            application=0x616C7967,
            schema=1,
            tables=_TABLES,
        )

    def keep(self, grant: str, gems: Iterable[Gem]) -> None:
        """Save gems; one with an existing id replaces it."""
        with self._file.writing() as db:
            for gem in gems:
                db.execute(_INSERT, (grant, plain(gem.species), *_values(gem)))
            db.execute(_COUNT_ON, (grant,))

    def clear(self, grant: str) -> int:
        """Delete every gem of a caller, and return how many there were."""
        with self._file.writing() as db:
            db.execute(_COUNT_ON, (grant,))
            return db.execute("DELETE FROM gems WHERE grant = ?", (grant,)).rowcount

    def version(self, grant: str) -> int:
        """A number that grows with every change of a caller's gems."""
        with self._file.reading() as db:
            found = db.execute("SELECT count FROM imports WHERE grant = ?", (grant,)).fetchone()
        return 0 if found is None else int(found[0])

    def is_empty(self, grant: str) -> bool:
        """Whether a caller has imported nothing."""
        with self._file.reading() as db:
            return db.execute("SELECT 1 FROM gems WHERE grant = ? LIMIT 1", (grant,)).fetchone() is None

    def find(self, grant: str, gem_id: str) -> Gem | None:
        """A gem of a caller by its id."""
        with self._file.reading() as db:
            found = db.execute(f"{_SELECT} AND id = ?", (grant, gem_id)).fetchone()
        return None if found is None else _gem(found)

    def priced(self, grant: str, species: str) -> list[Gem]:
        """The priced gems of a species."""
        with self._file.reading() as db:
            sql = f"{_SELECT} AND kind = ? AND price_usd IS NOT NULL ORDER BY id"
            return [_gem(row) for row in db.execute(sql, (grant, plain(species)))]

    def all(self, grant: str) -> list[Gem]:
        """Every gem of a caller, by species and id."""
        with self._file.reading() as db:
            return [_gem(row) for row in db.execute(f"{_SELECT} ORDER BY kind, id", (grant,))]

    def counts(self, grant: str) -> dict[str, tuple[int, int]]:
        """How many gems, and how many priced ones, a caller has by species."""
        sql = "SELECT kind, COUNT(*), COUNT(price_usd) FROM gems WHERE grant = ? GROUP BY kind ORDER BY kind"
        with self._file.reading() as db:
            return {kind: (count, priced) for kind, count, priced in db.execute(sql, (grant,))}

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def read_gems(file: TextIO) -> Iterator[tuple[int, Gem | str]]:
    """The rows of a CSV file: each row's number, and its gem or why it is rejected.

    Raises:
        NotATable: the file isn't a table of gems.
    """
    rows = read_rows(file, _read, columns=COLUMNS, required=REQUIRED, longest=_LONGEST)
    return unique_rows(rows, lambda each: each.id)


@cache
def sample() -> Mapping[str, Gem]:
    """The sample that stands in while nothing is imported, by id: 300 diamonds with asking prices of 2008."""
    path = Path(__file__).with_name("sample_diamonds.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return {gem.id: gem for _, gem in read_gems(file) if isinstance(gem, Gem)}


def canonical(gem_id: str) -> str:
    """An id, normalised: a UUID in lower case, anything else unchanged."""
    text = gem_id.strip()
    return text.lower() if _UUID.fullmatch(text) else text


def values(gem: Gem) -> tuple[object, ...]:
    """A gem as a row of `COLUMNS`."""
    found = dict(zip(_FIELDS.split(", "), _values(gem), strict=True))
    return tuple(found[name] for name in COLUMNS)


def _values(gem: Gem) -> tuple[object, ...]:
    sold_at = None if gem.sold_at is None else gem.sold_at.isoformat()
    return (
        gem.id, gem.species, gem.variety, gem.carat, gem.colour, gem.clarity, gem.cut, gem.origin,
        gem.treatment, gem.certificate, gem.price_usd, sold_at,
    )  # fmt: skip


def _gem(row: tuple[Any, ...]) -> Gem:
    given = dict(zip(_FIELDS.split(", "), row, strict=True))
    sold_at = given.pop("sold_at")
    return Gem(**given, sold_at=None if sold_at is None else datetime.fromisoformat(sold_at))


def _read(cells: Mapping[str, str]) -> Gem:
    if not cells["id"] or not plain(cells["species"]):
        raise ValueError("id and species can't be empty")
    carat = number_in(cells, "carat", low=0.001, high=_HEAVIEST)
    if carat is None:
        raise ValueError("carat can't be empty")
    sold_at = moment_in(cells, "sold_at")
    if sold_at is not None and sold_at > datetime.now(UTC):
        raise ValueError(f"sold_at is {cells['sold_at']!r}, which is in the future")
    return Gem(
        id=canonical(cells["id"]),
        species=cells["species"],
        carat=carat,
        variety=cells.get("variety", ""),
        colour=cells.get("colour", ""),
        clarity=cells.get("clarity", ""),
        cut=cells.get("cut", ""),
        origin=cells.get("origin", ""),
        treatment=cells.get("treatment", ""),
        certificate=cells.get("certificate", ""),
        price_usd=number_in(cells, "price_usd", low=0.01, high=_DEAREST),
        sold_at=sold_at,
    )
