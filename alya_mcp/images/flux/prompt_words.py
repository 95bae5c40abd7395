"""Prompts for models with a small vocabulary, and the notice about a picture."""

import re
from typing import Final

from alya_mcp.errors import InvalidInput
from alya_mcp.images.flux.loaded import Loaded
from alya_mcp.images.models import SHOW_NOTHING
from alya_mcp.images.plan import Plan
from alya_mcp.images.turkish import in_english

_MAX_IGNORED: Final = 20
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def understood(prompt: str, known: frozenset[str] | None) -> tuple[str, tuple[str, ...]]:
    """The prompt for a model with the vocabulary `known`, and the words that it ignores."""
    if known is None:
        return prompt, ()
    turkish = in_english(prompt, known)
    return (prompt, _unknown_words(prompt, known)) if turkish is None else turkish


def require_subject(loaded: Loaded, prompt: str, ignored: tuple[str, ...]) -> None:
    """Refuse a prompt without a word that the model can draw."""
    if loaded.words is None:
        return
    asked = {word.lower() for word in _WORD.findall(prompt)}
    if (asked & loaded.words) - SHOW_NOTHING:
        return
    unknown = f": {', '.join(ignored)}" if ignored else ""
    raise InvalidInput(
        f"Nothing was drawn: prompt has no word that {loaded.choice.name} can draw{unknown}. It knows "
        f"{len(loaded.words)} English words and Turkish ones for them, above all colours, simple shapes, "
        'sizes, positions and scenes, such as "a red circle on the left" or "a house on a meadow at night"'
    )


def notice_of(
    notice: str | None,
    made_for: int | None,
    steps: int,
    plan: Plan,
    fitted: bool,
    limit: int | None,
    ignored: tuple[str, ...],
    read_as: str | None,
    taken: list[str],
) -> str | None:
    """The notice for the user about how a picture was drawn, or None."""
    parts: list[str] = []
    if ignored:
        parts.append(f"Not understood and left out: {', '.join(ignored)}")
    if read_as is not None:
        parts.append(f"Read as: {read_as}")
    if limit is not None:
        parts.append(f"The model read only the first {limit} tokens of the prompt")
    if notice:
        parts.append(notice)
    if made_for is not None and steps < made_for:
        parts.append(f"The model is made for {made_for} steps and was given {steps}")
    if plan.rounded:
        parts.append(f"Weights were rounded to {plan.precision}, so details differ from the full model's")
    if fitted:
        parts.append("The model knows square pictures only, and this is composed of what it knows of them")
    if taken:
        parts.append(f"Memory was short: {', '.join(taken)}")
    return ". ".join(parts) or None


def _unknown_words(prompt: str, known: frozenset[str]) -> tuple[str, ...]:
    words = dict.fromkeys(word.lower() for word in _WORD.findall(prompt))
    return tuple([word[:40] for word in words if word not in known][:_MAX_IGNORED])
