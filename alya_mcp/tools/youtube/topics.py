"""Figures of topics that a user imported, such as those of a keyword planner."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TextIO

from pydantic import BaseModel, ConfigDict

from alya_mcp.toolkit.spreadsheet import number_in, read_rows
from alya_mcp.tools.youtube.database import YoutubeDatabase

COLUMNS: Final = ("topic", "searchVolumeWeekly", "competition", "locale")
REQUIRED: Final = ("topic", "searchVolumeWeekly", "competition")

_LONGEST: Final = {"topic": 120, "locale": 35}
_MOST_SEARCHES: Final = 1e10


class TopicFigures(BaseModel):
    """A topic: searches a week, competition from 0 to 1, and the locale they are of, None for all."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: str
    weekly: float
    competition: float
    locale: str | None = None


class Topics:
    """The topics of one caller. The methods block."""

    def __init__(self, database: YoutubeDatabase, grant: str) -> None:
        self._database = database
        self._grant = grant

    def keep(self, topics: Iterable[TopicFigures]) -> None:
        """Keep topics, in place of those of the same words and locale."""
        with self._database.writing() as db:
            for each in topics:
                name = f"{each.topic.casefold()}\n{each.locale or ''}"
                db.execute(
                    "INSERT OR REPLACE INTO topics VALUES (?, ?, ?)",
                    (self._grant, name, each.model_dump_json()),
                )

    def of(self, locale: str) -> list[TopicFigures]:
        """The topics of a locale and those of all, in the order of their words."""
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT figures FROM topics WHERE grant = ? ORDER BY topic", (self._grant,)
            ).fetchall()
        found = [TopicFigures.model_validate_json(row) for (row,) in rows]
        return [each for each in found if each.locale is None or _agree(each.locale, locale)]


def read_topics(file: TextIO) -> Iterator[tuple[int, TopicFigures | str]]:
    """The rows of a CSV file of topics; see `read_rows`.

    Raises:
        NotATable: it isn't one.
    """
    return read_rows(file, _topic, columns=COLUMNS, required=REQUIRED, longest=_LONGEST)


def _topic(cells: Mapping[str, str]) -> TopicFigures:
    weekly = number_in(cells, "searchVolumeWeekly", low=0, high=_MOST_SEARCHES)
    competition = number_in(cells, "competition", low=0, high=1)
    if not cells["topic"] or weekly is None or competition is None:
        raise ValueError("topic, searchVolumeWeekly and competition can't be empty")
    return TopicFigures(
        topic=cells["topic"], weekly=weekly, competition=competition, locale=cells.get("locale") or None
    )


def _agree(one: str, other: str) -> bool:
    """Whether two BCP-47 tags are of one language and don't name two regions."""
    first, second = one.casefold().split("-"), other.casefold().split("-")
    return all(a == b for a, b in zip(first, second, strict=False))
