"""`alya_symptom_check`: conditions that fit a complaint in plain words, and warning signs in it."""

from functools import partial
from typing import Annotated, Final, Literal

import anyio
from pydantic import AwareDatetime, Field, StringConstraints

from alya_mcp.errors import InvalidInput
from alya_mcp.toolkit.models import Input, Output
from alya_mcp.toolkit.tool import Context, tool
from alya_mcp.tools.health.logic.symptoms.asking import worth_asking
from alya_mcp.tools.health.logic.symptoms.extraction import Mention, Severity, Side
from alya_mcp.tools.health.logic.symptoms.flags import RaisedFlag
from alya_mcp.tools.health.logic.symptoms.inference import OTHER
from alya_mcp.tools.health.logic.symptoms.model import Care, FlagLevel, Sex, SpokenLanguage
from alya_mcp.tools.health.logic.symptoms.reading import SPEAKS, PatientCase
from alya_mcp.tools.health.symptom_sessions import SymptomSessions
from alya_mcp.tools.health.symptoms.knowledge import Knowledge, knowledge

_SHOWN: Final = 8
_LEAST_SHOWN: Final = 0.01
_QUESTIONS: Final = 5
_REASONS: Final = 6
_TELLING: Final = 0.5
_LIKELY: Final = 0.1
_DISCLAIMER: Final[dict[SpokenLanguage, str]] = {
    "en": "Information, not a diagnosis and no substitute for a doctor. Listed are conditions whose usual "
    "signs fit what was said; the right one may not be among them. If you are worried or it gets worse, "
    "get medical help, whatever this list says.",
    "tr": "Bilgi amaçlıdır; tanı değildir ve doktorun yerini tutmaz. Listelenenler, olağan belirtileri "
    "anlatılanlara uyan durumlardır; doğrusu aralarında olmayabilir. Endişeliyseniz veya kötüleşirse, "
    "bu liste ne derse desin tıbbi yardım alın.",
}
_CALL: Final[dict[SpokenLanguage, str]] = {
    "en": "Call {number} now or go to the nearest emergency department.",
    "tr": "Hemen {number} numarasını arayın veya en yakın acil servise gidin.",
}
_CALL_ANYWHERE: Final[dict[SpokenLanguage, str]] = {
    "en": "your local emergency number (112 in most of Europe, 911 in North America)",
    "tr": "bulunduğunuz yerin acil (Türkiye'de 112)",
}
_CRISIS_LINE: Final[dict[SpokenLanguage, str]] = {
    "en": "Somebody to talk to at any hour: {number}.",
    "tr": "Günün her saati konuşabileceğiniz hat: {number}.",
}
_AGE_SUPPOSED: Final[dict[SpokenLanguage, str]] = {
    "en": "No age was given; this counts {ages}.",
    "tr": "Yaş belirtilmedi; bu, {ages} geçerlidir.",
}
_UNITS: Final[dict[SpokenLanguage, tuple[str, str]]] = {"en": ("months", "years"), "tr": ("ay", "yaş")}
_MONTHS_BELOW: Final = 1
_OLDEST: Final = 120


class SymptomAnswer(Input):
    """The answer to one of the questions."""

    question: Annotated[str, StringConstraints(min_length=1, max_length=60)] = Field(
        description="The question's id, from questions."
    )
    answer: Literal["yes", "no", "unknown"] = Field(description="The patient's answer.")


class SymptomRequest(Input):
    """A complaint, and what else is known of the patient."""

    complaint: Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"\S")] = Field(
        description="What is wrong, in the patient's own words, English or Turkish: since when, how bad, "
        "where, what is not there. With sessionId: what is new, or the same again."
    )
    age: float | None = Field(None, ge=0, le=120, description="Age in years; 0.5 is six months.")
    sex: Sex | None = Field(None, description="Sex.")
    answers: Annotated[list[SymptomAnswer], Field(max_length=40)] = Field(
        [], description="Answers to questions of an earlier call; needs its sessionId."
    )
    session_id: Annotated[str, StringConstraints(max_length=40, pattern=r"\S")] | None = Field(
        None, description="The earlier call to go on from, within 24 hours."
    )
    country: Annotated[str, StringConstraints(max_length=2, pattern=r"^[A-Za-z]{2}$")] | None = Field(
        None, description="Where the patient is (ISO 3166 code such as GB), for the emergency number."
    )


class Understood(Output):
    """A finding that was understood from the complaint or an answer."""

    id: str = Field(description="Its id.")
    name: str = Field(description="What it is.")
    present: bool = Field(description="False: said not to be there.")
    side: Side | None = Field(description="Side of the body; null: none was said.")
    severity: Severity | None = Field(description="How bad; null: not said.")
    days: float | None = Field(description="For how long, in days; null: not said.")


class PossibleCondition(Output):
    """A condition that fits what was said."""

    id: str = Field(description="Its id.")
    name: str = Field(description="Its name.")
    probability: float = Field(
        description="Its estimated probability, 0 to 1, given what was said; two may be there at once."
    )
    supports: list[str] = Field(description="What of the complaint speaks for it, the strongest first.")
    against: list[str] = Field(description="What of the complaint speaks against it.")
    care: Care = Field(description="How soon such a condition is usually seen to.")
    sources: list["SymptomSource"] = Field(description="Where its usual signs are described.")


class SymptomSource(Output):
    """A published source."""

    title: str = Field(description="Its title.")
    url: str = Field(description="Its address.")


class SymptomQuestion(Output):
    """A question whose answer would tell much."""

    id: str = Field(description="Its id, for answers.")
    text: str = Field(description="The question, answered by yes, no or unknown.")
    information: float = Field(description="Bits that its answer is expected to bring.")


class RedFlag(Output):
    """A warning sign that is in the complaint, whatever the ranking says."""

    id: str = Field(description="Its id.")
    title: str = Field(description="What it is a sign of.")
    level: FlagLevel = Field(
        description="emergency: now; urgent: soon, as the action says; crisis: danger to oneself or others."
    )
    because: list[str] = Field(description="The findings for which it is raised.")
    action: str = Field(description="What to do.")
    emergency_number: str | None = Field(
        description="The emergency number; null when the country isn't known."
    )


class SymptomAssessment(Output):
    """Conditions that fit a complaint, and warning signs in it. Not a diagnosis."""

    session_id: str = Field(description="To go on with answers.")
    expires_at: AwareDatetime = Field(description="When the session is deleted (UTC).")
    language: Literal["en", "tr"] = Field(description="The language that was understood.")
    seek_care: Care = Field(
        description="How soon to be seen, by the warning signs and the likely conditions."
    )
    red_flags: list[RedFlag] = Field(description="Warning signs in the complaint; show these first.")
    conditions: list[PossibleCondition] = Field(
        description="The conditions that fit, the most probable first; none where the data have none."
    )
    other_probability: float = Field(description="Probability of something that this tool doesn't know.")
    questions: list[SymptomQuestion] = Field(description="What would tell most, the most telling first.")
    understood: list[Understood] = Field(description="What was understood; correct it by a new complaint.")
    age: float | None = Field(description="The age that counted, in years; null: unknown.")
    sex: Sex | None = Field(description="The sex that counted; null: unknown.")
    duration_days: float | None = Field(description="How long it has lasted; null: not said.")
    estimate: Literal[True] = Field(
        True,
        description=(
            "Probabilities are estimates by a curated network and wording, calibrated on made-up patients."
        ),
    )
    disclaimer: str = Field(description="To be shown with every answer.")


@tool(
    title="Symptom check",
    category="Read",
    risk="High",
    price=0.10,
    read_only=False,
    destructive=False,
    idempotent=False,
    open_world=False,
)
async def alya_symptom_check(arguments: SymptomRequest, context: Context) -> SymptomAssessment:
    """List conditions that fit a complaint in plain words (English, Turkish), and warning signs in it.

    Use it to prepare a visit or to see how urgent something is; for medicines taken together use
    alya_drug_interactions. Ask the patient the returned questions and call again with sessionId and answers.

    Returns redFlags with what to do now, conditions with estimated probabilities, what speaks for each, its
    sources, questions that would tell most, and what was understood. Costs 0.10 USD. It makes no diagnosis
    and advises no treatment; text without a symptom is refused. It works offline; nothing leaves the machine.
    """
    if arguments.answers and arguments.session_id is None:
        raise InvalidInput("answers need the sessionId of the call that asked the questions.")
    sessions = context.hub.kept(SymptomSessions, lambda: SymptomSessions(context.hub.settings.home))
    return await anyio.to_thread.run_sync(partial(assess, sessions, context.grant, arguments))


def assess(sessions: SymptomSessions, grant: str, asked: SymptomRequest) -> SymptomAssessment:
    """Read the complaint into the session's case and judge it. It blocks.

    Raises:
        InvalidInput: no symptom, no such session or no such question.
        Unavailable: the sessions can't be used.
    """
    known = knowledge()
    told, language = known.told(asked.complaint)
    case = PatientCase(language=language)

    def change(case: PatientCase) -> None:
        if told.mentions:
            case.language = language
        case.hear(asked.complaint, told, known.network.findings)
        case.age = asked.age if asked.age is not None else case.age
        case.sex = asked.sex or case.sex
        for each in asked.answers:
            if each.question not in known.network.findings:
                raise InvalidInput(f"{each.question!r} is not the id of a question; take it from questions.")
            case.answer(each.question, present={"yes": True, "no": False, "unknown": None}[each.answer])
        if not case.tells_enough(known.network) and not known.signs(case):
            raise InvalidInput(
                "No symptom was recognised in the complaint, so nothing is ranked. Say in English or "
                "Turkish what is wrong with the patient, such as: headache since yesterday, no fever. If "
                "somebody may be in danger, call the emergency number whatever this tool understands."
            )

    session, expires = sessions.update(grant, asked.session_id, case, change)
    return _assessment(known, case, session, expires, asked.country)


def _assessment(
    known: Knowledge, case: PatientCase, session: str, expires: AwareDatetime, country: str | None
) -> SymptomAssessment:
    network, language = known.network, case.language
    posterior = network.posterior(case.evidence, case.patient)
    flags = known.signs(case, posterior)
    ranked = sorted((name for name in posterior if name != OTHER), key=lambda name: -posterior[name])
    told = {name for name in case.present(network) if not network.findings[name].background}
    speaks = max(case.leaning.values(), default=0.0) >= SPEAKS
    fitting = speaks or any(not told.isdisjoint(network.conditions[name].findings) for name in ranked)
    shown = [name for name in ranked[:_SHOWN] if fitting and posterior[name] >= _LEAST_SHOWN]
    place = (country or known.places.of_language.get(language, "")).upper()
    asked = case.asked | case.present(network).keys() | case.mentions.keys()
    return SymptomAssessment(
        session_id=session,
        expires_at=expires,
        language=language,
        seek_care=_care(known, flags, posterior),
        red_flags=[_flag(known, flag, language, place) for flag in flags],
        conditions=[_condition(known, case, name, posterior[name]) for name in shown],
        other_probability=posterior[OTHER],
        questions=[
            SymptomQuestion(
                id=each.finding, text=network.findings[each.finding].question(language), information=each.bits
            )
            for each in worth_asking(network, posterior, asked, _QUESTIONS)
        ],
        understood=[_understood(known, mention, language) for mention in case.mentions.values()],
        age=case.patient.age,
        sex=case.patient.sex,
        duration_days=case.days,
        estimate=True,
        disclaimer=_DISCLAIMER[language],
    )


def _understood(known: Knowledge, mention: Mention, language: SpokenLanguage) -> Understood:
    return Understood(
        id=mention.finding,
        name=known.network.findings[mention.finding].name(language),
        present=mention.present,
        side=mention.side,
        severity=mention.severity,
        days=mention.days,
    )


def _condition(known: Knowledge, case: PatientCase, name: str, probability: float) -> PossibleCondition:
    network, condition = known.network, known.network.conditions[name]
    weights = {
        finding: network.weight(name, finding, present=there)
        for finding, there in network.counted(case.evidence).items()
    }
    names = {finding: network.findings[finding].name(case.language) for finding in weights}
    strongest = sorted(weights, key=lambda finding: -weights[finding])
    return PossibleCondition(
        id=name,
        name=condition.name(case.language),
        probability=probability,
        supports=[names[each] for each in strongest if weights[each] > _TELLING][:_REASONS],
        against=[names[each] for each in reversed(strongest) if weights[each] < -_TELLING][:_REASONS],
        care=condition.care,
        sources=[
            SymptomSource(title=reference.title, url=reference.url)
            for reference in (known.references[source] for source in condition.sources)
        ],
    )


def _flag(known: Knowledge, flag: RaisedFlag, language: SpokenLanguage, place: str) -> RedFlag:
    rule = flag.rule
    number = known.places.emergency.get(place)
    parts: list[str] = []
    if rule.level != "urgent":
        parts.append(_CALL[language].format(number=number or _CALL_ANYWHERE[language]))
    if rule.level == "crisis" and place in known.places.crisis:
        parts.append(_CRISIS_LINE[language].format(number=known.places.crisis[place]))
    parts.append(rule.do_tr if language == "tr" else rule.do_en)
    if flag.age_supposed:
        parts.append(_AGE_SUPPOSED[language].format(ages=_ages(rule.ages, language)))
    return RedFlag(
        id=rule.id,
        title=rule.tr if language == "tr" else rule.en,
        level=rule.level,
        because=[known.network.findings[name].name(language) for name in flag.because],
        action=" ".join(parts),
        emergency_number=number,
    )


def _ages(ages: tuple[float, float], language: SpokenLanguage) -> str:
    """Ages in words: `from 30 years on`, `under 3 months`, `3 to 6 months`."""
    low, high = ages
    months = high < _MONTHS_BELOW
    start, end = (f"{12 * each if months else each:g}" for each in ages)
    unit = _UNITS[language][not months]
    if not low:
        return f"under {end} {unit}" if language == "en" else f"{end} {unit} altında"
    if high > _OLDEST:
        return f"from {start} {unit} on" if language == "en" else f"{start} {unit} ve üstünde"
    return f"{start} to {end} {unit}" if language == "en" else f"{start}-{end} {unit} arasında"


def _care(known: Knowledge, flags: list[RaisedFlag], posterior: dict[str, float]) -> Care:
    """The most urgent of what the flags say and of the care that likely conditions need."""
    if any(flag.rule.level in {"emergency", "crisis"} for flag in flags):
        return "emergency"
    urgent: set[str] = {"urgent"} if flags else set()
    likely: set[str] = {
        known.network.conditions[name].care
        for name, share in posterior.items()
        if name != OTHER and share >= _LIKELY
    }
    needed: set[str] = urgent | likely
    order: tuple[Care, ...] = ("emergency", "urgent", "soon", "routine", "self-care")
    found: Care | None = next((care for care in order if care in needed), None)
    return found or "routine"
