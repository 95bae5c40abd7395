"""Reads the data files and checks that they fit together."""

import csv
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast, get_args

from alya_mcp.text.folding import fold
from alya_mcp.text.words import guess_language
from alya_mcp.tools.health.logic.symptoms.extraction import (
    PART,
    SENSE,
    ExtractedFindings,
    Extractor,
)
from alya_mcp.tools.health.logic.symptoms.flags import RaisedFlag, raised
from alya_mcp.tools.health.logic.symptoms.inference import OTHER, Calibration, Network
from alya_mcp.tools.health.logic.symptoms.model import (
    AGE_BANDS,
    Care,
    Condition,
    Duration,
    Finding,
    FlagLevel,
    FlagRule,
    PublishedSource,
    SpokenLanguage,
)
from alya_mcp.tools.health.logic.symptoms.reading import URGENT_WORDING, PatientCase
from alya_mcp.tools.health.logic.symptoms.urgency import UrgencyModel, cues_of
from alya_mcp.tools.health.logic.symptoms.wording import WordingModel, stems_of
from alya_mcp.tools.health.logic.symptoms.words import Vocabulary

_ENOUGH: Final = 4
_GUESSED_BY: Final = 600
FOLDER: Final = Path(__file__).parent
_LANGUAGES: Final[tuple[SpokenLanguage, ...]] = ("en", "tr")
_SPELLING: Final = re.compile(r"[a-z]{2,}[*~]?|[a-z]|\d+(?:[.,]\d+)?\*?|%")


class DataError(ValueError):
    """An entry of a data file is wrong; the text says which file, which entry and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyNumbers:
    """Emergency numbers and crisis lines by country."""

    emergency: Mapping[str, str]
    crisis: Mapping[str, str]
    of_language: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Everything that the symptom checker knows."""

    network: Network
    flags: tuple[FlagRule, ...]
    references: Mapping[str, PublishedSource]
    places: EmergencyNumbers
    extractors: Mapping[SpokenLanguage, Extractor]
    urgency: UrgencyModel
    wording: WordingModel

    def told(self, text: str) -> tuple[ExtractedFindings, SpokenLanguage]:
        """What a complaint tells, and in which language: the one that it seems to be, else the other."""
        told, language = self._read(text)
        told.alarm = self.urgency.score(cues_of(told.sentences))
        told.leaning = self.wording.leaning(stems_of(told.sentences))
        return told, language

    def signs(self, case: PatientCase, posterior: Mapping[str, float] | None = None) -> list[RaisedFlag]:
        """The warning signs of a case: the rules that hold; where none does, whether it reads like one.

        `posterior` spares working it out again.
        """
        present = case.present(self.network)
        found = raised(self.flags, present, case.patient)
        if found or case.alarm is None:
            return found
        if posterior is None:
            posterior = self.network.posterior(case.evidence, case.patient)
        shares = dict.fromkeys(get_args(Care), 0.0)
        for name, share in posterior.items():
            if name != OTHER and case.tells_enough(self.network):
                shares[self.network.conditions[name].care] += share
        if not self.urgency.alarming(case.alarm, shares["emergency"], shares["urgent"]):
            return []
        return raised(self.flags, present | {URGENT_WORDING: URGENT_WORDING}, case.patient)

    def _read(self, text: str) -> tuple[ExtractedFindings, SpokenLanguage]:
        guessed = guess_language(text[:_GUESSED_BY])
        first = self.extractors[guessed].told(text)
        if first.count() >= _ENOUGH:
            return first, guessed
        other: SpokenLanguage = "en" if guessed == "tr" else "tr"
        second = self.extractors[other].told(text)
        return (second, other) if second.count() > first.count() else (first, guessed)


@cache
def knowledge() -> Knowledge:
    """The data, read once.

    Raises:
        DataError: an entry is wrong.
    """
    return read_knowledge(FOLDER)


def read_knowledge(folder: Path) -> Knowledge:
    """The data in a folder.

    Raises:
        DataError: an entry is wrong.
    """
    findings: dict[str, Finding] = {}
    said: dict[SpokenLanguage, dict[str, str]] = {language: {} for language in _LANGUAGES}
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file, name, entry in _entries(folder, "findings_*.toml"):
        where = f"{file}: [{name}]"
        if name in findings:
            raise DataError(f"{where} is there twice")
        findings[name] = _finding(where, name, entry)
        for language in _LANGUAGES:
            said[language][name] = entry[f"said_{language}"]
        for pair in str(entry.get("at", "")).split():
            part, _, sense = pair.partition(":")
            pairs[part, sense].append(name)
    for each in findings.values():
        lasting = each.lasting and each.lasting[0]
        _known(f"[{each.id}]", [name for name in (*each.parents, each.one_side, lasting) if name], findings)
    publishers = _read(folder / "sources.toml")
    references: dict[str, PublishedSource] = {}
    conditions: dict[str, Condition] = {}
    for file, name, entry in _entries(folder, "conditions_*.toml"):
        where = f"{file}: [{name}]"
        if name in conditions:
            raise DataError(f"{where} is there twice")
        conditions[name] = _condition(where, name, entry, findings)
        for source in conditions[name].sources:
            references[source] = _reference(where, source, publishers)
    lexicon = _read(folder / "lexicon.toml")
    return Knowledge(
        network=Network(findings, conditions, Calibration(**_read(folder / "calibration.toml"))),
        flags=tuple(
            _flag(f"{file}: [{name}]", name, entry, findings)
            for file, name, entry in _entries(folder, "red_flags*.toml")
        ),
        references=references,
        places=_places(_read(folder / "places.toml")),
        extractors={
            language: _extractor(language, lexicon[language], said[language], pairs, findings)
            for language in _LANGUAGES
        },
        urgency=_urgency(folder / "urgency.csv"),
        wording=_wording(folder / "wording.csv", conditions),
    )


def _urgency(file: Path) -> UrgencyModel:
    with file.open(encoding="utf-8", newline="") as lines:
        weights = {row["cue"]: float(row["weight"]) for row in csv.DictReader(lines)}
    return UrgencyModel(
        bias=weights.pop("BIAS"),
        threshold=weights.pop("THRESHOLD"),
        emergency=weights.pop("EMERGENCY"),
        urgent=weights.pop("URGENT"),
        weights=weights,
    )


def _wording(file: Path, conditions: Mapping[str, Condition]) -> WordingModel:
    weights: dict[str, dict[str, float]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            leans = [each.split(":") for each in row["leans"].split()]
            weights[row["stem"]] = {name: float(weight) for name, weight in leans}
    missing = {name for leans in weights.values() for name in leans} - conditions.keys()
    if missing:
        raise DataError(f"{file.name}: there is no condition {', '.join(sorted(missing))}")
    return WordingModel(weights)


def _entries(folder: Path, pattern: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for file in sorted(folder.glob(pattern)):
        for name, entry in _read(file).items():
            yield file.name, name, entry


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{file.name}: {error}") from None


def _finding(where: str, name: str, entry: Mapping[str, Any]) -> Finding:
    _fields(
        where,
        entry,
        "en tr base said_en said_tr",
        "is at background asked alone personal one_side lasting ask_en ask_tr",
    )
    return Finding(
        id=name,
        en=entry["en"],
        tr=entry["tr"],
        base=_share(where, "base", entry["base"]),
        parents=tuple(_list(entry.get("is", ""))),
        background=entry.get("background", False),
        asked=entry.get("asked", True),
        alone=entry.get("alone", True),
        personal=entry.get("personal", False),
        one_side=entry.get("one_side"),
        lasting=_lasting(where, entry["lasting"]) if "lasting" in entry else None,
        ask_en=entry.get("ask_en"),
        ask_tr=entry.get("ask_tr"),
    )


def _condition(where: str, name: str, entry: Mapping[str, Any], findings: Mapping[str, Finding]) -> Condition:
    _fields(where, entry, "en tr also prior ages lasts care findings sources", "sexes")
    chances: dict[str, float] = {}
    for each in _list(entry["findings"]):
        finding, _, chance = each.partition(" ")
        chances[finding] = _share(where, finding, chance)
    _known(f"{where} findings", chances, findings)
    ages = tuple(float(each) for each in entry["ages"].split())
    if len(ages) != len(AGE_BANDS) + 1:
        raise DataError(f"{where}: ages takes {len(AGE_BANDS) + 1} numbers")
    female, male = (float(each) for each in entry.get("sexes", "1 1").split())
    lasts = frozenset(entry["lasts"].split())
    if not lasts or not lasts <= set(get_args(Duration)):
        raise DataError(f"{where}: lasts takes some of {', '.join(get_args(Duration))}")
    if entry["care"] not in get_args(Care):
        raise DataError(f"{where}: care is one of {', '.join(get_args(Care))}")
    return Condition(
        id=name,
        en=entry["en"],
        tr=entry["tr"],
        also=tuple(_list(entry["also"])),
        prior=float(entry["prior"]) / 1000,
        ages=ages,
        sexes=(female, male),
        lasts=cast("frozenset[Duration]", lasts),
        care=entry["care"],
        findings=chances,
        sources=tuple(_list(entry["sources"])),
    )


def _flag(where: str, name: str, entry: Mapping[str, Any], findings: Mapping[str, Finding]) -> FlagRule:
    _fields(where, entry, "en tr level when do_en do_tr", "unless ages sex last_resort")
    if entry["level"] not in get_args(FlagLevel):
        raise DataError(f"{where}: level is one of {', '.join(get_args(FlagLevel))}")
    rules = tuple(
        tuple(frozenset(group.strip().split("|")) for group in line.split("&")) for line in entry["when"]
    )
    none_of = frozenset(_list(entry.get("unless", "")))
    _known(where, {each for rule in rules for group in rule for each in group} | none_of, findings)
    low, high = entry.get("ages", (0, 200))
    return FlagRule(
        id=name,
        en=entry["en"],
        tr=entry["tr"],
        level=entry["level"],
        any_of=rules,
        none_of=none_of,
        ages=(float(low), float(high)),
        sex=entry.get("sex"),
        do_en=entry["do_en"],
        do_tr=entry["do_tr"],
        last_resort=entry.get("last_resort", False),
    )


def _reference(where: str, source: str, publishers: Mapping[str, Any]) -> PublishedSource:
    publisher, _, slug = source.partition(":")
    if publisher not in publishers or not slug:
        raise DataError(
            f"{where}: the source {source!r} is not PUBLISHER:PAGE with a publisher of sources.toml"
        )
    name = slug.upper() if publisher == "nice" else slug.replace("-", " ")
    fields = publishers[publisher]
    return PublishedSource(title=fields["title"].format(name=name), url=fields["url"].format(slug=slug))


def _places(entry: Mapping[str, Any]) -> EmergencyNumbers:
    return EmergencyNumbers(
        emergency={code: number for number, codes in entry["emergency"].items() for code in codes.split()},
        crisis={code: number for number, codes in entry["crisis"].items() for code in codes.split()},
        of_language=entry["language"],
    )


def _extractor(
    language: SpokenLanguage, lexicon: Mapping[str, Any], said: Mapping[str, str],
    pairs: Mapping[tuple[str, str], list[str]], findings: Mapping[str, Finding],
) -> Extractor:  # fmt: skip
    lists = {name: fold(spellings) for name, spellings in lexicon["lists"].items()}
    for name, spellings in lists.items():
        _spelled(f"{language} <{name}>", spellings.split())
    vocabulary = Vocabulary(lists, lexicon["rewrites"])
    parts, senses = lexicon["parts"], lexicon["senses"]
    for prefix, entries in ((PART, parts), (SENSE, senses), ("", said)):
        for name, text in entries.items():
            patterns = [fold(pattern) for pattern in _list(text)]
            _spelled(f"{language} [{name}]", (one for pattern in patterns for one in _spellings(pattern)))
            vocabulary.add(f"{prefix}{name}", patterns)
    for part, sense in pairs:
        if part not in parts or sense not in senses:
            raise DataError(
                f"{pairs[part, sense][0]}: at names {part}:{sense}, which the lexicon doesn't have"
            )
    return Extractor(language, vocabulary, pairs, findings, vocabulary.number(lexicon["verbs"]))


def _spelled(where: str, spellings: Iterable[str]) -> None:
    for spelling in spellings:
        if not _SPELLING.fullmatch(spelling):
            raise DataError(f"{where}: {spelling!r} is not a word, `begin*` or `stem~`")


def _spellings(pattern: str) -> list[str]:
    parts = [part for part in pattern.split() if part not in {"_", "..."}]
    return [one for part in parts for one in part.split("|") if not re.fullmatch(r"<\w+>", one)]


def _lasting(where: str, text: str) -> tuple[str, float]:
    name, _, length = text.partition(" ")
    if not length.isdecimal():
        raise DataError(f"{where}: lasting takes a finding and a number of days, such as cough_long 21")
    return name, float(length)


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _share(where: str, name: str, percent: str | float) -> float:
    value = float(percent)
    if not 0 < value < 100:
        raise DataError(f"{where}: {name} is {percent}; write per cent above 0 and below 100")
    return value / 100


def _known(where: str, names: Any, findings: Mapping[str, Finding]) -> None:
    missing = sorted(name for name in names if name not in findings)
    if missing:
        raise DataError(f"{where}: there is no finding {', '.join(missing)}")


def _fields(where: str, entry: Mapping[str, Any], required: str, optional: str) -> None:
    wanted, allowed = set(required.split()), set(optional.split())
    if missing := sorted(wanted - entry.keys()):
        raise DataError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(entry.keys() - wanted - allowed):
        raise DataError(f"{where} has the unknown field {', '.join(unknown)}")
