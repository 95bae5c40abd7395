"""Checks whether a model supports a call's references."""

from collections.abc import Callable

from alya_mcp.errors import InvalidInput
from alya_mcp.images.families import MODELS, Family


def require_follows(name: str, family: Family, count: int, strength: float | None, *, blind: bool) -> None:
    """Check that the model called `name`, of `family`, supports `count` references and `strength`.

    A `blind` one can't read pictures.

    Raises:
        InvalidInput: it doesn't; the text names models that do.
    """
    if count and (blind or not family.references):
        raise InvalidInput(f"{name} can't read pictures, so it takes no references; {_who()}. {_OTHER}")
    if count > family.references:
        raise InvalidInput(
            f"{name} takes one reference, which the picture begins from, and {count} were given; {_who()}. "
            f"{_OTHER}"
        )
    if strength is not None and family.strength is None:
        takers = _names(lambda each: each.strength is not None)
        raise InvalidInput(
            f"{name} takes no strength: how far it leaves its references is what the prompt says; {takers} "
            "take it. Leave strength out"
        )


_OTHER = "Leave references out, or choose one of those with model"


def _who() -> str:
    many = _names(lambda each: each.references > 1)
    one = _names(lambda each: each.strength is not None)
    return f"{many} follow up to four, {one} begin from one"


def _names(wanted: Callable[[Family], bool]) -> str:
    names = [model.name for model in MODELS if wanted(model.family)]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
