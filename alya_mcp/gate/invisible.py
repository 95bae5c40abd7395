"""Code points that a reader doesn't see, and text in which each of them is shown as an escape.

One set for questions, messages, terminals, logs and results. It holds Unicode's Default_Ignorable_Code_Point
(variation selectors, tags, fillers, bidirectional and other format controls), the control characters, and
what is drawn as nothing although Unicode doesn't say so.
"""

import re
from typing import Final

CONTROLS: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
"""Control characters other than tab and line ends, as the inside of a character class."""
JOINERS: Final = "\u200c\u200d\ufe00-\ufe0f"
"""Invisible characters that text needs where they join visible ones: scripts, emoji."""
IGNORABLE: Final = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Every other character that is drawn as nothing and takes no space."""
_BLANKS: Final = "\u2800\U00013441\U00013442\U0001d159"
"""Drawn as nothing, with the width of a character; Python calls them printable."""
_UNSEEN: Final = re.compile(f"[{JOINERS}{IGNORABLE}{_BLANKS}]")


def visible(text: str) -> str:
    """`text` as one line in which everything is seen, and nothing moves the cursor or the direction.

    Invisible characters, lone surrogates, unassigned code points and spaces other than U+0020 are written as
    escapes such as `\\u200b`.
    """
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    return "".join(c if c.isprintable() and not _UNSEEN.match(c) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
