"""Age, sex, durations and temperature as a complaint states them."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from alya_mcp.text.folding import fold
from alya_mcp.tools.health.logic.symptoms.model import Duration, Patient, Sex, SpokenLanguage

_NUMBERS_TEXT: Final = (
    "one 1 two 2 three 3 four 4 five 5 six 6 seven 7 eight 8 nine 9 ten 10 twelve 12 a 1 an 1 couple 2 few 3 "
    "several 4 bir 1 iki 2 uc 3 dort 4 bes 5 alti 6 yedi 7 sekiz 8 dokuz 9 on 10 birkac 3 yarim 0.5 half 0.5"
)
_PARTS: Final = _NUMBERS_TEXT.split()
_NUMBERS: Final = {word: float(number) for word, number in zip(_PARTS[::2], _PARTS[1::2], strict=True)}
_NUMBER: Final = rf"(\d{{1,3}}(?:[.,]\d)?|{'|'.join(sorted(_PARTS[::2], key=len, reverse=True))})"
_MINUTE: Final = 1 / 1440
_DAYS: Final = {
    "minute": _MINUTE, "min": _MINUTE, "hour": 1 / 24, "hr": 1 / 24, "day": 1.0, "night": 1.0, "week": 7.0,
    "month": 30.0, "year": 365.0, "dakika": _MINUTE, "saat": 1 / 24, "gun": 1.0, "gece": 1.0, "hafta": 7.0,
    "ay": 30.0, "yil": 365.0, "sene": 365.0,
}  # fmt: skip
_FOR_EN: Final = re.compile(
    r"(?:for|over|past|last|since|about|started|began|lasting|these|of|nearly|almost|around)\s(?:the\s)?"
    r"(?:about\s|past\s|last\s|around\s|at least\s|over\s|almost\s|more than\s|nearly\s)?"
    rf"{_NUMBER}(?:\s(?:or|to|of)\s{_NUMBER})?\s?(?:of\s)?(minute|min|hour|hr|day|night|week|month|year)s?\b"
    rf"|{_NUMBER}\s(minute|hour|day|night|week|month|year)s?\s(?:ago|now|history)"
)
_FOR_TR: Final = re.compile(
    rf"{_NUMBER}(?:\s{_NUMBER})?\s(dakika|saat|gun|gece|hafta|ay|yil|sene)"
    r"(?:d[iu]r|l[iu]k(?!\s(?:og|kiz|bebe|hamile|gebe|cocu|ikiz|yegen|torun))|(?:d[ae]n|t[ae]n)?\s(?:beri|once|kadar|boyunca|suredir|devam\w*|evvel)"
    r"|\s(?:oldu|surd\w+|sur\w+))"
)
_NAMED_DAYS: Final = tuple(
    (re.compile(pattern), length)
    for pattern, length in (
        (
            (
                r"since (?:this morning|an hour|last hour|lunch|noon|today)|this morning"
                r"|(?:started|began|came on) (?:this evening|today|tonight|just now)"
                r"|bu sabah|bu aksam|bugun|az once|demin|simdi basladi"
            ),
            0.3,
        ),
        (r"yesterday|last night|overnight|dun(?:den)?\b|dun (?:gece|aksam|sabah)", 1.0),
        (
            (
                r"(?:since|on) (?:mon|tues|wednes|thurs|fri|satur|sun)day|few days|couple of days"
                r"|birkac gun|pazartesi|sali gun|carsamba|persembe|cumartesi"
            ),
            3.0,
        ),
        (r"(?:since|last|past) week\b|all week|gecen hafta", 7.0),
        (r"few weeks|couple of weeks|weeks now|for weeks|haftalardir|birkac hafta", 21.0),
        (
            (
                r"(?:since|last|past) month\b|few months|for months|gecen ay|aylardir|birkac ay|"
                r"uzun (?:suredir|zamandir)"
            ),
            90.0,
        ),
        (
            r"for years|many years|years now|all my life|yillardir|senelerdir|for a long time|for ages",
            700.0,
        ),
    )
)
_AGE_EN: Final = (
    re.compile(r"\b(\d{1,3})[\s-]*(?:years?|yrs?|yr)[\s-]*(?:old|of age)"),
    re.compile(r"\b(\d{1,3})[\s-]*(?:y/?o|yo)\b"),
    re.compile(
        r"\b(?:i am|im|i m|aged?|age is)\s(\d{1,3})\b"
        r"(?!\s?(?:week|month|day|hour|minute|pound|kilo|kg|c\b|f\b|degree))"
    ),
    re.compile(r"\b(\d{1,3})\s?(?:f|m|female|male|woman|man)\b(?!\s?degree)"),
)
_AGE_TR: Final = (
    re.compile(r"\b(\d{1,3})\s?yas(?!\w*aklas)"),
    re.compile(r"\byas(?:im|i)?\s(\d{1,3})\b"),
)
_MONTHS: Final = re.compile(r"\b(\d{1,2})[\s-]*(?:months?|mo)[\s-]*old|\b(\d{1,2})\s?aylik\s(?!hamile|gebe)")
_WEEKS: Final = re.compile(
    r"\b(\d{1,2})[\s-]*(weeks?|days?)[\s-]*old|\b(\d{1,2})\s?(haftalik|gunluk)\s(?:bebe|kiz|og)"
)
_INFANT: Final = re.compile(r"\b(?:newborn|yenidogan|yeni dogan)\b")
_BABY: Final = re.compile(r"\b(?:baby|infant|bebe[gk]\w*)\b")
_PREGNANCY: Final = re.compile(r"my baby is due|pregnan|hamile|gebe|breastfe|emzir|birth|dogum")
_TODDLER: Final = re.compile(r"\btoddler\b")
_CHILD: Final = re.compile(r"\bmy (?:little )?(?:child|kid)\b|\bcocugum\w*")
_OFFSPRING: Final = re.compile(
    r"^(?:(?!(?:i|im|ive|my|our)\s)\w+\W+){0,3}(?:my|our)\s(?:\w+\s){0,2}"
    r"(?:son|daughter|boy|girl|grandson|granddaughter|grandchild|nephew|niece|kids|children|little one)s?\b"
    r"|^(?:\w+\W+)?(?:the|a|this|our)\s(?:little\s)?(?:child|kid|boy|girl)\b"
    r"|^(?:\w+\W+){0,3}(?:(?:oglum|kizim|torunum|yegenim)\w*|cocu(?:k|gun|ga|gu)\b)"
)
_FEMALE: Final = re.compile(
    r"\b(?:female|woman|girl|daughter|wife|pregnan\w*|my periods?|menopaus\w*|breastfeeding|vagina\w*"
    r"|girlfriend|kadin\w*|kiz(?:im\w*|i\w*)?|esim hamile|hamile\w*|gebe\w*|adet(?:im|ler\w*)?|regl\w*"
    r"|menopoz\w*|emziriyor\w*|vajin\w*|karim)\b|\b\d{1,2}\s?f\b"
    r"|\bmy (?:mother|mum|mom|grandmother|sister|aunt)\b"
    r"|\b(?:annem|babaannem|anneannem|ablam|teyzem)\b"
)
_MALE: Final = re.compile(
    r"\b(?:male|man|boy|son|husband|prostat\w*|testic\w*|penis\w*|scrot\w*|boyfriend|erkek\w*|oglum\w*"
    r"|oglan\w*|kocam\w*|testis\w*|yumurtaliklarim|erkegim)\b|\b\d{1,2}\s?m\b"
    r"|\bmy (?:father|dad|grandfather|brother|uncle)\b|\b(?:babam|dedem|abim|agabeyim|amcam|dayim)\b"
)
_CELSIUS: Final = re.compile(
    r"\b(3[4-9]|4[0-3])(?:[.,](\d))?\s?(?:c\b|deg\w*\b|derece\w*\b|\u00b0|celsius|ates\w*\b)"
    r"(?!\s(?:out|outside|here|in the|today|heat|hava\w*|disari\w*|golge\w*|sicakta))"
    r"|(?:ates\w*|temp\w*|fever|thermometer|termometre)\D{0,14}\b(3[4-9]|4[0-3])(?:[.,](\d))?(?!\d)"
    r"|\b(3[89]|4[01])[.,](\d)(?!\d|\s?(?:kg|kilo|cm|%|weeks?|hafta))"
)
_FAHRENHEIT: Final = re.compile(
    r"\b(9[5-9]|10[0-8])(?:\.(\d))?\s?(?:f\b|deg\w*|fever|fahrenheit)"
    r"|(?:temp\w*|fever)\D{0,14}\b(9[5-9]|10[0-8])(?:\.(\d))?(?!\d)"
)
_OLDEST: Final = 120
_SUGAR: Final = re.compile(
    r"\b(?:seker\w*|sugars?|glucose|glikoz\w*)"
    r"(?:\s(?:is|was|of|at|reads?|reading|readings|level|levels|over|above|around|about|now|seviye\w*|simdi|olctum|cikti))*"
    r"\s?:?\s(\d{1,3})(?:[.,](\d))?(?!\d)(?!\s?(?:yil|sene|gun|hafta|ay|years?|days?|weeks?|months?)\b)"
)
_MMOL_BELOW: Final = 36.0
"""Blood sugar stated below this is in mmol/l, from it on in mg/dl."""
_MG_PER_MMOL: Final = 18.0
_GESTATION: Final = (
    re.compile(
        r"\b(?:im|i m|i am|shes|she s|she is|wife is)\s(?:\w+\s)?(\d{1,2})\s?(?:\+\s?\d\s?)?(?:weeks?|wks?)\b"
        r"(?!\s?(?:old|post|after|since|into|out|off|sober|clean|on\b|of\b|in\b|ago))"
    ),
    re.compile(r"(?:^|[.!?]\s?)(\d{2})\s?(?:weeks|wks)(?:\s(?:along|gone|today|with|now))?\s?[.,;!]"),
    re.compile(r"\b(\d{1,2})\.?\s?hafta(?:lig[iy]m|liyim|m?dayim|ya girdim)"),
)
_LATEST_WEEK: Final = 42
_LONG_DAYS: Final = 70.0
_WEEKS_DAYS: Final = 10.0


def patient_of(text: str) -> Patient:
    """The age and sex that a complaint states; None where it states none.

    Words such as `baby` give a typical age, and in `ages` those that it may be.
    """
    folded = fold(text.replace("'", " ").replace("\u2019", " "))
    sex = _sex(folded)
    age = _age(folded)
    if age is not None:
        return Patient(age=age, sex=sex)
    typical, ages = _supposed(folded)
    return Patient(age=typical, sex=sex, ages=ages)


def temperature(text: str) -> float | None:
    """The highest body temperature stated, in degrees Celsius."""
    folded = fold(text)
    found: list[float] = []
    for match in _CELSIUS.finditer(folded):
        whole, part = next((match[at], match[at + 1]) for at in (1, 3, 5) if match[at])
        found.append(float(f"{whole}.{part or 0}"))
    for match in _FAHRENHEIT.finditer(folded):
        whole, part = (match[1], match[2]) if match[1] else (match[3], match[4])
        found.append((float(f"{whole}.{part or 0}") - 32) / 1.8)
    return max(found, default=None)


def glucose(text: str) -> float | None:
    """The blood sugar stated, in mg/dl."""
    match = _SUGAR.search(fold(text))
    if match is None:
        return None
    value = float(f"{match[1]}.{match[2] or 0}")
    return value * _MG_PER_MMOL if value < _MMOL_BELOW else value


def weeks_pregnant(text: str) -> int | None:
    """The week of a pregnancy that is told without the word: "I'm 34 weeks", "35 haftalığım"."""
    folded = fold(text.replace("'", " ").replace("\u2019", " "))
    for pattern in _GESTATION:
        match = pattern.search(folded)
        if match and 4 <= int(match[1]) <= _LATEST_WEEK and _MALE.search(folded) is None:
            return int(match[1])
    return None


def days(words: Sequence[str], language: SpokenLanguage) -> float | None:
    """How long something has lasted, in days, by the words of a sentence; the longest where several stand."""
    text = " ".join(words)
    found = [length for pattern, length in _NAMED_DAYS if pattern.search(text)]
    found += _counted(text, language)
    return max(found, default=None)


def duration_of(length: float) -> Duration:
    """The class of a length in days."""
    if length < 1:
        return "hours"
    if length < _WEEKS_DAYS:
        return "days"
    return "weeks" if length < _LONG_DAYS else "months"


def _counted(text: str, language: SpokenLanguage) -> Iterator[float]:
    if language == "tr":
        for match in _FOR_TR.finditer(text):
            yield _value(match[2] or match[1]) * _DAYS[match[3]]
        return
    for match in _FOR_EN.finditer(text):
        if match[3]:
            yield _value(match[2] or match[1]) * _DAYS[match[3]]
        else:
            yield _value(match[4]) * _DAYS[match[5]]


def _value(word: str) -> float:
    return _NUMBERS[word] if word in _NUMBERS else float(word.replace(",", "."))


def _age(text: str) -> float | None:
    months = _MONTHS.search(text)
    if months:
        return int(months[1] or months[2]) / 12
    weeks = _WEEKS.search(text)
    if weeks:
        count, unit = (weeks[1], weeks[2]) if weeks[1] else (weeks[3], weeks[4])
        return int(count) * (7 if unit.startswith(("week", "hafta")) else 1) / 365
    for pattern in (*_AGE_EN, *_AGE_TR):
        match = pattern.search(text)
        if match and int(match[1]) <= _OLDEST:
            return float(match[1])
    return None


def _supposed(text: str) -> tuple[float | None, tuple[float, float] | None]:
    """A typical age, and the least and the most, by what the patient is called."""
    if _INFANT.search(text):
        return 0.05, (0.0, 0.2)
    if _BABY.search(text) and not _PREGNANCY.search(text):
        return 0.7, (0.0, 1.5)
    if _TODDLER.search(text):
        return 2.0, (1.0, 4.0)
    if _CHILD.search(text):
        return 7.0, (1.0, 17.0)
    return None, (1.0, 120.0) if _OFFSPRING.search(text) else None


def _sex(text: str) -> Sex | None:
    female, male = _FEMALE.search(text), _MALE.search(text)
    if female and male:
        return "female" if female.start() < male.start() else "male"
    return "female" if female else "male" if male else None
