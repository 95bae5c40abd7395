"""Starting policies, made from the category, risk and price of each tool.

What would be said of any tool of a category stands under `categories` where several tools share it: the file
stays short, and a tool that a later version brings finds itself treated alike. Limits count per grant: some
hosts start a server for every call, and a session's counter would never fill.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, get_args

from alya_mcp.toolkit.tool import Category, Tool

PresetName = Literal["strict", "balanced", "open"]
PresetEntry = dict[str, Any]

_HOUR: Final = 3600
_EXPENSIVE_USD: Final = 0.05
_DRAWS: Final = "image_gen"
_CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)


def starting_policy(preset: PresetName, tools: Iterable[Tool]) -> dict[str, Any]:
    """The policy document of `preset` for `tools`."""
    plan = _PLANS[preset]
    entries = [(tool, plan.entry(tool)) for tool in tools]
    of_any = {name: plan.entry(_AnyTool(category=name)) for name in _CATEGORIES}
    shared = [of_any[tool.category] for tool, rules in entries if rules == of_any[tool.category]]
    categories = {name: rules for name, rules in of_any.items() if rules and shared.count(rules) > 1}
    categories = {**categories, **plan.categories}
    own = {tool.name: rules for tool, rules in entries if categories.get(tool.category) != rules}
    if plan.default == "allow":
        own = {name: rules for name, rules in own.items() if rules}
    document = {"version": "1", "default": plan.default, "description": plan.description}
    parts = {"categories": categories, "tools": own, "all_tools": plan.all_tools}
    return {**document, **{key: part for key, part in parts.items() if part}}


class _Traits(Protocol):
    """What the rules of a tool hang on."""

    @property
    def name(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def risk(self) -> str: ...
    @property
    def price(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _AnyTool:
    """A tool of which only the category is known."""

    category: str
    name: str = ""
    risk: str = "Low"
    price: float = 0.001


def _per(window: str, most: int) -> PresetEntry:
    return {"rate_limit": {"max": most, "window": window, "scope": "grant"}}


def _denied(category: str) -> PresetEntry:
    return {"action": "deny", "reason": f"{category} tools are off under this policy"}


def _asked(reason: str) -> PresetEntry:
    """A yes for one call with exactly its arguments."""
    return {"action": "require_approval", "reason": reason, "approval": {"who": "call", "expires": 600}}


def _asked_once(reason: str) -> PresetEntry:
    """A yes for the tool, as long as the session lives and no longer than an hour."""
    return {"action": "require_approval", "reason": reason, "approval": {"who": "session", "expires": _HOUR}}


def _pictures(most: int) -> PresetEntry:
    """As many calls a minute that draw, and as many pictures: a call may ask for several."""
    told = f"at most {most} pictures a minute"
    pictures = {
        "counter": "pictures",
        "max": most,
        "window": "minute",
        "amount": "args.count",
        "on_deny": told,
    }
    return {**_per("minute", most), "limits": [pictures]}


def _strict(tool: _Traits) -> PresetEntry:
    if tool.category in ("Execute", "Destructive", "Financial"):
        return _denied(tool.category)
    if tool.category == "Write":
        return _asked("it changes something")
    if tool.risk == "High":
        return _asked("its risk is high")
    limit = _pictures(10) if tool.name == _DRAWS else _per("minute", 10)
    return _asked_once("it costs money") | limit if tool.price else _per("minute", 30)


def _balanced(tool: _Traits) -> PresetEntry:
    if tool.category in ("Destructive", "Financial"):
        return _denied(tool.category)
    if tool.category == "Execute":
        return _asked("it runs something") | _per("hour", 10)
    limit = _per("hour", 30) if tool.category == "Write" else _per("minute", 60)
    if tool.price >= _EXPENSIVE_USD:
        limit = _per("hour", 10)
    if tool.name == _DRAWS:
        limit = _pictures(10)
    if tool.risk == "High":
        ask = _asked if tool.category == "Write" else _asked_once
        return ask("its risk is high") | limit
    return limit


def _open(_: _Traits) -> PresetEntry:
    return {}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A preset: what it says of itself, of a tool, of categories whatever is in them, and of all tools."""

    description: str
    default: Literal["allow", "deny"]
    entry: Callable[[_Traits], PresetEntry]
    categories: Mapping[str, PresetEntry]
    all_tools: PresetEntry


def _everything(calls: int, repeats: int, in_flight: int, usd: float) -> PresetEntry:
    return {
        **_per("minute", calls),
        "budget": {"max_usd": usd, "window": "day"},
        "max_repeats": {"max": repeats, "window": "minute", "scope": "grant"},
        "max_concurrent": {"max": in_flight, "scope": "grant"},
    }


_PLANS: Final[Mapping[PresetName, _Plan]] = {
    "strict": _Plan(
        "Strict: only the tools that are listed here. What is free and reads passes; what costs or writes "
        "needs a person's yes; what runs, deletes or pays is denied.",
        "deny",
        _strict,
        {},
        _everything(calls=60, repeats=3, in_flight=4, usd=1),
    ),
    "balanced": _Plan(
        "Balanced: only the tools that are listed here. Reading and writing pass within limits; what runs "
        "something or is of high risk needs a person's yes; what deletes or pays is denied.",
        "deny",
        _balanced,
        {},
        _everything(calls=120, repeats=5, in_flight=8, usd=5),
    ),
    "open": _Plan(
        "Open: every tool passes, within limits that stop a runaway loop and a budget per day; what runs, "
        "deletes or pays needs a person's yes.",
        "allow",
        _open,
        {
            "Execute": _asked("it runs something"),
            "Destructive": _asked("it deletes something"),
            "Financial": _asked("it moves money"),
        },
        _everything(calls=300, repeats=20, in_flight=16, usd=20),
    ),
}
