"""The phrases of both languages by their meaning. Pure.

All but AMOUNT are matched against folded text: lower case, without marks, plain apostrophes.
"""

import re
from typing import Final

from alya_mcp.tools.demand.logic import english, english_doubts, turkish
from alya_mcp.tools.demand.logic.posts import Kind

_PERIOD: Final = (
    r"(?:\s?(?:/|per|a|an|each|every|for a|for)\s?(?:one )?(?:\d+ )?(?:months?|mo|years?|yr|weeks?"
    r"|days?|hours?|users?|seats?|licen[sc]e|copy|person|monthly|yearly|annum)\b|\s?(?:monthly"
    r"|yearly|annually|once|one-time|lifetime))?"
)
_NUMBER: Final = r"\d{1,3}(?:[.,\s]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"

AMOUNT: Final = re.compile(
    rf"(?:(?:us|ca|au)?[$€£₺]\s?(?:{_NUMBER})(?:\s?(?:k|m|grand)\b)?\+?(?:\s?-\s?[$€£₺]?\d+k?)?"
    rf"|\b(?:{_NUMBER})(?:\s?k)?\+?\s?(?:usd|us dollars|dollars?|bucks|quid|eur|euros?|gbp|pounds"
    rf"|tl|try|lira|dolar|avro|€|£|₺|\$)(?:[a-z']{{0,6}}\b|(?![a-z])))"
    rf"{_PERIOD}",
    re.IGNORECASE,
)
"""An amount of money as people write it, with its period; matched against the text as it stands."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


PHRASES: Final = (
    (Kind.PAYS, _any(*english.PAYS, *turkish.PAYS)),
    (Kind.WOULD_PAY, _any(*english.WOULD_PAY, *turkish.WOULD_PAY)),
    (Kind.MISSES, _any(*english.MISSES, *turkish.MISSES)),
    (Kind.ASKS, _any(*english.ASKS, *turkish.ASKS)),
)
"""What makes a sentence of a kind, the strongest first; AMOUNT is either of the first two with an amount."""

HINT: Final = _any(english.HINT, turkish.HINT)
"""What every one of these phrases holds."""

NEGATED: Final = _any(*english_doubts.NEGATED, *turkish.NEGATED, r"[$€£₺]\s?0\b(?![.,]\d)")
IDLE: Final = _any(*english_doubts.IDLE)
BOUGHT_ONCE: Final = _any(*english_doubts.BOUGHT_ONCE)
ASKS_OTHERS: Final = _any(*english_doubts.ASKS_OTHERS, *turkish.ASKS_OTHERS)
THIRD_PERSON: Final = _any(*english_doubts.THIRD_PERSON)
SARCASTIC: Final = _any(*english_doubts.SARCASTIC, *turkish.SARCASTIC)
PROMOTES: Final = _any(*english_doubts.PROMOTES, *turkish.PROMOTES)
