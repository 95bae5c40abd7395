"""Online sources on drugs, asked only if the caller wants it: names from RxNorm, labels from openFDA."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Final

from alya_mcp.errors import Unavailable
from alya_mcp.net.answers import all_answers
from alya_mcp.text.folding import fold
from alya_mcp.text.words import sentences
from alya_mcp.toolkit.provenance import Provenance, failed, provenance
from alya_mcp.tools.health.drug_base import DrugBase
from alya_mcp.tools.health.logic.drug_names import Named, Unresolved
from alya_mcp.tools.health.sources import openfda, rxnorm

if TYPE_CHECKING:
    from alya_mcp.net.client import Http

Quote = tuple[str, str, str, str]
"""Label's ingredient, ingredient that it mentions, sentence, the label's address."""

_MOST_QUOTES: Final = 20
_LONGEST: Final = 600
_PAGE: Final = "https://dailymed.nlm.nih.gov/dailymed/drugInfo.cfm?setid="


async def resolve(
    http: "Http", base: DrugBase, found: Sequence[Named | Unresolved]
) -> tuple[list[Named | Unresolved], list[Provenance]]:
    """`found` with names that RxNorm knows put in the place of unresolved ones, and what it had to say."""
    asked = [at for at, each in enumerate(found) if isinstance(each, Unresolved) and not each.of_class]
    answers = await all_answers([partial(rxnorm.ingredients, http, found[at].given) for at in asked])
    better = list(found)
    said: list[Provenance] = []
    for at, answer in zip(asked, answers, strict=True):
        if isinstance(answer, Unavailable):
            said.append(failed(rxnorm.RXNORM, answer))
            continue
        said.append(provenance(answer))
        known = [base.names.find(name) for name in answer.value]
        if known and all(isinstance(each, Named) and each.matched_by != "spelling" for each in known):
            parts = dict.fromkeys(
                part for each in known if isinstance(each, Named) for part in each.ingredients
            )
            better[at] = Named(found[at].given, tuple(parts), "rxnorm", ", ".join(answer.value))
    return better, _once(said)


async def quotes(http: "Http", names: Sequence[str]) -> tuple[list[Quote], list[Provenance]]:
    """Sentences in the labels of `names` that mention another of them, and what openFDA had to say."""
    answers = await all_answers([partial(openfda.label, http, name) for name in names])
    said = [
        failed(openfda.OPENFDA, answer) if isinstance(answer, Unavailable) else provenance(answer)
        for answer in answers
    ]
    labels = {
        name: answer.value
        for name, answer in zip(names, answers, strict=True)
        if not isinstance(answer, Unavailable) and answer.value is not None
    }
    found: list[Quote] = []
    for one, other in permutations(names, 2):
        label = labels.get(one)
        sentence = None if label is None else _mention(other, label.texts)
        if label is not None and sentence is not None:
            found.append((one, other, sentence, f"{_PAGE}{label.set_id}"))
    return found[:_MOST_QUOTES], _once(said)


def _mention(name: str, texts: Iterable[str]) -> str | None:
    """The first sentence that holds `name`."""
    wanted = fold(name)
    for text in texts:
        for sentence in sentences(text):
            if wanted in fold(sentence) and len(sentence) <= _LONGEST:
                return sentence
    return None


def _once(said: Sequence[Provenance]) -> list[Provenance]:
    """One entry for each source and state; the oldest stands for its equals."""
    kept: dict[tuple[str, str], Provenance] = {}
    for each in said:
        before = kept.get((each.source, each.state))
        if before is None or (each.age_seconds or 0) > (before.age_seconds or 0):
            kept[each.source, each.state] = each
    return list(kept.values())
