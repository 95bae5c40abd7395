"""What leaves the server leaves clean: valid text, finite numbers, no secret, no private path."""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from .errors import ToolError

HIDDEN_SECRET: Final = "[secret]"  # noqa: S105 - what stands in its place
HIDDEN_PATH: Final = "[private]"
_DEPTH: Final = 64
_PATH_ENDS: Final = r"(?![\w.-])"

_INVISIBLE: Final = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
)
_STRIPPED: Final = re.compile(f"[{_INVISIBLE}]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SUSPECT: Final = re.compile(rf"(?<!\\)(?:\\\\)*\\(?:u00|[bf])|[{_INVISIBLE}\ud800-\udfff]")


class UnfitResult(ToolError):
    """A result that can't leave: too large, or no JSON. The text is for the model."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Words that must not leave, and what stands in their place; see `hidden`."""

    words: tuple[str, ...]
    patterns: tuple[tuple[re.Pattern[str], str], ...]

    def mask(self, text: str) -> str:
        """`text` with every hidden word replaced."""
        for pattern, instead in self.patterns:
            text = pattern.sub(instead, text)
        return text


def hidden(
    secrets: Collection[str] = (), private: Collection[str] = (), public: Collection[str] = ()
) -> Hidden:
    """Compile what to hide: `secrets` wherever they stand, folders in `private` with their full path.

    A path that leads into a folder of `public` stays as it is, although it begins with a private one.
    """
    secret = [re.escape(word) for word in sorted(filter(None, secrets), key=len, reverse=True)]
    patterns = [(re.compile(word), HIDDEN_SECRET) for word in secret]
    for folder in sorted(filter(None, private), key=len, reverse=True):
        inside = [path[len(folder) :] for path in public if path.startswith(folder)]
        spared = "".join(f"(?!{re.escape(rest)}{_PATH_ENDS})" for rest in inside)
        patterns.append((re.compile(rf"(?<![\w]){re.escape(folder)}{_PATH_ENDS}{spared}"), HIDDEN_PATH))
    return Hidden((*filter(None, secrets), *filter(None, private)), tuple(patterns))


NOTHING_HIDDEN: Final = Hidden((), ())


def sanitise(value: Any, *, hide: Hidden = NOTHING_HIDDEN, limit: int) -> Any:
    """A JSON-like value made fit to leave; the value itself when it already is. See `fit`."""
    return fit(value, hide=hide, limit=limit)[0]


def fit(value: Any, *, hide: Hidden = NOTHING_HIDDEN, limit: int) -> tuple[Any, str]:
    """A JSON-like value made fit to leave, and its JSON text; the value itself when it already is fit.

    Lone surrogates become U+FFFD, NaN and the infinities null. Control characters other than tab and line
    ends, and invisible and direction-changing ones, are taken out. What `hide` names becomes `[secret]` or
    `[private]`, also in the names of members. `limit` is in
    bytes of JSON text in UTF-8.

    Raises:
        UnfitResult: when the result is still over `limit`, isn't JSON or nests deeper than 64 levels.
    """
    text = _json(value)
    if text is None or _needs_work(text, hide):
        value = _cleaned(value, hide, _DEPTH)
        text = _json(value)
        if text is None:
            raise UnfitResult("the result isn't JSON")
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise UnfitResult(f"the result has {size:,} bytes; at most {limit:,} can be sent, so ask for less")
    return value, text


def clean_text(text: str, hide: Hidden = NOTHING_HIDDEN) -> str:
    """A string with everything taken out that `sanitise` takes out."""
    text = _SURROGATE.sub("\ufffd", _paired(text))
    text = _STRIPPED.sub("", text)
    return hide.mask(text)


def _json(value: Any) -> str | None:
    try:
        return _ENCODE(value)
    except (ValueError, TypeError, RecursionError):
        return None


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _needs_work(text: str, hide: Hidden) -> bool:
    if (not text.isascii() or "\\" in text or "\x7f" in text) and _SUSPECT.search(text):
        return True
    return any(_as_written(word) in text for word in hide.words)


def _as_written(word: str) -> str:
    return word if word.isalnum() else _ENCODE(word)[1:-1]


def _paired(text: str) -> str:
    """Halves of a surrogate pair that stand together are one character."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _cleaned(value: Any, hide: Hidden, depth: int) -> Any:
    if isinstance(value, str):
        return clean_text(value, hide)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not depth:
        raise UnfitResult(f"the result nests deeper than {_DEPTH} levels")
    if isinstance(value, Mapping):
        members = cast("Mapping[Any, Any]", value).items()
        return {
            clean_text(key, hide) if isinstance(key, str) else key: _cleaned(item, hide, depth - 1)
            for key, item in members
        }
    if isinstance(value, list | tuple):
        return [_cleaned(item, hide, depth - 1) for item in cast("list[Any]", value)]
    raise UnfitResult(f"the result holds a {type(value).__name__}, which is no JSON")
