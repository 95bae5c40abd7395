"""Facts about this hub and its caller, as sentences in Turkish and English."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from alya_mcp.gate import Decision, LimitRow, Policy, Usage
from alya_mcp.gate.numbers import plain, usd
from alya_mcp.text.folding import fold
from alya_mcp.text.words import Language, stem
from alya_mcp.toolkit.tool import Tool
from alya_mcp.tools.hub.knowledge.glossary import search_terms
from alya_mcp.tools.hub.knowledge.passages import Passage
from alya_mcp.tools.hub.knowledge.policy_words import policy_words, units

_REFUSED = {stem(word, "en") for word in ("deny", "denial", "refuse", "reject", "block", "forbid")}
_USED = {
    stem(word, "en") for word in ("usage", "use", "used", "call", "cost", "spend", "spent", "left", "remain")
}
_POLICY = {stem(word, "en") for word in ("policy", "rule")}
_TOOLS = {stem(word, "en") for word in ("tool", "work", "help")}
_HOW_MUCH = frozenset({"much", "many", "left", "remaining", "spent", "usage"})
_HOW_MUCH_TURKISH = ("kac", "kadar", "kald", "harca")
_GENERAL = {
    stem(word, "en")
    for word in ("policy", "allow", "say", "price", "cost", "deny", "refuse", "limit", "tool")
}
_WORD = re.compile(r"[^\W_]+")
_OF_MINE = frozenset({"i", "my", "me", "last", "why", "was", "were", "current", "force", "now", "left"})
_OF_MINE_TURKISH = (
    "neden",
    "niye",
    "son",
    "ben",
    "kald",
    "harcad",
    "kulland",
    "yururluk",
    "su an",
    "reddedil",
)


def mentioned(question: str, tools: Iterable[Tool]) -> list[Tool]:
    """The tools that a question names by their name, also with spaces for underscores, or their title."""
    asked = f" {_plain(question)} "
    return [each for each in tools if any(f" {name} " in asked for name in _names(each.name, each.title))]


@lru_cache(maxsize=256)
def _names(*names: str) -> tuple[str, ...]:
    return tuple(map(_plain, names))


def is_mine(question: str) -> bool:
    """Whether a question is about what the caller did or may do, rather than about how things are done."""
    words = set(_plain(question).split())
    return bool(words & _OF_MINE) or any(word.startswith(_OF_MINE_TURKISH) for word in words)


def about(question: str) -> frozenset[str]:
    """Which of refusal, usage, policy and tools a question is about."""
    words = _searched(question)
    mine = is_mine(question)
    plain = set(_plain(question).split())
    counts = plain & _HOW_MUCH or any(word.startswith(_HOW_MUCH_TURKISH) for word in plain)
    topics = {
        "refusal": mine and words & _REFUSED,
        "usage": mine and counts and words & _USED,
        "policy": mine and words & _POLICY,
        "tools": words & _TOOLS and len(words) <= 2,
    }
    return frozenset(topic for topic, is_it in topics.items() if is_it)


def is_about_more(question: str, named: Sequence[Tool]) -> bool:
    """Whether a question wants more of the tools that it names than their price and the policy's word."""
    names = {word for each in named for word in _searched(f"{each.name} {each.title}")}
    return bool(_searched(question) - names - _GENERAL)


def of_refusal(last: tuple[str, Decision] | None, language: Language) -> Passage:
    """Why the caller's last refused call was refused."""
    if last is None:
        text = (
            "Bu oturumda hiçbir çağrı reddedilmedi."
            if language == "tr"
            else "No call of this session was refused."
        )
    else:
        tool, decision = last
        wait = decision.retry_after
        if language == "tr":
            text = (
                f"Son reddedilen çağrı {tool}. Kural: {decision.rule}. Denetimin sözleri: {decision.message}"
            )
            text += f" {math.ceil(wait)} saniye sonra yeniden denenebilir." if wait is not None else ""
        else:
            text = f"The last refused call was of {tool}, by the rule {decision.rule}. It was told: "
            text += decision.message
            text += f" It can be tried again in {math.ceil(wait)} s." if wait is not None else ""
    return Passage(title="The last refusal", source="this session", text=text)


def of_usage(used: Sequence[Usage], limits: Sequence[LimitRow], language: Language) -> Passage:
    """What the caller's session used, and what is left of each limit."""
    calls, spent = sum(row.calls for row in used), sum(row.usd for row in used)
    denied = sum(row.denied for row in used)
    if language == "tr":
        said = [f"Bu oturumda {calls} çağrı çalıştı, ücreti {usd(spent)}."]
        said += [f"Bunların dışında {denied} çağrı, çalışmadan reddedildi."] if denied else []
        said += [
            f"{row.tool or 'Tüm araçlar'}: {plain(row.max)} {units(row.unit, language)} sınırından "
            f"{plain(row.left)} kaldı."
            for row in limits
        ]
    else:
        ran = "1 call" if calls == 1 else f"{calls} calls"
        said = [f"In this session {ran} ran, at a price of {usd(spent)}."]
        more = "1 more was" if denied == 1 else f"{denied} more were"
        said += [f"{more} denied before running."] if denied else []
        said += [
            f"{row.tool or 'All tools'}: {plain(row.left)} of {plain(row.max)} {units(row.unit, language)} "
            "are left."
            for row in limits
        ]
    return Passage(title="Usage", source="this session", text=" ".join(said))


def of_policy(policy: Policy, wrong: bool, language: Language) -> Passage:
    """Which policy is in force."""
    names = ", ".join(sorted(name for name in policy.compiled if not policy.hides(name))) or "-"
    if language == "tr":
        usual = "izin verilir" if policy.default == "allow" else "reddedilir"
        text = f"Yürürlükteki politikada listelenmeyen araç {usual}. Listelenen araçlar: {names}."
        text += " Politika dosyası hatalı; son geçerli olan yürürlükte." if wrong else ""
    else:
        usual = "allowed" if policy.default == "allow" else "denied"
        text = f"Under the policy in force a tool that it doesn't list is {usual}. It lists: {names}."
        text += " The policy file is wrong; the last good one is in force." if wrong else ""
    return Passage(title="The policy in force", source="the policy in force", text=text)


def of_tool(tool: Tool, policy: Policy, limits: Sequence[LimitRow], language: Language) -> Passage:
    """What a tool is for, what it costs, and what the policy says of it."""
    turkish = tool.asked.turkish if language == "tr" else None
    first = turkish or tool.description.partition("\n")[0]
    says = policy_words(policy.summary(tool.name, tool.category), limits, language)
    price = usd(policy.price(tool.name, tool.price))
    if language == "tr":
        text = f"{tool.name}: {first} Çağrısı {price}. Politika: {says}"
    else:
        text = f"{tool.name}: {first} A call is metered at {price}. The policy says: {says}"
    return Passage(title=tool.title, source=f"the tool {tool.name}", text=text)


def of_tools(tools: Sequence[Tool], language: Language) -> Passage:
    """Which tools there are."""
    names = ", ".join(each.name for each in tools)
    text = f"Bu merkezin araçları: {names}." if language == "tr" else f"The tools of this hub are: {names}."
    return Passage(title="The tools", source="the catalogue", text=text)


def _plain(text: str) -> str:
    """Folded words without signs, so that what is written about them doesn't matter."""
    return " ".join(_WORD.findall(fold(text)))


def _searched(text: str) -> set[str]:
    return {word for meanings in search_terms(text) for word in meanings}
