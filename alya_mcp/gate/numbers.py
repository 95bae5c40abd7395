"""Numbers and money as text for people."""

from typing import Final

_DIGITS: Final = 6


def plain(number: float) -> str:
    """`number` to nine decimals, the precision of budgets, without an exponent or trailing zeros: `0.021`."""
    if isinstance(number, int):
        return str(number)
    return f"{number:.9f}".rstrip("0").rstrip(".") if number else "0"


def usd(amount: float) -> str:
    """An amount of money: `0.021 USD`."""
    return f"{plain(amount)} USD"


def short(number: float) -> str:
    """`number` to six digits, and no whole digit left out: `0.691467`, `12345678`."""
    if isinstance(number, int) or not number:
        return plain(number)
    if abs(number) >= 10**_DIGITS:
        return f"{number:.0f}"
    text = f"{number:.{_DIGITS}g}"
    return text if "e" not in text else plain(number) if abs(number) >= 1 else text
