"""The catalogue of figures: our own entries, and beyond them the people of Pantheon 1.0.

Read at first use: `figures_*.toml` (about 60 kB) and `people.tsv.gz` (Pantheon's 11,341 people, CC0).
"""

import gzip
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

from alya_mcp.tools.clones.logic.figures import Figure, FigureReference, category_of

_FOLDER: Final = Path(__file__).parent
_PAGES: Final = {
    "wiki": ("Wikipedia: {name}", "https://en.wikipedia.org/wiki/{page}"),
    "nobel": ("The Nobel Prize: {name}", "https://www.nobelprize.org/prizes/{page}/facts/"),
    "mactutor": ("MacTutor: {name}", "https://mathshistory.st-andrews.ac.uk/Biographies/{page}/"),
    "sep": ("Stanford Encyclopedia of Philosophy: {name}", "https://plato.stanford.edu/entries/{page}/"),
}
_PANTHEON: Final = FigureReference(
    "Pantheon 1.0 (Yu et al. 2016, CC0)", "https://doi.org/10.1038/sdata.2015.75"
)


@cache
def figures() -> tuple[Figure, ...]:
    """Our own entries, in the order of their files."""
    return tuple(
        _figure(entry)
        for file in sorted(_FOLDER.glob("figures_*.toml"))
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["figure"]
    )


@cache
def people() -> tuple[Figure, ...]:
    """The people of Pantheon that aren't among our own, the best known first."""
    own = {name for figure in figures() for name in figure.names}
    text = gzip.decompress((_FOLDER / "people.tsv.gz").read_bytes()).decode()
    found = (_person(line.split("\t")) for line in text.splitlines())
    return tuple(person for person in found if own.isdisjoint(person.names))


def _figure(entry: Mapping[str, Any]) -> Figure:
    given: dict[str, Any] = {
        key: tuple(cast("list[str]", value)) if isinstance(value, list) else value
        for key, value in entry.items()
        if key not in _PAGES
    }
    sources = tuple(
        FigureReference(title.format(name=entry["name"]), url.format(page=entry[key]))
        for key, (title, url) in _PAGES.items()
        if key in entry
    )
    return Figure(**given, sources=sources)


def _person(cells: list[str]) -> Figure:
    page, name, year, city, country, occupation = cells
    born = int(year) if year else None
    place = ", ".join(filter(None, (city, country)))
    bio = occupation.capitalize()
    if born is not None:
        bio += f", born {-born} BCE" if born < 0 else f", born {born}"
    return Figure(
        name=name,
        category=category_of(occupation),
        born=born,
        nationality=country or None,
        bio=f"{bio}{f' in {place}' if place else ''}.",
        sources=(FigureReference(f"Wikipedia: {name}", f"https://en.wikipedia.org/?curid={page}"), _PANTHEON),
    )
