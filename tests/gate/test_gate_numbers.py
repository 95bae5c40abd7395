"""Numbers as people read them, and as limits count them."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.gate.charges import billionths
from alya_mcp.gate.numbers import plain, short, usd

FINITE = st.floats(-1e12, 1e12)


@pytest.mark.parametrize(
    ("number", "text", "six"),
    [
        (0, "0", "0"),
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (12, "12", "12"),
        (12.0, "12", "12"),
        (1234567, "1234567", "1234567"),
        (1234.56789, "1234.56789", "1234.57"),
        (1e6, "1000000", "1000000"),
        (1200000.5, "1200000.5", "1200000"),
        (0.021, "0.021", "0.021"),
        (0.6914674, "0.6914674", "0.691467"),
        (12345678.9, "12345678.9", "12345679"),
        (999999.7, "999999.7", "999999.7"),
        (1.5e-8, "0.000000015", "1.5e-08"),
    ],
)
def test_numbers_have_no_exponent_and_no_zeros_at_the_end(number: float, text: str, six: str) -> None:
    assert (plain(number), short(number), usd(number)) == (text, six, f"{text} USD")


@given(FINITE)
def test_a_plain_number_is_right_to_nine_decimals(number: float) -> None:
    assert "e" not in plain(number)
    assert abs(Decimal(plain(number)) - Decimal(number)) <= Decimal("5.1e-10")


@given(FINITE)
def test_a_short_number_is_right_to_six_digits(number: float) -> None:
    assert math.isclose(float(short(number)), number, rel_tol=5.1e-6, abs_tol=1e-300) or abs(number) >= 1e6
    if abs(number) >= 1e6:
        assert abs(float(short(number)) - number) <= 0.5


@given(st.one_of(st.integers(0, 10**12), st.floats(0, 1e9)))
def test_billionths_are_rounded_up_from_the_number_as_written(number: float) -> None:
    exact = Decimal(repr(number)) * 10**9
    assert billionths(number) == math.ceil(exact)
    assert billionths(0.1) == 100_000_000
    assert billionths(0.1 + 0.2) == 300_000_001
