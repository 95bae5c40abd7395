"""Pulse, blood pressure and oxygen saturation as a complaint states them."""

import re
from typing import Final

from alya_mcp.text.folding import fold

_PULSE: Final = re.compile(
    r"\b(?:pulse|heart ?rate|heartbeat|nab[iz]\w*|kalp at[iu]\w*)[^\d.;]{0,25}\b(\d{2,3})\b"
    r"(?!\s?(?:years?|yas))"
    r"|\b(\d{2,3})\s?(?:bpm|beats (?:a|per) minute)"
)
_PRESSURE: Final = re.compile(
    r"\b(?:bp|blood pressure|tansiyon\w*)[^\d.;]{0,30}\b(\d{1,3})(?:[.,]\d)?"
    r"(?:\s?(?:/|-|,|over|y?[ea])\s?(\d{1,3})\b)?(?!\s?(?:years?|yil|sene|yas|gun|hafta))"
)
_OXYGEN: Final = re.compile(
    r"\b(?:oxygen|o2|sats?|spo2|saturation|satura?syon\w*|oksijen\w*)[^\d.;]{0,30}\b(\d{2})\b"
)
_CM_BELOW: Final = 31
"""Turkish patients tell blood pressure in cm of mercury (14'e 9); from it on it is in mm."""


def pulse(text: str) -> int | None:
    """The pulse stated, in beats a minute."""
    match = _PULSE.search(_folded(text))
    return int(match[1] or match[2]) if match else None


def blood_pressure(text: str) -> tuple[int, int] | None:
    """The systolic and the diastolic pressure stated in mm of mercury; 0 for the one that isn't."""
    match = _PRESSURE.search(_folded(text))
    if match is None:
        return None
    systolic, diastolic = int(match[1]), int(match[2] or 0)
    times = 10 if systolic < _CM_BELOW else 1
    return systolic * times, diastolic * times


def oxygen(text: str) -> int | None:
    """The oxygen saturation stated, in per cent."""
    match = _OXYGEN.search(_folded(text))
    return int(match[1]) if match else None


def _folded(text: str) -> str:
    return fold(text.replace("'", "").replace("\u2019", ""))
