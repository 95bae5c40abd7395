"""Sanitises results and messages: valid text, finite numbers, no secrets, no private paths.

Secrets are the words that the server knows to be one, and whatever is a credential by its shape (see
`credentials`). `outside` is for text that others wrote, such as a page from the web.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from alya_mcp.gate.credentials import (
    MASK,
    holds_credential,
    mask_credentials,
    mask_signed_links,
    names_aws_key,
)
from alya_mcp.gate.errors import ToolError
from alya_mcp.gate.invisible import has_unseen, without_unseen

HIDDEN_PATH: Final = "[private]"
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_DEPTH: Final = 64
_PATH_ENDS: Final = r"(?![\w.-])"

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ESCAPED: Final = re.compile(r"\\(?<!\\\\)(?:\\\\)*(?:u00|[bf])")


class UnfitResult(ToolError):
    """A result that can't be sent: too large, or not JSON. The text is for the model."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Words that must not leave, as JSON writes them, and what stands in their place; see `hidden`."""

    written: tuple[str, ...]
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
    patterns = [(re.compile(word), MASK) for word in secret]
    for folder in sorted(filter(None, private), key=len, reverse=True):
        inside = [path[len(folder) :] for path in public if path.startswith(folder)]
        spared = "".join(f"(?!{re.escape(rest)}{_PATH_ENDS})" for rest in inside)
        patterns.append((re.compile(rf"(?<![\w]){re.escape(folder)}{_PATH_ENDS}{spared}"), HIDDEN_PATH))
    written = (_ENCODE(word)[1:-1] for word in (*secrets, *private) if word)
    return Hidden(tuple(written), tuple(patterns))


NOTHING_HIDDEN: Final = Hidden((), ())


def sanitise(value: Any, *, hide: Hidden = NOTHING_HIDDEN, limit: int) -> Any:
    """`value` sanitised; the same object if nothing has to change. See `fit`."""
    return fit(value, hide=hide, limit=limit)[0]


def fit(value: Any, *, hide: Hidden = NOTHING_HIDDEN, limit: int) -> tuple[Any, str]:
    """`value` sanitised, and its JSON text; the same object if nothing has to change.

    Lone surrogates become U+FFFD, NaN and the infinities null. Control characters other than tab and line
    ends, and invisible and direction-changing ones, are taken out. Credentials and what `hide` names become
    `[secret]` or `[private]`, also in the names of members. `limit` is in bytes of JSON text in UTF-8.

    Raises:
        UnfitResult: when the result is still over `limit`, isn't JSON or nests deeper than 64 levels.
    """
    text = _json(value)
    if text is None or _needs_work(text, hide):
        value = _cleaned(value, _Wash(hide, names_aws_key(_visible(text or _loose(value)))), _DEPTH)
        text = _json(value)
        if text is None:
            raise UnfitResult("the result isn't JSON")
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        raise UnfitResult(f"the result has {size:,} bytes; at most {limit:,} can be sent, so ask for less")
    return value, text


def clean_text(text: str, hide: Hidden = NOTHING_HIDDEN) -> str:
    """A string, sanitised as by `sanitise`."""
    return hide.mask(mask_credentials(_visible(text)))


def clean_log(text: str, hide: Hidden = NOTHING_HIDDEN) -> str:
    """A text for a log: sanitised, and signed links without their query."""
    return mask_signed_links(clean_text(text, hide))


def outside(text: str, source: str) -> dict[str, Any]:
    """Text of a third party as tools return it: an object with `untrusted`, `source` and `text`.

    `source` is an address or a name. Invisible characters, which a model reads and a user doesn't see, are
    removed from both; see `invisible`.
    """
    return {
        "untrusted": True,
        "source": _visible(source),
        "text": _visible(text),
    }


def _visible(text: str) -> str:
    return without_unseen(_SURROGATE.sub("\ufffd", _paired(text)))


@dataclass(frozen=True, slots=True)
class _Wash:
    """How the strings of one result are cleaned; `beside`: an AWS key id stands somewhere in it."""

    hide: Hidden
    beside: bool

    def text(self, text: str) -> str:
        return self.hide.mask(mask_credentials(_visible(text), beside_aws_key=self.beside))

    def member(self, name: str, text: str) -> str:
        """The text of a member, which its name may show to be a secret."""
        label = f"{_visible(name)}: "
        labelled = self.text(label + _visible(text))
        return labelled[len(label) :] if labelled.startswith(label) else self.text(text)


def _json(value: Any) -> str | None:
    try:
        return _ENCODE(value)
    except (ValueError, TypeError, RecursionError):
        return None


def _loose(value: Any) -> str:
    """The JSON text of a value that holds infinities; empty for what can't be written at all."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return ""


def _needs_work(text: str, hide: Hidden) -> bool:
    if ("\\" in text and _ESCAPED.search(text)) or "\x7f" in text:
        return True
    if not text.isascii() and (_SURROGATE.search(text) or has_unseen(text)):
        return True
    return any(word in text for word in hide.written) or holds_credential(text)


def _paired(text: str) -> str:
    """Halves of a surrogate pair that stand together are one character."""
    if not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _cleaned(value: Any, wash: _Wash, depth: int) -> Any:
    if isinstance(value, str):
        return wash.text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not depth:
        raise UnfitResult(f"the result nests deeper than {_DEPTH} levels")
    if isinstance(value, Mapping):
        members = cast("Mapping[Any, Any]", value).items()
        return {
            wash.text(name) if isinstance(name, str) else name: (
                wash.member(name, item)
                if isinstance(name, str) and isinstance(item, str)
                else _cleaned(item, wash, depth - 1)
            )
            for name, item in members
        }
    if isinstance(value, list | tuple):
        return [_cleaned(item, wash, depth - 1) for item in cast("list[Any]", value)]
    raise UnfitResult(f"the result holds a {type(value).__name__}, which isn't JSON")
