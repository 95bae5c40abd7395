"""Findings in a complaint: phrases, and sensations with the parts of the body they are in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from alya_mcp.tools.health.logic.symptoms.model import Finding, SpokenLanguage
from alya_mcp.tools.health.logic.symptoms.negation import denied, others, past
from alya_mcp.tools.health.logic.symptoms.patient import days
from alya_mcp.tools.health.logic.symptoms.words import (
    PhraseHit,
    Sentence,
    Vocabulary,
    is_joining,
    joins,
    word_cost,
)

Side = Literal["left", "right", "both"]
Severity = Literal["mild", "moderate", "severe"]

PART: Final = "part:"
SENSE: Final = "sense:"
_LEFT_FAR: Final = 8
_RIGHT_FAR: Final = 5
_SIDE_FAR: Final = 3
_SEVERITY_FAR: Final = 4
_SIDES: Final[Mapping[str, Side]] = {
    "left": "left", "sol": "left", "right": "right", "sag": "right", "both": "both", "bilateral": "both",
    "iki": "both", "each": "both",
}  # fmt: skip
_SEVERITIES_TEXT: Final[Mapping[Severity, str]] = {
    "severe": "severe severely unbearable excruciating intense worst agonizing agonising terrible horrible "
    "awful extreme extremely siddetli dayanilmaz cok korkunc asiri feci inanilmaz berbat",
    "moderate": "moderate moderately orta",
    "mild": "mild mildly slight slightly little hafif hafifce biraz az",
}
_SEVERITIES: Final[Mapping[str, Severity]] = {
    word: level for level, text in _SEVERITIES_TEXT.items() for word in text.split()
}
_PREPOSITIONS_TEXT: Final = (
    "in on at around behind under over across to near inside below above of down up into between along"
)
_PREPOSITIONS: Final = frozenset(_PREPOSITIONS_TEXT.split())
_PERSON_TEXT: Final = (
    "i im ive my me he she his her hes shes patient old son daughter husband wife baby child mother "
    "father mum mom dad boy girl man woman male female feeling feel myself"
)
_PERSON: Final = frozenset(_PERSON_TEXT.split())
_SUBJECTS_TEXT: Final = "i ben there also then have has var"
_SUBJECTS: Final = frozenset(_SUBJECTS_TEXT.split())


@dataclass(frozen=True, slots=True)
class Mention:
    """A finding that a complaint tells of. `days` is how long it has lasted, `words` what told it."""

    finding: str
    present: bool
    side: Side | None = None
    severity: Severity | None = None
    days: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """The folded words of a sentence; for each what denies it (-1: nothing); and which aren't the patient's.

    `elsewhere` are the places of words that are a relative's or long past.
    """

    words: tuple[str, ...]
    denied_by: Sequence[int]
    elsewhere: frozenset[int]


@dataclass(slots=True)
class ExtractedFindings:
    """All that a complaint tells: findings by id, and how long it has lasted in days.

    `leaning` are the conditions of which its words speak, with log likelihood ratios; `alarm` is how much
    they are those of an emergency, in log odds.
    """

    mentions: dict[str, Mention] = field(default_factory=dict[str, Mention])
    days: float | None = None
    sentences: list[ReadSentence] = field(default_factory=list[ReadSentence])
    leaning: dict[str, float] = field(default_factory=dict[str, float])
    alarm: float = 0.0

    def count(self) -> int:
        """How many findings it tells of."""
        return len(self.mentions)


class Extractor:
    """Finds findings in the text of one language.

    `vocabulary` holds patterns whose targets are findings, `part:` or `sense:` with a name; `pairs` gives the
    findings of a sensation in a part; `verbs` are sensations whose part stands before them.
    """

    def __init__(
        self,
        language: SpokenLanguage,
        vocabulary: Vocabulary,
        pairs: Mapping[tuple[str, str], Sequence[str]],
        findings: Mapping[str, Finding],
        verbs: int,
    ) -> None:
        self._language: SpokenLanguage = language
        self._vocabulary = vocabulary
        self._pairs = pairs
        self._findings = findings
        self._verbs = verbs

    def told(self, text: str) -> ExtractedFindings:
        """What a complaint tells."""
        told = ExtractedFindings()
        sentences = self._vocabulary.read(text)
        speaks_of_a_person = self._language == "tr" or any(
            not _PERSON.isdisjoint(sentence.words) for sentence in sentences
        )
        for sentence in sentences:
            length = days(sentence.words, self._language)
            former = past(sentence.words, self._language)
            theirs = others(sentence.words, self._language)
            if theirs and self._heart(sentence):
                _keep(told, Mention("family_heart_disease", present=True))
            found: list[Mention] = []
            by = denied(sentence.words, self._language)
            told.sentences.append(ReadSentence(sentence.words, by, frozenset(former | theirs)))
            for mention, at in self._in(sentence, length, by):
                background = self._findings[mention.finding].background
                if self._findings[mention.finding].personal and not speaks_of_a_person:
                    continue
                if theirs.isdisjoint(at) and (background or former.isdisjoint(at)):
                    found.append(mention)
            for mention in found:
                _keep(told, mention)
            symptoms = [each for each in found if not self._findings[each.finding].background]
            if length is not None and not former and (symptoms or not found):
                told.days = max(length, told.days or 0.0)
        return told

    def _heart(self, sentence: Sentence) -> bool:
        return any(word.startswith(("heart", "kalp", "stroke", "inme")) for word in sentence.words)

    def _in(
        self, sentence: Sentence, length: float | None, by: Sequence[int]
    ) -> list[tuple[Mention, Sequence[int]]]:
        hits = self._vocabulary.hits(sentence)
        found: list[tuple[Mention, Sequence[int]]] = []
        parts: list[PhraseHit] = []
        senses: list[PhraseHit] = []
        for hit in hits:
            if hit.target.startswith(PART):
                parts.append(hit)
            elif hit.target.startswith(SENSE):
                senses.append(hit)
            else:
                found.append((self._mention(sentence, hit.target, hit.at, by, length), hit.at))
        for sense, part in self._bound(sentence, _outermost(parts), _single(senses)):
            targets = self._pairs.get((part.target.removeprefix(PART), sense.target.removeprefix(SENSE)), ())
            at = tuple(sorted({*sense.at, *part.at}))
            found += [(self._mention(sentence, target, at, by, length, part), at) for target in targets]
        return found

    def _mention(
        self, sentence: Sentence, target: str, at: Sequence[int], by: Sequence[int], length: float | None,
        part: PhraseHit | None = None,
    ) -> Mention:  # fmt: skip
        present = not any(by[place] == place or (by[place] >= 0 and by[place] not in at) for place in at)
        side = _side(sentence.words, part.at if part else at)
        if side in {"left", "right"}:
            target = self._findings[target].one_side or target
        return Mention(
            target,
            present=present,
            side=side,
            severity=_severity(sentence.words, at),
            days=length,
            words=" ".join(sentence.words[at[0] : at[-1] + 1])[:80],
        )

    def _bound(
        self, sentence: Sentence, parts: list[PhraseHit], senses: list[PhraseHit]
    ) -> Iterable[tuple[PhraseHit, PhraseHit]]:
        """Each sensation with the parts that it is in."""
        places = {place for hit in senses for place in hit.at}
        chains = _chains(sentence.words, parts)
        for sense in senses:
            chain = self._left(sentence, chains, sense, places)
            near = chain is not None and _cost(sentence.words, chain[-1].at[-1] + 1, sense.at[0]) <= 1
            if not near:
                ahead = self._right(sentence, chains, sense, places)
                is_verb = self._verbs in sentence.elements[sense.at[0]]
                if ahead is not None and (chain is None or not is_verb):
                    chain = ahead
            for part in chain or ():
                yield sense, part

    def _left(
        self, sentence: Sentence, chains: list[list[PhraseHit]], sense: PhraseHit, senses: set[int]
    ) -> list[PhraseHit] | None:
        for chain in reversed(chains):
            end = chain[-1].at[-1]
            if end >= sense.at[0]:
                continue
            between = range(end + 1, sense.at[0])
            words = [sentence.words[place] for place in between]
            passed = [place for place in between if place in senses]
            if passed and (self._language == "tr" or not _SUBJECTS.isdisjoint(words)):
                loose = [w for p, w in zip(between, words, strict=True) if p not in senses]
                if not joins(loose) or not _SUBJECTS.isdisjoint(words):
                    return None
            return chain if sum(map(word_cost, words)) <= _LEFT_FAR else None
        return None

    def _right(
        self, sentence: Sentence, chains: list[list[PhraseHit]], sense: PhraseHit, senses: set[int]
    ) -> list[PhraseHit] | None:
        for chain in chains:
            start = chain[0].at[0]
            if start <= sense.at[-1]:
                continue
            between = range(sense.at[-1] + 1, start)
            words = [sentence.words[place] for place in between]
            loose = [w for p, w in zip(between, words, strict=True) if p not in senses]
            if sum(map(word_cost, loose)) > _RIGHT_FAR:
                return None
            before_its_part = joins(loose) and "," not in words and _SUBJECTS.isdisjoint(words)
            if self._language == "en" and _PREPOSITIONS.isdisjoint(words) and not before_its_part:
                return None
            if self._language == "tr" and any(place in senses for place in between):
                return None
            return chain
        return None


def _chains(words: Sequence[str], parts: list[PhraseHit]) -> list[list[PhraseHit]]:
    """Parts that are joined (`chest, left arm and jaw`) belong together."""
    chains: list[list[PhraseHit]] = []
    for part in parts:
        if chains and joins(words[chains[-1][-1].at[-1] + 1 : part.at[0]]):
            between = words[chains[-1][-1].at[-1] + 1 : part.at[0]]
            if any(word == "," or word == "/" or is_joining(word) for word in between):
                chains[-1].append(part)
                continue
        chains.append([part])
    return chains


def _outermost(hits: list[PhraseHit]) -> list[PhraseHit]:
    """Of hits that overlap, the one with more words; in the order of the text."""
    taken: set[int] = set()
    kept: list[PhraseHit] = []
    for hit in sorted(hits, key=lambda hit: (-len(hit.at), hit.at)):
        if taken.isdisjoint(hit.at):
            taken.update(range(hit.at[0], hit.at[-1] + 1))
            kept.append(hit)
    return sorted(kept, key=lambda hit: hit.at)


def _single(hits: list[PhraseHit]) -> list[PhraseHit]:
    return sorted(set(hits), key=lambda hit: hit.at)


def _cost(words: Sequence[str], start: int, end: int) -> int:
    return sum(word_cost(word) for word in words[start:end])


def _side(words: Sequence[str], at: Sequence[int]) -> Side | None:
    for place in range(at[-1], max(-1, at[0] - _SIDE_FAR - 1), -1):
        if words[place] in _SIDES:
            return _SIDES[words[place]]
    for place in range(at[-1] + 1, min(len(words), at[-1] + 4)):
        if words[place] in {"left", "right", "sol", "sag"} and "side" in words[place : place + 2]:
            return _SIDES[words[place]]
    return None


def _severity(words: Sequence[str], at: Sequence[int]) -> Severity | None:
    levels: dict[Severity, int] = defaultdict(int)
    for place in range(max(0, at[0] - _SEVERITY_FAR), min(len(words), at[-1] + _SEVERITY_FAR)):
        level = _SEVERITIES.get(words[place])
        if level is not None and "," not in words[min(place, at[0]) : max(place, at[-1]) + 1]:
            levels[level] += 1
    order: tuple[Severity, ...] = ("severe", "moderate", "mild")
    return next((level for level in order if levels[level]), None)


def _keep(told: ExtractedFindings, mention: Mention) -> None:
    """Keep a mention; what is affirmed anywhere counts as present."""
    before = told.mentions.get(mention.finding)
    if before is None or (mention.present and not before.present):
        told.mentions[mention.finding] = mention
    elif before.present == mention.present and before.days is None and mention.days is not None:
        told.mentions[mention.finding] = Mention(
            mention.finding,
            present=mention.present,
            side=before.side or mention.side,
            severity=before.severity or mention.severity,
            days=mention.days,
            words=before.words,
        )
