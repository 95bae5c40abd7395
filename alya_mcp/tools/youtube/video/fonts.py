"""The fonts of slides and captions: Inter (SIL Open Font License 1.1), cut to four alphabets.

`fonts/` holds Inter Display ExtraBold and Inter SemiBold 4.1 with the letters of Latin, Greek and Cyrillic
scripts. `ALYA_VIDEO_FONT` names a font of the user's own for others.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Weight = Literal["display", "text"]

_FOLDER: Final = Path(__file__).with_name("fonts")
_FILES: Final[dict[Weight, str]] = {"display": "InterDisplay-ExtraBold.ttf", "text": "Inter-SemiBold.ttf"}
_NOWHERE: Final = "\U0010fffe"
"""A code point that isn't a character, which no font can draw."""
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn"})


class Fonts:
    """The fonts of one video: `own` is the user's font file, which replaces both of ours where it opens.

    `notices` says what couldn't be used or shown.
    """

    def __init__(self, own: Path | None = None) -> None:
        self.notices: list[str] = []
        self._own = own if own is None or self._opens(own) else None
        self._missing: dict[str, None] = {}
        self._plain = False

    def sized(self, weight: Weight, size: int) -> "FreeTypeFont":
        """The font of that weight, `size` pixels high."""
        path = self._own or _FOLDER / _FILES[weight]
        try:
            return _opened(str(path), size)
        except OSError:
            self._plain = True
            return _opened(None, size)

    def shown(self, text: str) -> str:
        """`text` without the characters that the font can't draw; they are noted."""
        text = unicodedata.normalize("NFC", text)
        font = self.sized("text", 24)
        kept: list[str] = []
        for character in text:
            if character == " " or _draws(font, character):
                kept.append(character)
            elif unicodedata.category(character) not in _UNSEEN:
                self._missing[character] = None
        return " ".join("".join(kept).split())

    def told(self) -> Iterable[str]:
        """What to tell the user of the fonts, after everything was drawn."""
        yield from self.notices
        if self._plain:
            yield "A font of this installation can't be read, so a plain one was used; install alya-mcp again"
        if self._missing:
            some = "".join(list(self._missing)[:8])
            yield (
                f"The font has no {some!r}, so slides leave them out; set ALYA_VIDEO_FONT to a font file "
                "that has them"
            )

    def _opens(self, path: Path) -> bool:
        from PIL import ImageFont

        try:
            ImageFont.truetype(str(path), 24)
        except OSError:
            self.notices.append("ALYA_VIDEO_FONT is not a font that can be used, so Inter was used")
            return False
        return True


@lru_cache(maxsize=64)
def _opened(path: str | None, size: int) -> "FreeTypeFont":
    """The font file in a size; without one, the font that Pillow has within."""
    from PIL import ImageFont

    if path is None:
        return cast("FreeTypeFont", ImageFont.load_default(size))

    # The basic layout is in every build of Pillow, so that the same text has the same place everywhere.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _draws(font: "FreeTypeFont", character: str) -> bool:
    """Whether the font has the character: one that it lacks looks like one that no font has."""
    return _pixels(font, character) != _pixels(font, _NOWHERE)


def _pixels(font: "FreeTypeFont", character: str) -> bytes:
    mask: Any = font.getmask(character)
    return bytes(mask)
