"""Text that a spreadsheet takes for a formula."""

from typing import Final

from alya_mcp.gate.invisible import first_seen

_SIGNS: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")


def begins_as_formula(text: str) -> bool:
    """Whether a spreadsheet may take `text` for a formula, as OWASP's "CSV Injection" describes it.

    What a program may drop in front of the sign doesn't count: white space, control and invisible characters.
    """
    return text[:1] in {"\t", "\r", "\n"} or first_seen(text) in _SIGNS
