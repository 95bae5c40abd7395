"""openFDA: what the label of a drug says of interactions.

https://open.fda.gov/apis/drug/label/; CC0. FDA asks not to rely on it for medical care.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape, SourceRefused, made_here
from alya_mcp.net.client import Http
from alya_mcp.settings.providers import SOURCES

OPENFDA: Final = SOURCES["openfda"]
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label: `set_id` names it at DailyMed; `texts` are its warnings and its section on interactions."""

    set_id: str
    texts: tuple[str, ...]


class _Label(Shape):
    set_id: str = Field(pattern=r"^[0-9a-fA-F-]{10,60}$")
    drug_interactions: list[str] = Field(default_factory=list[str])
    contraindications: list[str] = Field(default_factory=list[str])
    boxed_warning: list[str] = Field(default_factory=list[str])


class _Labels(Shape):
    results: list[_Label]


async def label(http: Http, ingredient: str) -> Fetched[Label | None]:
    """The newest label of a drug that has a section on interactions, or None.

    Raises:
        Unavailable: when openFDA doesn't answer.
    """
    name = "".join(letter for letter in ingredient if letter.isalnum() or letter in " -'")
    try:
        return await http.get(
            OPENFDA, "/drug/label.json",
            {"search": f'openfda.generic_name:"{name}" AND _exists_:drug_interactions', "limit": "1"},
            read=_label, fresh_for=7 * _DAY, stale_for=90 * _DAY,
        )  # fmt: skip
    except SourceRefused as refused:
        if refused.status != HTTPStatus.NOT_FOUND:
            raise
        return made_here(None, OPENFDA)


def _label(body: Body) -> Label | None:
    found = body.json(_Labels).results
    if not found:
        return None
    first = found[0]
    return Label(
        set_id=first.set_id,
        texts=(*first.boxed_warning, *first.contraindications, *first.drug_interactions),
    )
