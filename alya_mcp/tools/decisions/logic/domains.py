"""Domains of decisions: `equities/us/tech` lies in `equities/us`, in `equities`, and in the whole ledger."""

import re
from typing import Final

DEEPEST: Final = 6
_SEPARATORS: Final = re.compile(r"[/.:>]+")
_GAPS: Final = re.compile(r"[\s_]+")


def normal(domain: str) -> str:
    """`domain` in its normal form: lower case, parts joined by `/`, no spaces; may be empty."""
    parts = (_GAPS.sub("-", part.strip()) for part in _SEPARATORS.split(domain.casefold()))
    return "/".join([part for part in parts if part.strip("-")][:DEEPEST])


def prefixes(domain: str) -> list[str]:
    """The prefixes of a normal domain, the widest (the whole ledger, "") first, itself last."""
    parts = domain.split("/") if domain else []
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]
