"""RxNorm, the US National Library of Medicine's names of drugs: the ingredients behind a name.

https://lhncbc.nlm.nih.gov/RxNav/APIs/RxNormAPIs.html
"""

from typing import Final

from pydantic import Field

from alya_mcp.net.answers import Body, Fetched, Shape
from alya_mcp.net.client import Http
from alya_mcp.settings.providers import SOURCES

RXNORM: Final = SOURCES["rxnorm"]
_DAY: Final = 86_400.0


class _IdGroup(Shape):
    ids: list[str] = Field(default_factory=list[str], alias="rxnormId")


class _Ids(Shape):
    group: _IdGroup = Field(alias="idGroup")


class _Concept(Shape):
    name: str = Field(min_length=1, max_length=200)


class _ConceptGroup(Shape):
    concepts: list[_Concept] = Field(default_factory=list[_Concept], alias="conceptProperties")


class _RelatedGroup(Shape):
    groups: list[_ConceptGroup] = Field(default_factory=list[_ConceptGroup], alias="conceptGroup")


class _Related(Shape):
    group: _RelatedGroup = Field(alias="relatedGroup")


async def ingredients(http: Http, name: str) -> Fetched[list[str]]:
    """The ingredients of the drug that `name` is exactly, or normally, called; empty when there is none.

    Raises:
        Unavailable: when RxNorm doesn't answer.
    """
    found = await http.get(
        RXNORM, "/REST/rxcui.json", {"name": name, "search": "2"},
        read=_ids, fresh_for=30 * _DAY, stale_for=90 * _DAY,
    )  # fmt: skip
    if not found.value:
        return found
    return await http.get(
        RXNORM, f"/REST/rxcui/{found.value[0]}/related.json", {"tty": "IN"},
        read=_names, fresh_for=30 * _DAY, stale_for=90 * _DAY,
    )  # fmt: skip


def _ids(body: Body) -> list[str]:
    return [each for each in body.json(_Ids).group.ids if each.isascii() and each.isdigit()]


def _names(body: Body) -> list[str]:
    return [concept.name for group in body.json(_Related).group.groups for concept in group.concepts]
