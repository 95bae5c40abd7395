"""Keys and tokens that are recognised by their format, whoever's they are.

A shape is masked only where it is unmistakable: hashes, UUIDs, base64 data, prose and presigned links pass.
Every shape has a sign, a short pattern that begins with one rare character: text without it is done with at
the speed of `memchr`. A presigned S3 link names its access key and
carries its session token by design; neither opens anything else, so both pass where such a link holds them.

The shapes are those that the issuers publish: AWS (IAM identifiers, STS tokens), GitHub, Slack, OpenAI,
Anthropic, Hugging Face, Stripe, Google, RFC 7519 (JWT), RFC 7468 (PEM), RFC 6750 and 7617 (Bearer, Basic),
RFC 3986 (user information in a URL).
"""

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

MASK: Final = "[secret]"

Sure = Callable[[re.Match[str]], bool]


class _Shape:
    """A credential's pattern, compiled when it is first needed.

    Its group `secret` is masked, or all of it where there is no such group, if `sure` agrees.
    """

    def __init__(self, pattern: str, sure: Sure | None = None) -> None:
        self._source = pattern
        self._sure = sure

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self._source)

    def finds(self, text: str) -> bool:
        sure = self._sure
        if sure is None:
            return self._pattern.search(text) is not None
        return any(sure(match) for match in self._pattern.finditer(text))

    def mask(self, text: str) -> str:
        return self._pattern.sub(self._instead, text)

    def _instead(self, match: re.Match[str]) -> str:
        if self._sure is not None and not self._sure(match):
            return match.group()
        if "secret" not in match.re.groupindex:
            return MASK
        begin, end = (at - match.start() for at in match.span("secret"))
        return match.group()[:begin] + MASK + match.group()[end:]


class _Sign:
    """What every text with one of `shapes` in it holds: `character`, and `pattern` right after it."""

    def __init__(self, character: str, pattern: str, *shapes: _Shape) -> None:
        self.character = character
        self._source = character + pattern
        self.shapes = shapes

    @cached_property
    def _search(self) -> Callable[[str], re.Match[str] | None]:
        return re.compile(self._source).search

    def seen(self, text: str) -> bool:
        return self.character in text and self._search(text) is not None


def _is_basic(match: re.Match[str]) -> bool:
    """Whether the word after Basic is a name and a password, and not merely a word."""
    import base64

    word = match["secret"].rstrip("=")
    try:
        pair = base64.b64decode(word + "=" * (-len(word) % 4), validate=True).decode()
    except ValueError:
        return False
    return ":" in pair and pair.isprintable()


def _has_body(match: re.Match[str]) -> bool:
    """Whether a PEM block holds more than an ellipsis."""
    return re.search(r"[A-Za-z0-9+/]{16}", match["body"]) is not None


def _apart(start: str) -> str:
    """`start`, unless it is inside a run of base64 characters; a short word or path doesn't count as one."""
    run = "[A-Za-z0-9_+/-]"
    return rf"{start}(?:(?<![A-Za-z0-9]{start})(?<!{run}{{64}}{start})|(?<!{run}{{20}}{start}))"


def _word(start: str) -> str:
    """`start` at the beginning of a word; the letter of an escape such as \\n isn't part of one."""
    return rf"{start}(?:(?<![A-Za-z0-9]{start})|(?<=\\[nrtbf]{start})|(?<=\\u[0-9A-Fa-f]{{4}}{start}))"


_SPACE: Final = r"(?:\s|\\[nrt])"
_BETWEEN: Final = rf"(?:[\"'`:=>]|\\[\"']|{_SPACE}){{1,12}}"
_DIGIT: Final = r"(?=[A-Za-z._~+/=-]{0,99}[0-9])"
_BASE64: Final = r"(?:[A-Za-z0-9+/]|\\/)"
_KEY_ID: Final = (
    _apart("A(?:[KSB]IA|CCA)") + r"(?<!X-Amz-Credential=A...)(?<!AWSAccessKeyId=A...)[A-Z0-9]{16}"
)
_PEM_KIND: Final = r"(?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_NO_LINK: Final = r"(?<![Xx]-[Aa]mz-[Ss]ecurity-[Tt]oken=.{12})"

_AWS_LABELLED: Final = _Shape(
    rf"[sS](?i:ecret[ _-]?(?:access[ _-]?)?key){_BETWEEN}(?P<secret>{_BASE64}{{40,}})"
)
_BASIC: Final = _Shape(rf"\b[bB](?i:asic){_SPACE}+(?P<secret>[A-Za-z0-9+/]{{6,}}={{0,2}})", _is_basic)
_HEADER: Final = _Shape(
    rf"[aA](?i:uthorization){_BETWEEN}(?i:bearer|token){_SPACE}+{_DIGIT}(?P<secret>[A-Za-z0-9._~+/-]{{8,}}=*)"
)
_AWS_KEY: Final = _Shape(_KEY_ID)
_BESIDE: Final = _Shape(
    r"(?:(?<![A-Za-z0-9+/=])|(?<=\\[nrt]))(?=[A-Z0-9+/\\]{0,79}[a-z])(?=[a-z0-9+/\\]{0,79}[A-Z])"
    r"(?=[A-Za-z+/\\]{0,79}[0-9])" + _BASE64 + r"{40}(?![A-Za-z0-9+/=])"
)
_SIGNED_QUERY: Final = _Shape(r"\?(?=[^\s\"'<>?]{0,4096}?(?i:signature|[?&]sig)=)(?P<secret>[^\s\"'<>]+)")

_SIGNS: Final = (
    _Sign(
        "A",
        r"(?:[KSB]IA[A-Z0-9](?<!X-Amz-Credential=A....)|CCA[A-Z0-9]|Iza[A-Za-z0-9_-]|ccess[ _-]?[Kk]ey)",
        _AWS_KEY,
        _Shape(_apart("AIza") + r"[A-Za-z0-9_-]{35}"),
        _AWS_LABELLED,
    ),
    _Sign(
        "_",
        r"(?:(?=[A-Za-z0-9+/]{20})(?:(?<=gh[pousr]_)|(?<=b_pat_)|(?<=hf_)|(?<=k_live_)|(?<=k_test_)|(?<=whsec_))"
        r"|[kK](?i:ey)(?<=[tTsS]_...))",
        _Shape(_apart("gh[pousr]_") + r"[A-Za-z0-9]{36,}"),
        _Shape(r"github_pat_[A-Za-z0-9_]{36,}"),
        _Shape(_apart("hf_") + r"[A-Za-z0-9]{34,}"),
        _Shape(_apart("[rs]k_(?:live|test)_") + r"[A-Za-z0-9]{24,}"),
        _Shape(_apart("whsec_") + r"[A-Za-z0-9+/]{32,}=*"),
        _AWS_LABELLED,
    ),
    _Sign(
        "-",
        r"(?:(?=[A-Za-z0-9_-]{10})(?:(?<=sk-)|(?<=xox[a-z]-)|(?<=xapp-)|(?<=OCSPX-))|----BEGIN |[kK]ey)",
        _Shape(
            _apart("sk-") + r"(?:(?:proj|svcacct|admin|None|or-v1)-|ant-[a-z0-9]{2,12}-)[A-Za-z0-9_-]{32,}"
        ),
        _Shape(r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
        _Shape(_word("sk-") + r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{32,}"),
        _Shape(_apart("xox[a-z]-") + r"(?=[A-Za-z-]{0,99}[0-9])[A-Za-z0-9-]{10,}"),
        _Shape(_apart("xapp-") + r"[0-9]-[A-Z0-9]+-[0-9]+-[A-Za-z0-9]+"),
        _Shape(_apart("GOCSPX-") + r"[A-Za-z0-9_-]{28}"),
        _Shape(
            rf"-----BEGIN {_PEM_KIND}(?P<body>(?:(?!-----)[\s\S]){{0,32768}})-----END {_PEM_KIND}", _has_body
        ),
        _Shape(rf"-----BEGIN {_PEM_KIND}(?:{_SPACE}*[A-Za-z0-9+/=]{{16,}})+"),
        _AWS_LABELLED,
    ),
    _Sign(
        "J",
        r"(?:(?<=eyJ)|(?<=IQoJ))",
        _Shape(r"eyJ(?<![A-Za-z0-9_-]{20}eyJ)[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
        _Shape(rf"IQoJb3JpZ2lu{_NO_LINK}[A-Za-z0-9+/=%]{{60,}}"),
    ),
    _Sign("X", r"(?<=oGZX)", _Shape(rf"F[wQ]oGZXIvYXdz{_NO_LINK}[A-Za-z0-9+/=%]{{60,}}")),
    _Sign(
        "B",
        r"(?:asic|earer|ASIC|EARER|(?<=/B)[A-Z0-9]{8})",
        _Shape(rf"\bB(?:earer|EARER){_SPACE}+{_DIGIT}(?P<secret>[A-Za-z0-9._~+/-]{{20,}}=*)"),
        _BASIC,
        _Shape(r"hooks\.slack\.com/services/(?P<secret>[A-Za-z0-9/_-]{20,})"),
    ),
    _Sign("z", r"(?<=[aA]uthoriz)ation", _HEADER, _BASIC),
    _Sign("Z", r"(?<=AUTHORIZ)ATION", _HEADER, _BASIC),
    _Sign("9", r"(?<=ya29)\.", _Shape(_apart(r"ya29\.") + r"[A-Za-z0-9_-]{30,}")),
    _Sign(
        "@",
        r"",
        _Shape(
            r":(?<=[A-Za-z0-9]:)//[^\s/?#:@\"'<>\\]{0,256}:(?!\[secret\]@)(?P<secret>[^\s/?#@\"'<>\\]{1,512})@"
        ),
    ),
)


def holds_credential(text: str) -> bool:
    """Whether `mask_credentials` would change `text`, or would the strings of the JSON that `text` is."""
    for sign in _SIGNS:  # a generator would cost as much again as the look at a short text
        if sign.character in text and sign.seen(text) and any(shape.finds(text) for shape in sign.shapes):
            return True
    return False


def names_aws_key(text: str) -> bool:
    """Whether an AWS access key id stands in `text`, outside a presigned link."""
    return _SIGNS[0].seen(text) and _AWS_KEY.finds(text)


def mask_credentials(text: str, *, beside_aws_key: bool = False) -> str:
    """`text` with every recognised credential replaced by `[secret]`.

    An AWS secret is 40 characters without a mark of its own, so it is recognised by its label, or beside a
    key id: one in `text`, or, with `beside_aws_key`, one elsewhere in what the text is part of.
    """
    if beside_aws_key or names_aws_key(text):
        text = _BESIDE.mask(text)
    for sign in _SIGNS:
        if sign.seen(text):
            for shape in sign.shapes:
                text = shape.mask(text)
    return text


def mask_signed_links(text: str) -> str:
    """`text` with the query of every signed link masked: whoever reads a log can't open what it names."""
    return _SIGNED_QUERY.mask(text) if "?" in text else text
