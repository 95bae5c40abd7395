"""What is told of the patient and of figures: age, sex, temperature, sugar, weeks, days."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.tools.health.logic.symptoms import patient as told


@pytest.mark.parametrize(
    ("text", "celsius"),
    [
        ("my temp is 38.5", 38.5),
        ("ateşim 39,2 derece", 39.2),
        ("38 C in the morning and 40.1 C at night", 40.1),
        ("103 F", 39.444),
        ("a fever of 100.4", 38.0),
        ("103.1 f, before that 37 c", 39.5),
        ("I am 38 and I feel fine", None),
        ("we drove 100 km", None),
    ],
)
def test_the_highest_temperature_counts_in_either_unit(text: str, celsius: float | None) -> None:
    assert told.temperature(text) == (None if celsius is None else pytest.approx(celsius, abs=0.01))


@given(st.integers(340, 439))
def test_a_temperature_is_read_back_to_the_tenth(tenths: int) -> None:
    degrees = f"{tenths // 10}.{tenths % 10}"
    assert told.temperature(f"fever: {degrees}") == float(degrees)
    assert told.temperature(f"{degrees} C") == float(degrees)


@pytest.mark.parametrize(
    ("text", "age", "sex", "ages"),
    [
        ("34 years old, female", 34, "female", None),
        ("my son, 7 years old, and his sister, a girl", 7, "male", None),
        ("my daughter and my husband both cough", None, "female", (1.0, 120.0)),
        ("a newborn who doesn't drink", 0.05, None, (0.0, 0.2)),
        ("the baby has a rash", 0.7, None, (0.0, 1.5)),
        ("my baby is due in May", None, None, None),
        ("a toddler with a cough", 2.0, None, (1.0, 4.0)),
        ("my kid is hot", 7.0, None, (1.0, 17.0)),
        ("our 18-month-old limps", 1.5, None, None),
        ("3 week old baby", 21 / 365, None, None),
        ("10 günlük bebeğim", 10 / 365, None, None),
        ("62 yaşındayım, erkeğim", 62, "male", None),
        ("I am 400 years old", None, None, None),
        ("it hurts", None, None, None),
    ],
)
def test_age_and_sex_are_taken_from_words(
    text: str, age: float | None, sex: str | None, ages: tuple[float, float] | None
) -> None:
    patient = told.patient_of(text)
    assert patient.age == (None if age is None else pytest.approx(age))
    assert (patient.sex, patient.ages) == (sex, ages)


@pytest.mark.parametrize(
    ("text", "sugar"),
    [("my sugar is 250", 250), ("glucose 14.5", 261), ("şekerim 70 çıktı", 70), ("sugar for 3 days", None)],
)
def test_blood_sugar_is_read_in_both_units(text: str, sugar: float | None) -> None:
    assert told.glucose(text) == (None if sugar is None else pytest.approx(sugar))


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("I'm 34 weeks and my feet swell", 34),
        ("35 haftalığım", 35),
        ("I'm 60 weeks sober", None),
        ("my husband says I'm 34 weeks", None),
        ("I'm 3 weeks late", None),
    ],
)
def test_a_pregnancy_is_told_by_its_week(text: str, week: int | None) -> None:
    assert told.weeks_pregnant(text) == week


@pytest.mark.parametrize(
    ("length", "name"),
    [(0, "hours"), (0.99, "hours"), (1, "days"), (9.9, "days"), (10, "weeks"), (69, "weeks"), (70, "months")],
)
def test_a_length_has_a_class(length: float, name: str) -> None:
    assert told.duration_of(length) == name
