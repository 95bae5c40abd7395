"""Collects what is known of a patient: from the complaint, answers, and earlier calls of a session."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alya_mcp.tools.health.logic.symptoms.extraction import ExtractedFindings, Mention
from alya_mcp.tools.health.logic.symptoms.inference import Network, SymptomEvidence
from alya_mcp.tools.health.logic.symptoms.measured import blood_pressure, oxygen, pulse
from alya_mcp.tools.health.logic.symptoms.model import Finding, Patient, SpokenLanguage
from alya_mcp.tools.health.logic.symptoms.patient import (
    duration_of,
    glucose,
    patient_of,
    temperature,
    weeks_pregnant,
)

URGENT_WORDING: Final = "urgent_wording"
"""A finding that only a warning sign uses: it says nothing of which condition it is."""
SPEAKS: Final = 12.0
"""The leaning from which words speak of a condition, though no finding was read."""
FEVER: Final = 38.0
HIGH_FEVER: Final = 39.0
LOW_SUGAR: Final = 65.0
HIGH_SUGAR: Final = 250.0
"""Blood sugar in mg/dl."""
LATE_PREGNANCY: Final = 20
"""Weeks from which a pregnancy counts as late."""
_NO_FEVER: Final = 37.5
FAST_PULSE: Final = 150
SLOW_PULSE: Final = 40
LOW_OXYGEN: Final = 92
HIGH_PRESSURE: Final = (180, 120)
HIGH_PRESSURE_PREGNANT: Final = (140, 90)
LOW_PRESSURE: Final = 85
_EXPECTING: Final = ("pregnant", "late_pregnancy", "recent_birth")


@dataclass(slots=True, kw_only=True)
class PatientCase:
    """What is known so far.

    `asked` are findings whose answer wasn't known; `days` is how long it has lasted; `supposed` is the
    patient as words such as `baby` suggest, for as long as no `age` is given; `leaning` are the conditions of
    which the words speak, `alarm` is how much they are those of an emergency.
    """

    language: SpokenLanguage
    mentions: dict[str, Mention] = field(default_factory=dict[str, Mention])
    asked: set[str] = field(default_factory=set[str])
    days: float | None = None
    age: float | None = None
    sex: str | None = None
    supposed: Patient = field(default_factory=Patient)
    leaning: dict[str, float] = field(default_factory=dict[str, float])
    alarm: float | None = None

    @property
    def patient(self) -> Patient:
        """Who it is."""
        sex = "female" if self.sex == "female" else "male" if self.sex else None
        if self.age is not None:
            return Patient(age=self.age, sex=sex)
        return Patient(age=self.supposed.age, sex=sex, ages=self.supposed.ages)

    @property
    def evidence(self) -> SymptomEvidence:
        """What counts for the ranking."""
        findings = {
            name: mention.present for name, mention in self.mentions.items() if name != URGENT_WORDING
        }
        lasts = None if self.days is None else duration_of(self.days)
        return SymptomEvidence(findings, lasts, self.leaning)

    def hear(self, text: str, told: ExtractedFindings, findings: Mapping[str, Finding]) -> None:
        """Add what a complaint tells; what it says of a finding counts instead of what was said before."""
        self.mentions.update(told.mentions)
        for name, mention in told.mentions.items():
            length = mention.days if mention.days is not None else told.days
            lasting = findings[name].lasting
            if mention.present and lasting and length is not None and length >= lasting[1]:
                self.mentions.setdefault(lasting[0], Mention(lasting[0], present=True, days=length))
        degrees = temperature(text)
        if degrees is not None:
            self._measured(degrees)
        sugar = glucose(text)
        if sugar is not None and not LOW_SUGAR < sugar < HIGH_SUGAR:
            name = "high_sugar" if sugar >= HIGH_SUGAR else "low_sugar_symptoms"
            self.mentions[name] = Mention(name, present=True)
        weeks = weeks_pregnant(text)
        if weeks is not None:
            name = "late_pregnancy" if weeks >= LATE_PREGNANCY else "pregnant"
            self.mentions.setdefault(name, Mention(name, present=True))
        self._hear_circulation(text)
        self.days = told.days if told.days is not None else self.days
        self.alarm = told.alarm if self.alarm is None else max(told.alarm, self.alarm)
        for name, lean in told.leaning.items():
            self.leaning[name] = max(lean, self.leaning.get(name, lean))
        patient = patient_of(text)
        if patient.ages is not None:
            self.supposed = patient
        elif patient.age is not None:
            self.age = patient.age
        self.sex = patient.sex or self.sex

    def answer(self, finding: str, *, present: bool | None) -> None:
        """Add an answer; None: not known."""
        if present is None:
            self.asked.add(finding)
        else:
            self.mentions[finding] = Mention(finding, present=present)

    def present(self, network: Network) -> dict[str, str]:
        """Every finding that is there, those that follow from others included, with the one that was said."""
        said = [name for name, mention in self.mentions.items() if mention.present]
        present = dict(zip(said, said, strict=True))
        for name in said:
            for above in network.ancestors[name]:
                present.setdefault(above, name)
        return present

    def tells_enough(self, network: Network) -> bool:
        """Whether there is a symptom, or words that speak of one, rather than only circumstances."""
        return max(self.leaning.values(), default=0.0) >= SPEAKS or any(
            mention.present and network.findings[name].alone and not network.findings[name].background
            for name, mention in self.mentions.items()
        )

    def _hear_circulation(self, text: str) -> None:
        found: list[str] = []
        beats = pulse(text)
        if beats is not None and beats >= FAST_PULSE:
            found.append("pulse_fast")
        elif beats is not None and 20 <= beats <= SLOW_PULSE:
            found.append("pulse_slow")
        saturation = oxygen(text)
        if saturation is not None and 50 <= saturation < LOW_OXYGEN:
            found.append("low_oxygen")
        pressure = blood_pressure(text)
        if pressure is not None:
            expecting = any(name in self.mentions and self.mentions[name].present for name in _EXPECTING)
            systolic, diastolic = HIGH_PRESSURE_PREGNANT if expecting else HIGH_PRESSURE
            if pressure[0] >= systolic or pressure[1] >= diastolic:
                found.append("very_high_bp")
            elif 40 <= pressure[0] < LOW_PRESSURE:
                found.append("low_bp")
        for name in found:
            self.mentions[name] = Mention(name, present=True)

    def _measured(self, degrees: float) -> None:
        name = "high_fever" if degrees >= HIGH_FEVER else "fever"
        if degrees >= FEVER:
            self.mentions.pop("fever", None)
            self.mentions[name] = Mention(name, present=True)
        elif degrees < _NO_FEVER:
            self.mentions["fever"] = Mention("fever", present=False)
