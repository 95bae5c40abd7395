"""The symptom checker's model as plain values: findings, conditions, warning signs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

SpokenLanguage = Literal["en", "tr"]
Sex = Literal["female", "male"]
Care = Literal["self-care", "routine", "soon", "urgent", "emergency"]
FlagLevel = Literal["emergency", "urgent", "crisis"]

AGE_BANDS: Final = (5.0, 15.0, 30.0, 50.0, 70.0)
"""Upper ends, in years, of the first five of the six age bands; the last one has none."""

Duration = Literal["hours", "days", "weeks", "months"]
DURATIONS: Final[tuple[Duration, ...]] = ("hours", "days", "weeks", "months")
"""Under a day, under 10 days, under 10 weeks, longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a patient can say of themselves.

    `base` is the probability that somebody with an unrelated illness says it; whoever has it has every
    one of `parents` too; `background` marks circumstances (smoking, pregnancy) rather than symptoms; what
    isn't `alone` says how something came on and isn't a complaint by itself; what is `personal` counts only
    in a text that speaks of a person ("markets are worried"); `one_side` is what it is when only the left
    or the right is told of, `lasting` what it is too after so many days.
    """

    id: str
    en: str
    tr: str
    base: float
    parents: tuple[str, ...] = ()
    background: bool = False
    asked: bool = True
    alone: bool = True
    personal: bool = False
    one_side: str | None = None
    lasting: tuple[str, float] | None = None
    ask_en: str | None = None
    ask_tr: str | None = None

    def name(self, language: SpokenLanguage) -> str:
        """What it is called."""
        return self.tr if language == "tr" else self.en

    def question(self, language: SpokenLanguage) -> str:
        """The question that asks for it."""
        if language == "tr":
            return self.ask_tr or f"Bu geçerli mi: {self.tr}?"
        return self.ask_en or f"Does this apply: {self.en}?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition and how often its findings come with it.

    `prior` is its share among people who describe a complaint, before age and sex; `ages` and `sexes`
    (female, male) multiply it; `findings` are probabilities that the condition brings the finding about.
    """

    id: str
    en: str
    tr: str
    also: tuple[str, ...]
    prior: float
    ages: tuple[float, ...]
    sexes: tuple[float, float]
    lasts: frozenset[Duration]
    care: Care
    findings: Mapping[str, float]
    sources: tuple[str, ...]

    def name(self, language: SpokenLanguage) -> str:
        """What it is called."""
        return self.tr if language == "tr" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRule:
    """A warning sign: it holds when of one of `any_of` every group has a finding that is present.

    `last_resort`: only where no rule before it holds.
    """

    id: str
    en: str
    tr: str
    level: FlagLevel
    any_of: tuple[tuple[frozenset[str], ...], ...]
    none_of: frozenset[str]
    ages: tuple[float, float]
    sex: Sex | None
    do_en: str
    do_tr: str
    last_resort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSource:
    """A published source."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is known of who has the complaint; `age` in years.

    `ages` are the youngest and the oldest that it may be where the age itself isn't known.
    """

    age: float | None = None
    sex: Sex | None = None
    ages: tuple[float, float] | None = None


def age_band(age: float) -> int:
    """The index of an age's band, 0 to 5."""
    return sum(age >= end for end in AGE_BANDS)
