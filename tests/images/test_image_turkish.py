"""Turkish prompts in the English that alya-sketch reads."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.images.models import SKETCH_FOLDER
from alya_mcp.images.turkish import in_english

KNOWN = frozenset(json.loads((Path(SKETCH_FOLDER) / "vocabulary.json").read_text(encoding="utf-8")))

COLOURS = {
    "kırmızı": "red",
    "mavi": "blue",
    "yeşil": "green",
    "sarı": "yellow",
    "mor": "purple",
    "gri": "grey",
}
SIZES = {"": "", "küçük": "small", "büyük": "large"}
NOUNS = {
    "daire": "circle",
    "kare": "square",
    "yıldız": "star",
    "kalp": "heart",
    "ev": "house",
    "ağaç": "tree",
}
PLACES = {
    "": "",
    "solda": "on the left",
    "sağ tarafta": "on the right",
    "üstte": "at the top",
    "ortada": "in the centre",
    "sol alt köşede": "in the bottom left corner",
}


@st.composite
def things(draw: st.DrawFn) -> tuple[str, str]:
    """A thing in Turkish and in English; its place comes before or after it."""
    size, colour = draw(st.sampled_from(sorted(SIZES))), draw(st.sampled_from(sorted(COLOURS)))
    noun, place = draw(st.sampled_from(sorted(NOUNS))), draw(st.sampled_from(sorted(PLACES)))
    turkish = f"{size} {colour} bir {noun}"
    turkish = f"{place} {turkish}" if draw(st.booleans()) else f"{turkish} {place}"
    words = " ".join(filter(None, (SIZES[size], COLOURS[colour], NOUNS[noun])))
    return " ".join(turkish.split()), " ".join(f"a {words} {PLACES[place]}".split())


@given(st.lists(things(), min_size=1, max_size=3), st.sampled_from(["", *sorted(COLOURS)]), st.booleans())
def test_things_keep_their_size_colour_and_place(
    drawn: list[tuple[str, str]], ground: str, capitals: bool
) -> None:
    turkish = " ve ".join(one for one, _ in drawn)
    english = " and ".join(other for _, other in drawn)
    if ground:
        turkish += f", {ground} arka plan"
        english += f" on a {COLOURS[ground]} background"
    found = in_english(turkish.upper().replace("I", "I") if capitals else turkish, KNOWN)
    assert found == (english, ())


@pytest.mark.parametrize(
    ("turkish", "english", "left_out"),
    [
        ("mavi zemin üzerinde kırmızı daire", "a red circle on a blue background", ()),
        ("gün batımında denizde bir tekne", "a boat on the sea at sunset", ()),
        ("çayırda ev ve ağaçlar", "a house and several trees on a meadow", ()),
        ("iki yeşil kutu", "two green boxes", ()),
        ("çizgili sarı ve beyaz zeminde kalp", "a heart on a yellow and white striped background", ()),
        ("kırmızıdan maviye degrade zemin", "on a gradient from red to blue", ()),
        ("Gece dağların üzerinde ay", "a moon in front of snowy mountains at night", ()),
        ("bir kedi ve kırmızı top", "a red ball", ("kedi",)),
        ("Lütfen bana siyah zeminde turuncu bir yıldız çiz", "an orange star on a black background", ()),
    ],
)
def test_scenes_and_backgrounds_are_read(turkish: str, english: str, left_out: tuple[str, ...]) -> None:
    assert in_english(turkish, KNOWN) == (english, left_out)


@pytest.mark.parametrize("prompt", ["a red ball at the top", "", "...", "kedi", "three stars", "al"])
def test_what_is_not_turkish_is_left_alone(prompt: str) -> None:
    found = in_english(prompt, KNOWN)
    assert found is None or not found.prompt


@given(st.text(max_size=80))
def test_any_text_is_read_into_words_that_the_model_knows(text: str) -> None:
    found = in_english(text, KNOWN)
    assert found is None or {*found.prompt.split()} <= KNOWN
