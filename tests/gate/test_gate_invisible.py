"""Text for a human shows everything that it holds (docs/approvals.md)."""

import sys
import unicodedata

import pytest

from alya_mcp.gate.invisible import visible

DEFAULT_IGNORABLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)  # fmt: skip
"""DerivedCoreProperties.txt of Unicode 16."""
DRAWN_AS_NOTHING = "\u2800\U00016fe4\U00013441\U00013442\U0001d159"


def test_whatever_is_not_seen_is_written_as_an_escape() -> None:
    ignorable = [chr(code) for first, last in DEFAULT_IGNORABLE for code in range(first, last + 1)]
    kinds = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
    unprinted = [
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) in kinds and c != " "
    ]
    raw = [c for c in {*ignorable, *unprinted, *DRAWN_AS_NOTHING} if not visible(f"a{c}b").isascii()]
    assert raw == []


@pytest.mark.parametrize(
    "text", ["plain", "Türkçe ğış", "中文 \u0645\u06cc", "❤ \U0001f468", "e\u0301", "a\\u200b"]
)
def test_what_is_seen_stays(text: str) -> None:
    assert visible(text) == text
