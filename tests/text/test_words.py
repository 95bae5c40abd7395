"""Turkish and English words, sentences, ranking and extracts: pure functions."""

from datetime import UTC, datetime, timedelta
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.text.bm25 import bm25
from alya_mcp.text.extracts import extract
from alya_mcp.text.folding import fold
from alya_mcp.text.words import guess_language, overlap, sentences, terms
from alya_mcp.tools.web.logic.hits import Hit, moment, recent
from alya_mcp.tools.web.logic.ranking import ranked

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def hit(title: str, snippet: str = "", **more) -> Hit:
    return Hit(title=title, url=f"https://a.example/{title}", snippet=snippet, **more)


@pytest.mark.parametrize(
    "forms",
    [
        "ev evler evlerinde", "kitap kitaplar kitapları", "deprem depremin depremler depremlerden",
        "nüfus nüfusu", "şehir ŞEHİRLER sehirlerde", "araba arabası", "Iğdır IĞDIR igdir İğdir",
        "İstanbul İstanbul'un ISTANBUL istanbul'da Istanbul\u2019daki", "haber haberleri HABERLER",
    ],
)  # fmt: skip
def test_turkish_forms_of_a_word_are_one_word(forms: str) -> None:
    assert len({tuple(terms(form, "tr")) for form in forms.split()}) == 1


@pytest.mark.parametrize(
    "forms",
    ["city cities city's", "run runs running", "box boxes", "price prices pricing", "carry carried carries"],
)
def test_english_forms_of_a_word_are_one_word(forms: str) -> None:
    assert len({tuple(terms(form, "en")) for form in forms.split()}) == 1


def test_different_words_stay_different_and_small_ones_tell_nothing() -> None:
    assert len(set(terms("deprem depo ders derslik news new bus virus", "tr"))) >= 7
    assert terms("what is the", "en") == terms("bu nedir ve", "tr") == []


def test_the_language_of_a_question_is_guessed() -> None:
    assert guess_language("İstanbul'da hava nasıl") == guess_language("istanbul nufusu kac") == "tr"
    assert guess_language("how is the weather in Istanbul") == guess_language("müller") == "en"


def test_letters_in_two_parts_are_the_same_as_whole_ones() -> None:
    whole = "depremin dağılımı, İzmir nüfusu"
    parted = normalize("NFD", whole)
    assert guess_language(parted) == "tr"
    assert terms(parted, "tr") == terms(whole, "tr")


def test_sentences_end_where_a_reader_ends_them() -> None:
    text = 'Dr. Ali said "Yes." Then he\nleft. It is 3.5 km, e.g. far. Örn. bu Şile\'dir... Ama güzel! ok'
    assert sentences(text) == [
        'Dr. Ali said "Yes."', "Then he", "left.", "It is 3.5 km, e.g. far.", "Örn. bu Şile'dir...",
        "Ama güzel! ok",
    ]  # fmt: skip
    assert " ".join(sentences(text)).split() == text.split()


def test_bm25_is_the_published_formula() -> None:
    # One word in one of two documents of one word each: idf = ln(1 + 1.5/1.5), tf part = 2.2 / 2.2.
    assert bm25(["a"], [["a"], ["b"]]) == pytest.approx([0.6931471805599453, 0.0])
    assert bm25(["a"], []) == []
    assert bm25(["a"], [[], []]) == [0.0, 0.0]


def test_the_hit_with_the_questions_words_is_first() -> None:
    hits = [hit("Cats", "cats are soft"), hit("Bridge", "the bridge of Istanbul opened in 1973")]
    assert [each.title for each in ranked("when did the Istanbul bridge open", hits, "en", NOW)] == [
        "Bridge",
        "Cats",
    ]


def test_of_equal_hits_the_newer_and_then_the_engines_first_comes_first() -> None:
    old, new = NOW - timedelta(days=2000), NOW - timedelta(days=2)
    hits = [hit("one", "word", published=old), hit("two", "word", published=new)]
    assert [each.title for each in ranked("word", hits, "en", NOW)] == ["two", "one"]
    equal = [hit("one", "word", published=new), hit("two", "word", published=new)]
    assert ranked("word", equal, "en", NOW) == equal
    scored = [hit("one", "word", score=0.1), hit("two", "word", score=0.9)]
    assert ranked("word", scored, "en", NOW)[0].title == "two"
    assert ranked("word", [], "en", NOW) == []


def test_hits_known_to_be_older_are_left_out_and_undated_ones_stay() -> None:
    hits = [hit("old", published=NOW - timedelta(days=40)), hit("new", published=NOW), hit("undated")]
    assert [each.title for each in recent(hits, "month", NOW)] == ["new", "undated"]
    assert recent(hits, None, NOW) == hits


@pytest.mark.parametrize(
    "text",
    ["2026-05-01T10:00:00", "2026-05-01T10:00:00Z", "Fri, 01 May 2026 10:00:00 GMT", "2026-05-01 10:00:00"],
)
def test_times_are_read_as_engines_write_them(text: str) -> None:
    assert moment(text) == datetime(2026, 5, 1, 10, tzinfo=UTC)
    assert moment("3 days ago") is moment(None) is None


@pytest.mark.parametrize(
    "text", ["Fri, 01 May 99999999999999 10:00:00 GMT", f"Fri, 01 May 2026 {'9' * 30}:00:00 GMT"]
)
def test_a_time_beyond_all_calendars_is_none(text: str) -> None:
    assert moment(text) is None


PIECES = (
    "ab c is so.",
    "C had ab a b!",
    "# Ab",
    "| ab is c |",
    "ab",
    "The ab was c.",
    "\n",
    "**ab** is",
    "Q: ab",
)


def test_an_extract_is_made_of_whole_sentences_each_with_its_number() -> None:
    texts = [
        "Bears eat fish. The old bridge opened in 1973 in spring.",
        "The bridge is 1,560 m long. It is a bridge.",
    ]
    assert extract("how long is the bridge and when did it open", texts, "en") == (
        "The old bridge opened in 1973 in spring. [1] The bridge is 1,560 m long. [2] It is a bridge. [2]"
    )
    for sentence in ("The bridge is 1,560 m long.", "It is a bridge."):
        assert sentence in texts[1]


def test_footnotes_of_a_source_are_not_taken_for_citations() -> None:
    texts = ["The bridge is 1,560 m long.[3] The bridge of 1973 opened [2, 4].", "Bridges may be old【5】."]
    assert extract("bridge", texts, "en") == (
        "The bridge is 1,560 m long. [1] The bridge of 1973 opened. [1] Bridges may be old. [2]"
    )


def test_an_extract_says_nothing_twice_and_nothing_beside_the_question() -> None:
    twice = ["İstanbul'un nüfusu 15,7 milyon kişidir.", "İstanbul'un nüfusu 15,7 milyon kişidir!"]
    assert extract("istanbul nüfusu kaç", twice, "tr") == "İstanbul'un nüfusu 15,7 milyon kişidir. [1]"
    assert extract("population of Mars", ["Bears eat fish in the river."], "en") == ""
    assert extract("anything", [], "en") == ""


def test_overlap_is_the_share_of_common_words() -> None:
    assert (overlap(["a", "b"], ["b", "c"]), overlap([], [])) == (1 / 3, 0.0)


@given(st.text(max_size=60))
def test_any_text_has_words_and_sentences_and_loses_none(text: str) -> None:
    assert " ".join(sentences(text)).split() == text.split()
    for language in ("tr", "en"):
        assert all(terms(text, language))
        for word in terms(text, language):
            assert len(word) <= len(fold(text))


@given(st.lists(st.lists(st.sampled_from(PIECES)).map(" ".join), max_size=4))
def test_whatever_is_extracted_stands_in_its_source(texts: list[str]) -> None:
    answer = extract("ab c", texts, "en")
    for part in answer.split("]")[:-1]:
        sentence, _, number = part.rpartition("[")
        assert sentence.strip() in " ".join(texts[int(number) - 1].split())


def test_the_site_that_is_asked_for_comes_first() -> None:
    def hit(url: str, text: str) -> Hit:
        return Hit(title="Kitely", url=url, snippet=text)

    hits = [
        hit("https://kitely.example.com/", "Kites for people who care."),
        hit("https://encyclopedia.example.org/kitely", "Kitely is a kite. Kitely is free. Kitely is good."),
        hit("https://code.example.org/kitely/kitely", "Kitely is a kite pattern, says kitely."),
        hit("https://kitely.example.net/", "Far down."),
    ]
    for query in ("kitely", "Kitely official site", "https://www.kitely.example.com"):
        assert ranked(query, hits, "en", NOW)[0].url == hits[0].url
    assert ranked("kitely patterns", hits, "en", NOW)[0].url != hits[0].url
    assert ranked("kitely", [*hits[1:3], hits[1], hits[3]], "en", NOW)[0].url != hits[3].url
