"""`alya_drug_interactions`: known interactions of every pair among some drugs."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Annotated, Final, Literal

import anyio
from pydantic import Field, StringConstraints

from alya_mcp import __version__
from alya_mcp.errors import InvalidInput
from alya_mcp.text.folding import fold
from alya_mcp.toolkit.models import Input, Output, UntrustedText
from alya_mcp.toolkit.provenance import Provenance
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.health import drug_online
from alya_mcp.tools.health.drug_base import DrugBase, drug_base
from alya_mcp.tools.health.drug_online import Quote
from alya_mcp.tools.health.logic.drug_names import MatchedBy, Named, Unresolved
from alya_mcp.tools.health.logic.drug_rules import SEVERITIES, DrugInteraction, Severity

_DISCLAIMER: Final = (
    "Information, not medical advice. Rules can't know dose, kidneys, age or illness, and what isn't listed "
    "can still interact. Don't start, stop or change a medicine because of this answer: ask a doctor or "
    "pharmacist."
)
_NONE_KNOWN: Final = (
    "No rule of this knowledge base is about the pair. That doesn't mean that the pair is safe."
)
_ASK: Final = "Ask a pharmacist or look at both package leaflets."
_UNKNOWN: Final = (
    "Not checked, since no ingredient of that name is known: nothing here speaks for or against it"
)

_MOST_LABELS: Final = 10

Drug = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"\S")]


class DrugRequest(Input):
    """The drugs to compare."""

    drugs: Annotated[list[Drug], Field(min_length=2, max_length=10)] = Field(
        description="2 to 10 generic or brand names, English or Turkish; alcohol, grapefruit, herbs too."
    )
    online: bool = Field(
        False,
        description="Also ask RxNorm for names not known here and openFDA for labels; sends them the names.",
    )


class RecognisedDrug(Output):
    """A name that was given and what it stands for."""

    given: str = Field(description="The name as it was given.")
    ingredients: list[str] = Field(description="Its active ingredients (INN).")
    matched_by: MatchedBy = Field(
        description="How it was recognised; spelling means that a near name was taken, see readAs."
    )
    read_as: str | None = Field(description="The known name that it was read as, where that differs.")
    kind: Literal["drug", "food", "substance"] = Field(description="What it is.")


class UnresolvedDrug(Output):
    """A name that stands for nothing known; its pairs were not checked."""

    given: str = Field(description="The name as it was given.")
    suggestions: list[str] = Field(
        description="Known names that look like it; for a class of drugs (see notice) three of its drugs."
    )


class Reason(Output):
    """One rule that is about a pair."""

    severity: Severity = Field(description="How severe this rule says it is.")
    mechanism: str = Field(description="How it comes about.")
    description: str = Field(description="What can happen.")
    evidence: str = Field(description="What it rests on.")
    sources: list[str] = Field(description="Where it is from: titles and addresses.")
    rule: str = Field(description="The rule's id, for a correction.")


class PairAnswer(Output):
    """What is known of two ingredients."""

    a: str = Field(description="One ingredient.")
    b: str = Field(description="The other.")
    severity: Severity = Field(
        description="none-known: no rule is about the pair, which doesn't mean that it is safe."
    )
    description: str = Field(description="What can happen.")
    recommendation: str = Field(description="What to do.")
    mechanism: str | None = Field(description="How it comes about.")
    evidence: str | None = Field(description="What it rests on.")
    reasons: list[Reason] = Field(description="All rules about the pair, the most severe first.")
    sources_disagree: bool = Field(
        description="True when the rules differ in severity; the most severe counts."
    )


class LabelQuote(Output):
    """A sentence of one drug's label that mentions another."""

    label_of: str = Field(description="The ingredient whose label it is.")
    mentions: str = Field(description="The ingredient that it mentions.")
    quote: UntrustedText = Field(description="The sentence, with the label's address (set id) as its source.")


class DrugAnswer(Output):
    """Every pair among the drugs."""

    pairs: list[PairAnswer] = Field(description="Every pair of their ingredients, the most severe first.")
    worst: Severity | None = Field(
        description="The most severe of them; null where no pair could be checked."
    )
    drugs: list[RecognisedDrug] = Field(description="The names that were recognised.")
    unresolved: list[UnresolvedDrug] = Field(
        description="Names that weren't; their pairs are NOT in this answer."
    )
    duplicates: list[str] = Field(description="Ingredients that came under more than one name.")
    complete: bool = Field(description="False when a name wasn't recognised.")
    labels: list[LabelQuote] = Field(description="What US labels say, with `online`.")
    sources: list[Provenance] = Field(description="Who was asked, with `online`.")
    notice: str | None = Field(description="What to know before reading on.")
    basis: str = Field(description="What the answer rests on, and of which version.")
    disclaimer: str = Field(description="To be shown with the answer.")


@tool(
    title="Drug interactions",
    category="Read",
    risk="High",
    price=0.05,
    read_only=True,
    destructive=False,
    idempotent=True,
    open_world=True,  # with `online`; the knowledge base itself comes with the package
)
async def alya_drug_interactions(arguments: DrugRequest, context: Context) -> DrugAnswer:
    """Check every pair among 2 to 10 drugs, foods and substances for known interactions.

    Use it when someone asks whether medicines go together. It takes brand and generic names, splits
    combination products, and reads small misspellings as the nearest name (`matchedBy: spelling`): say so to
    the user.

    Returns for every pair severity (none-known, minor, moderate, severe), what can happen, what to do, and
    the rules with their sources. Names it doesn't know are in `unresolved` and were not checked. `none-known`
    is not `safe`. It knows no dose, age, kidneys or illness. Show `disclaimer` and `notice`.
    """
    base = await anyio.to_thread.run_sync(drug_base)
    found: list[Named | Unresolved] = [base.names.find(name) for name in arguments.drugs]
    if not arguments.online:
        return _answer(base, found, [], [])
    found, asked = await drug_online.resolve(context.hub.http, base, found)
    known = dict.fromkeys(part for each in found if isinstance(each, Named) for part in each.ingredients)
    drugs = [name for name in known if base.ingredients[name].kind == "drug"][:_MOST_LABELS]
    quoted, said = await drug_online.quotes(context.hub.http, drugs)
    return _answer(base, found, quoted, [*asked, *said])


def _answer(
    base: DrugBase, found: Sequence[Named | Unresolved], quoted: Sequence[Quote], asked: list[Provenance]
) -> DrugAnswer:
    named = [each for each in found if isinstance(each, Named)]
    unresolved = [each for each in found if isinstance(each, Unresolved)]
    if not named:
        classes = _classes(unresolved)
        raise InvalidInput(
            "drugs holds no name that is known: "
            f"{', '.join(repr(each.given[:40]) for each in unresolved)}. Give generic or brand names, one "
            f"each, without sentences{'. ' + classes if classes else ''}"
        )
    pairs = _pairs(base, named)
    duplicates = _duplicates(named)
    return DrugAnswer(
        pairs=pairs,
        worst=pairs[0].severity if pairs else None,
        drugs=[
            RecognisedDrug(
                given=each.given,
                ingredients=list(each.ingredients),
                matched_by=each.matched_by,
                read_as=each.read_as,
                kind=_kind(base, each),
            )
            for each in named
        ],
        unresolved=[
            UnresolvedDrug(given=each.given, suggestions=list(each.suggestions)) for each in unresolved
        ],
        duplicates=duplicates,
        complete=not unresolved,
        labels=[
            LabelQuote(label_of=one, mentions=other, quote=UntrustedText.of(sentence, address))
            for one, other, sentence, address in quoted
        ],
        sources=asked,
        notice=_notice(named, unresolved, duplicates, pairs, asked),
        basis=f"The knowledge base of alya-mcp {__version__}: {len(base.ingredients):,} ingredients, "
        f"{len(base.all_rules)} rules and the published tables of enzymes and transporters; who was "
        "asked online is in sources",
        disclaimer=_DISCLAIMER,
    )


def _pairs(base: DrugBase, named: Sequence[Named]) -> list[PairAnswer]:
    """Every pair of ingredients of different names, once, the most severe first."""
    seen: dict[tuple[str, str], PairAnswer] = {}
    for one, other in combinations(named, 2):
        for a, b in product(one.ingredients, other.ingredients):
            if a != b and (a, b) not in seen and (b, a) not in seen:
                seen[a, b] = _pair(base, a, b)
    return sorted(seen.values(), key=lambda pair: -SEVERITIES.index(pair.severity))


def _pair(base: DrugBase, a: str, b: str) -> PairAnswer:
    findings = base.rules.findings(base.ingredients[a], base.ingredients[b])
    worst = findings[0] if findings else None
    return PairAnswer(
        a=a,
        b=b,
        severity=worst.severity if worst else "none-known",
        description=worst.description if worst else _NONE_KNOWN,
        recommendation=worst.recommendation if worst else _ASK,
        mechanism=worst.mechanism if worst else None,
        evidence=worst.evidence if worst else None,
        reasons=[_reason(base, each) for each in findings],
        sources_disagree=len({each.severity for each in findings}) > 1,
    )


def _reason(base: DrugBase, finding: DrugInteraction) -> Reason:
    cited = [base.citations[key] for key in finding.sources]
    return Reason(
        severity=finding.severity,
        mechanism=finding.mechanism,
        description=finding.description,
        evidence=finding.evidence,
        sources=[f"{each.title}, {each.address}" for each in cited],
        rule=finding.rule,
    )


def _kind(base: DrugBase, named: Named) -> Literal["drug", "food", "substance"]:
    kind = base.ingredients[named.ingredients[0]].kind
    return kind if kind in {"food", "substance"} else "drug"  # pyright: ignore[reportReturnType]


def _duplicates(named: Sequence[Named]) -> list[str]:
    counts: dict[str, int] = {}
    for each in named:
        for ingredient in set(each.ingredients):
            counts[ingredient] = counts.get(ingredient, 0) + 1
    return [ingredient for ingredient, count in counts.items() if count > 1]


def _classes(unresolved: Sequence[Unresolved]) -> str:
    """What to do about words for a class of drugs; empty where there is none."""
    said = [
        f"{each.given[:60]} ({each.of_class}, such as {', '.join(each.suggestions)})"
        for each in unresolved
        if each.of_class
    ]
    if not said:
        return ""
    return (
        f"Not checked, since a class of drugs was named and its drugs interact differently: "
        f"{'; '.join(said)}. The answer needs the drug's own name: ask the user, or read it from the package"
    )


def _notice(
    named: Sequence[Named], unresolved: Sequence[Unresolved], duplicates: Sequence[str],
    pairs: Sequence[PairAnswer], asked: Sequence[Provenance],
) -> str | None:  # fmt: skip
    parts: list[str] = []
    unknown = [each for each in unresolved if not each.of_class]
    if unknown:
        parts.append(f"{_UNKNOWN}: {', '.join(each.given[:60] for each in unknown)}")
    if classes := _classes(unresolved):
        parts.append(classes)
    spelled = [each for each in named if each.matched_by == "spelling" and fold(each.given) != each.read_as]
    if spelled:
        read = ", ".join(f"{each.given[:60]} as {each.read_as}" for each in spelled)
        parts.append(f"Read by its spelling, please confirm: {read}")
    if duplicates:
        parts.append(
            f"The same ingredient under more than one name, so its dose adds up: {', '.join(duplicates)}"
        )
    silent = dict.fromkeys(each.source for each in asked if each.state == "failed")
    if silent:
        parts.append(f"Didn't answer, so nothing of theirs is here: {', '.join(silent)}")
    if not pairs:
        parts.append("Less than two different ingredients were recognised, so no pair could be checked")
    return ". ".join(parts) or None
