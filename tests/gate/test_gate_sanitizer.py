"""What leaves the server leaves clean (DESIGN section 3, step 12)."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alya_mcp.gate import ToolError, UnfitResult, hidden, sanitise

KEY = 'sk-"quoted"/\\key'
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def clean(value: Any, secrets: tuple[str, ...] = (), private: tuple[str, ...] = ()) -> Any:
    return sanitise(value, hide=hidden(secrets, private), limit=1_000_000)


def test_a_clean_result_is_passed_on_as_it_is() -> None:
    result = {
        "url": "http://127.0.0.1/x?a=b",
        "n": [1, 2.5, None, True],
        "text": 'Gr\xfc\xdfe,\n\t\u65e5\u672c \U0001f600 "a\\b"',
    }
    assert clean(result, (KEY,), ("/home/kim",)) is result


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("a\x00b\x1b[31mc\x7fd\x85e", "ab[31mcde"),
        ("keep\ttab\nand\r\nlines", "keep\ttab\nand\r\nlines"),
        ("zero\u200bwidth\u2060\ufeff", "zerowidth"),
        ("\u202eevil\u2066", "evil"),
        ("tag\U000e0041s", "tags"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
        ("❤\ufe0f #\ufe0f\u20e3 \u0645\u06cc\u200c\u062e", "❤\ufe0f #\ufe0f\u20e3 \u0645\u06cc\u200c\u062e"),
        ("k\u200di\ufe0fm\U0001bca0\U0001d173\U00013430", "kim"),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
    ],
)
def test_what_no_client_should_see_is_taken_out(before: Any, after: Any) -> None:
    assert clean({"a": [before]}) == {"a": [after]}
    if isinstance(before, str):
        assert clean({before: 1}) == {after: 1}


def test_secrets_and_private_paths_are_masked_wherever_they_stand() -> None:
    result = {"error": f"bad key {KEY} in /home/kim/alya/x.png", KEY: ["/home/kim"], "n": 1}
    assert clean(result, (KEY, "sk"), ("/home/kim", "/home/kim/alya")) == {
        "error": "bad key [secret] in [private]/x.png",
        "[secret]": ["[private]"],
        "n": 1,
    }


def test_a_secret_split_by_an_invisible_character_is_masked_too() -> None:
    assert clean("hun\u200bter2!", ("hunter2!",)) == "[secret]"


def test_empty_secrets_mask_nothing() -> None:
    assert clean({"a": "b"}, ("",), ("",)) == {"a": "b"}


def test_a_result_over_the_limit_is_refused_in_words_for_the_model() -> None:
    assert sanitise("x" * 98, limit=100) == "x" * 98
    for value in ("x" * 99, "\xe9" * 50):
        with pytest.raises(UnfitResult, match="at most 100"):
            sanitise(value, limit=100)
    assert issubclass(UnfitResult, ToolError)


def test_what_is_no_json_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in ({"a": b"x"}, {1, 2}, loop, object()):
        with pytest.raises(UnfitResult):
            clean(value)


def test_tuples_and_odd_keys_end_up_as_json() -> None:
    assert json.loads(json.dumps(clean({"a": (1, "\x00")}))) == {"a": [1, ""]}


@given(ANYTHING)
def test_what_leaves_is_valid_json_in_utf8_and_clean_already(value: Any) -> None:
    cleaned = clean(value)
    json.dumps(cleaned, ensure_ascii=False, allow_nan=False).encode("utf-8")
    assert clean(cleaned) is cleaned


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("see /home/ada/.ssh/id", "see [private]/.ssh/id"),
        ("file:///home/ada/x", "file://[private]/x"),
        ("/home/ada", "[private]"),
        ("/home/adams/x", "/home/adams/x"),
        ("https://example.org/home/ada/x", "https://example.org/home/ada/x"),
        ("/home/ada/state/images/a.png", "/home/ada/state/images/a.png"),
        ("/home/ada/state/images-of-others", "[private]/state/images-of-others"),
        ("/home/ada/state/audit.key", "[private]/state/audit.key"),
    ],
)
def test_a_private_folder_is_masked_but_for_the_public_one_inside_it(text: str, leaves: str) -> None:
    hide = hidden(private=["/home/ada"], public=["/home/ada/state/images"])
    assert sanitise({"text": text}, hide=hide, limit=1000) == {"text": leaves}
