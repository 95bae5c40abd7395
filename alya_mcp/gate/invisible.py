"""Code points that a reader doesn't see, and text in which each of them is shown as an escape.

One set for questions, messages, terminals, logs and results. It holds Unicode's Default_Ignorable_Code_Point
(variation selectors, tags, fillers, bidirectional and other format controls), the control characters, and
what is drawn as nothing although Unicode doesn't say so.
"""

import re
from typing import Final

_CONTROLS: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
"""Control characters other than tab and line ends, as the inside of a character class."""
_JOINERS: Final = "\u200c\u200d\ufe00-\ufe0f"
"""Invisible characters that text needs where they join visible ones: scripts, emoji."""
_IGNORABLE: Final = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Every other character that is drawn as nothing and takes no space."""
_BLANKS: Final = "\u2800\U00013441\U00013442\U0001d159"
"""Drawn as nothing, with the width of a character; Python calls them printable."""
_UNJOINING: Final = re.compile(
    "(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])|(?<=[\u200c\u200d])[\u200c\u200d]"
    "|(?<![#*0-9\x80-\U0010ffff])[\ufe00-\ufe0f]|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]"
)
_DROPPED: Final = re.compile(f"[{_CONTROLS}{_IGNORABLE}]")
_JOINER: Final = re.compile(f"[{_JOINERS}]")
_UNSEEN: Final = re.compile(f"[{_JOINERS}{_IGNORABLE}{_BLANKS}]")


def visible(text: str) -> str:
    """`text` as one line in which everything is seen, and nothing moves the cursor or the direction.

    Invisible characters, lone surrogates, unassigned code points and spaces other than U+0020 are written as
    escapes such as `\\u200b`.
    """
    if text.isprintable() and (text.isascii() or not _UNSEEN.search(text)):
        return text
    return "".join(c if c.isprintable() and not _UNSEEN.match(c) else _escaped(c) for c in text)


def first_seen(text: str) -> str:
    """The first character of `text` that is seen and isn't a space; empty when there is none."""
    return next((c for c in text if c != " " and c.isprintable() and not _UNSEEN.match(c)), "")


def has_unseen(text: str) -> bool:
    """Whether `without_unseen` would take something out."""
    if _DROPPED.search(text):
        return True
    return not text.isascii() and bool(_JOINER.search(text) and _UNJOINING.search(text))


def without_unseen(text: str) -> str:
    """`text` without the invisible characters that a model reads and the user doesn't.

    Joiners and variation selectors stay where they join visible characters, blanks and line ends everywhere.
    """
    text = _DROPPED.sub("", text)
    return text if text.isascii() else _UNJOINING.sub("", text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
