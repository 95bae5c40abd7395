"""What the model does in front of a host, and what is looked for in the requests that follow."""

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from played_model import Story
from wires import Call, Heard

from alya_mcp.server.opening import DOCUMENT

DENIED: Final = "youtube_get_recommendations"
ASKED: Final = "alya_status"
TOOLS: Final = ("image_gen", DENIED, ASKED)
POLICY: Final = {
    "version": "1",
    "default": "allow",
    "tools": {
        DENIED: {"action": "deny", "reason": "what to do with the channel is for the user alone"},
        ASKED: {"action": "require_approval", "reason": "the state of the machine is private"},
    },
}
"""One tool is denied, one asks, all others run."""

_NAMES: Final = tuple(each["name"] for each in json.loads(DOCUMENT.read_text("utf-8"))["listings"][0])
SLOW_SECONDS: Final = 75.0
_PROMPT: Final = "a small red star on the left and a large blue circle on the right"
_URL: Final = re.compile(r"http://127\.0\.0\.1:\d+/[^\s\"'<>)\\]+Expires=[^\s\"'<>)\\]+")
_JOB: Final = re.compile(r"job['\"]?\s*[:=]\s*['\"]([0-9a-f]{12})['\"]")
_QUESTION: Final = re.compile(r"approvals approve ['\"`]?([\w-]+)")
_KEPT: Final = 300
_MOST_TRIES: Final = 30


@dataclass(slots=True, kw_only=True)
class Picture:
    """How a picture came: after how many calls and seconds, as what, and what each call was answered.

    `size` is the bytes of text of the answer that brought it.
    """

    url: bool = False
    opens: bool = False
    picture: str = "none"
    size: int = 0
    calls: int = 0
    seconds: float = 0.0
    answers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen in one story."""

    tools_bytes: int = 0
    tools: int = 0
    denial: str | None = None
    denied_in_our_words: bool = False
    question: str | None = None
    command_shown: bool = False
    approved: bool = False
    picture: Picture | None = None
    over: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def usual(seen: Seen, approve: Callable[[str], None]) -> Story:
    """A denial, an approval that is given, a picture from a cold start."""
    heard = yield ""
    ours = heard.ours(_NAMES)
    seen.tools, seen.tools_bytes = len(ours), sum(each.size for each in ours)
    heard = yield Call(tool=DENIED, arguments={})
    seen.denial = heard.text[:_KEPT]
    seen.denied_in_our_words = f"/tools/{DENIED}/action" in heard.text
    heard = yield Call(tool=ASKED, arguments={})
    seen.question = heard.text[:_KEPT]
    asked = _QUESTION.search(heard.text)
    if asked is not None:
        seen.command_shown = True
        approve(asked[1])
        heard = yield Call(tool=ASKED, arguments={})
        seen.approved = '"uptime' in heard.text or "policy" in heard.text
    seen.picture = Picture()
    yield from _draw(seen.picture, {"prompt": _PROMPT})
    seen.over = True


def slow(seen: Seen, hold: Callable[[float], None]) -> Story:
    """A picture that takes 75 s, got as a patient model gets it: by `job`, or by the same call again."""
    yield ""
    hold(SLOW_SECONDS)
    seen.picture = Picture()
    yield from _draw(seen.picture, {"prompt": f"{_PROMPT}, at night"})
    seen.over = True


def limit(seen: Seen, hold: Callable[[float], None]) -> Story:
    """One call that takes 75 s."""
    yield ""
    hold(SLOW_SECONDS)
    seen.picture = Picture()
    yield from _draw(seen.picture, {"prompt": f"{_PROMPT}, in the morning", "wait": 600}, tries=1)
    seen.over = True


def _draw(
    picture: Picture, arguments: dict[str, Any], tries: int = _MOST_TRIES
) -> Generator[Call, Heard, None]:
    """Call image_gen until its URL comes."""
    began = time.monotonic()
    while picture.calls < tries and not picture.url:
        called = time.monotonic()
        heard = yield Call(tool="image_gen", arguments=arguments)
        text = heard.text.replace("&amp;", "&")
        picture.calls += 1
        picture.answers.append({"seconds": round(time.monotonic() - called, 1), "text": text[:_KEPT]})
        url = _URL.search(text)
        job = _JOB.search(text)
        if url is not None:
            picture.url, picture.opens, picture.picture = True, _opens(url[0]), heard.picture
            picture.size = len(text.encode())
        elif job is not None and "names no picture" not in text:
            arguments = {**arguments, "job": job[1]}
        else:
            arguments.pop("job", None)
    picture.seconds = round(time.monotonic() - began, 1)


def _opens(url: str) -> bool:
    """Whether a picture is there."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200 and answer.headers.get_content_maintype() == "image"
    except (urllib.error.URLError, ValueError):
        return False
