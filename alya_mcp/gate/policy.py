"""The policy document: loaded strictly, compiled once into what a call needs.

What this version reads: `version`, `default`, `description`, `hide`, `tools` with `action`, `reason` and
`rate_limit`, and `all_tools` with `rate_limit`. Everything else is an error; nothing is ever ignored.
"""

import hashlib
import math
import os
import stat
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from .call import DEFAULT_DENY, Decision, shown
from .canonical import canonical
from .document import (
    LARGEST,
    WRONG,
    Node,
    Places,
    Problem,
    Unreadable,
    from_python,
    nearest,
    quoted,
    read_json,
    read_text,
    step,
)

_WINDOWS: Final = {"minute": 60, "hour": 3600, "day": 86400}
_TOP: Final = ("version", "default", "description", "hide", "tools", "all_tools")
_TOP_LATER: Final = ("mode", "categories", "approvals", "approval_timeout")
_TOOL: Final = ("action", "reason", "rate_limit")
_TOOL_LATER: Final = (
    "mode",
    "budget",
    "max_repeats",
    "max_concurrent",
    "timeout",
    "approval",
    "redact",
    "require",
    "deny_if",
    "limits",
    "rules",
    "spend",
)
_ALL_TOOLS: Final = ("rate_limit",)
_ALL_TOOLS_LATER: Final = ("mode", "limits", "budget", "max_repeats", "max_concurrent", "timeout")
_RATE_LIMIT: Final = ("max", "window", "scope")
_RATE_LIMIT_LATER: Final = ("mode",)
_SECOND: Final = 1_000_000_000


class PolicyError(ValueError):
    """A document is no policy. `problems` holds everything that is wrong with it; the text lists them all."""

    def __init__(self, problems: Iterable[Problem], name: str = "policy") -> None:
        self.problems = tuple(problems)
        self.name = name
        super().__init__("\n".join(f"{name}: {problem}" for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Limit:
    """A compiled `rate_limit`: at most `max` calls in any span of `window_ns` nanoseconds.

    `rule` is its JSON Pointer and names its counter. `tool` is None where all tools count together.
    """

    rule: str
    tool: str | None
    max: int
    window_ns: int

    @property
    def window(self) -> float:
        """The span in seconds, an int where it is whole."""
        return self.window_ns // _SECOND if self.window_ns % _SECOND == 0 else self.window_ns / _SECOND


@dataclass(frozen=True, slots=True)
class Rules:
    """All that the policy says of one tool: a ready denial, or the limits to ask, in order."""

    denial: Decision | None
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class _Name:
    name: str
    pointer: str
    at: int


class Policy:
    """A loaded policy. It never changes; a reload makes another one.

    `digest` is the SHA-256 of the document's canonical JSON, in hexadecimal. `document` is the document as
    plain Python values. `compiled` holds the rules of every listed tool; `rules(name)` those of any tool.
    """

    __slots__ = (
        "_hide",
        "_hide_all",
        "_names",
        "_places",
        "_unlisted",
        "allowed",
        "compiled",
        "default",
        "description",
        "digest",
        "document",
        "limits",
    )

    def __init__(self, root: Node, places: Places | None, problems: Iterable[Problem]) -> None:
        reading = _Reading(places)
        reading.top(root)
        found = [*problems, *reading.problems]
        if found:
            raise Unreadable(sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0)))
        self.document: Mapping[str, Any] = root.plain()
        self.digest: str = hashlib.sha256(canonical(self.document)).hexdigest()
        self.default: str = reading.default
        self.description: str = reading.description
        self.allowed = Decision("allow", "", "", None, self.digest)
        self._hide_all = any(entry.name == "*" for entry in reading.hide)
        self._hide = frozenset(entry.name for entry in reading.hide)
        self._names = (*reading.hide, *reading.names)
        self._places = places
        self._unlisted = Rules(None, reading.all_tools)
        self.compiled: Mapping[str, Rules] = {
            name: self._rules(name, entry, reading.all_tools) for name, entry in reading.tools.items()
        }
        self.limits: tuple[Limit, ...] = (
            *(entry.limit for entry in reading.tools.values() if entry.limit is not None),
            *reading.all_tools,
        )

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Compile a policy from Python values.

        Raises:
            PolicyError: listing everything that is wrong, each with its JSON Pointer.
        """
        try:
            root, problems = from_python(document)
            return cls(root, None, problems)
        except Unreadable as error:
            raise PolicyError(error.problems) from None

    @classmethod
    def loads(cls, data: bytes | str, name: str = "policy") -> Self:
        """Compile a policy from strict JSON; `name` stands before every error.

        Raises:
            PolicyError: listing everything that is wrong, each with line, column and JSON Pointer.
        """
        try:
            text = read_text(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
            root, problems = read_json(text)
            return cls(root, Places(text), problems)
        except Unreadable as error:
            raise PolicyError(error.problems, name) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Compile the policy in a `.json` file.

        Raises:
            PolicyError: also when the file is missing, no ordinary file, over 1 MiB or can't be read.
        """
        return cls.loads(read_policy_file(Path(path)), str(path))

    def _rules(self, name: str, entry: "_Tool", all_tools: tuple[Limit, ...]) -> Rules:
        if entry.action == "deny":
            rule = f"{entry.pointer}/action"
            text = f"{shown(name)}: {entry.reason or 'the policy denies it'} ({rule})"
            return Rules(Decision("deny", rule, text, None, self.digest), ())
        return Rules(None, all_tools if entry.limit is None else (entry.limit, *all_tools))

    def rules(self, name: str) -> Rules:
        """What holds for a tool, listed or not."""
        rules = self.compiled.get(name)
        if rules is not None:
            return rules
        if self.default == "allow":
            return self._unlisted
        text = f"{shown(name)}: the policy doesn't list it and denies by default; a person can add it"
        return Rules(Decision("deny", DEFAULT_DENY, text, None, self.digest), ())

    def hides(self, name: str) -> bool:
        """Whether the tool is neither listed to a client nor callable."""
        return self._hide_all or name in self._hide

    def warnings(self, names: Collection[str]) -> tuple[Problem, ...]:
        """The tools that the policy speaks of and that are not among `names`, each with the nearest name."""
        found: list[Problem] = []
        for entry in self._names:
            if entry.name in names or (entry.name == "*" and entry.pointer.startswith("/hide/")):
                continue
            near = nearest(entry.name, names)
            hint = f"; did you mean {quoted(near)}?" if near else ""
            line, column = self._places.of(entry.at) if self._places else (None, None)
            found.append(Problem(entry.pointer, f"no tool is named {quoted(entry.name)}{hint}", line, column))
        return tuple(found)


def read_policy_file(path: Path) -> bytes:
    """The bytes of a policy file, at most one more than a policy may have.

    Raises:
        PolicyError: when there is no such ordinary file, or it can't be read.
    """
    if path.suffix.lower() != ".json":
        later = "; this version doesn't read YAML yet" if path.suffix.lower() in {".yaml", ".yml"} else ""
        raise PolicyError([Problem("", f"a policy file's name ends in .json{later}")], str(path))
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            ordinary = stat.S_ISREG(os.fstat(file).st_mode)
            data = _read(file) if ordinary else b""
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file can have this name"
        name = str(path) if str(path).isprintable() else quoted(str(path))
        raise PolicyError([Problem("", f"can't read the file: {why}")], name) from None
    if not ordinary:
        raise PolicyError([Problem("", "this is a folder or device; a policy is a file")], str(path))
    return data


def _read(file: int) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        return stream.read(LARGEST + 1)


@dataclass(slots=True)
class _Tool:
    pointer: str
    action: str = "allow"
    reason: str = ""
    limit: Limit | None = None


class _Reading:
    """One pass over a document: fills its own fields, collects every problem."""

    def __init__(self, places: Places | None) -> None:
        self._places = places
        self.problems: list[Problem] = []
        self.default = "deny"
        self.description = ""
        self.hide: list[_Name] = []
        self.names: list[_Name] = []
        self.tools: dict[str, _Tool] = {}
        self.all_tools: tuple[Limit, ...] = ()

    def top(self, root: Node) -> None:
        fields = self._fields(root, "", _TOP, _TOP_LATER)
        if fields is None:
            return
        for name, hint in (("version", '"version": "1"'), ("default", '"default": "deny"')):
            if name not in fields:
                near = self._misspelt(root, name)
                self._problem(root, "", f"{quoted(name)} is missing; add {hint}{near}")
        if (node := fields.get("version")) and node.value != "1":
            self._problem(node, "/version", f'is {node.kind()}; it takes "1"')
        if node := fields.get("default"):
            self.default = self._choice(node, "/default", ("allow", "deny"), ())
        if node := fields.get("description"):
            self.description = self._text(node, "/description")
        if node := fields.get("hide"):
            self._hide(node)
        if node := fields.get("tools"):
            self._tools(node)
        if node := fields.get("all_tools"):
            inner = self._fields(node, "/all_tools", _ALL_TOOLS, _ALL_TOOLS_LATER)
            if inner and (rate := inner.get("rate_limit")):
                limit = self._rate_limit(rate, "/all_tools/rate_limit", None)
                self.all_tools = () if limit is None else (limit,)

    def _hide(self, node: Node) -> None:
        items = node.items
        if items is None:
            self._problem(node, "/hide", f"is {node.kind()}; it takes a list of tool names")
            return
        seen: set[str] = set()
        for index, item in enumerate(items):
            pointer = step("/hide", index)
            name = self._text(item, pointer)
            if not name:
                if item.value == "":
                    self._problem(item, pointer, "is empty; it takes a tool name")
            elif name in seen:
                self._problem(item, pointer, f"{quoted(name)} stands here a second time")
            else:
                seen.add(name)
                self.hide.append(_Name(name, pointer, item.at))

    def _tools(self, node: Node) -> None:
        members = node.members
        if members is None:
            self._problem(node, "/tools", f"is {node.kind()}; it takes an object with a member per tool")
            return
        for name, member in members.items():
            pointer = step("/tools", name)
            if name in {"", "*"}:
                what = "is empty" if not name else 'is "*", but names are exact; "all_tools" is for all'
                self._report(member.at, pointer, f"the tool's name {what}")
            self.names.append(_Name(name, pointer, member.at))
            self.tools[name] = self._tool(member.node, pointer, name)

    def _tool(self, node: Node, pointer: str, name: str) -> _Tool:
        entry = _Tool(pointer)
        fields = self._fields(node, pointer, _TOOL, _TOOL_LATER)
        if fields is None:
            return entry
        if action := fields.get("action"):
            entry.action = self._choice(action, f"{pointer}/action", ("allow", "deny"), ("require_approval",))
        if reason := fields.get("reason"):
            entry.reason = self._text(reason, f"{pointer}/reason")
            if action is None:
                self._problem(reason, f"{pointer}/reason", 'is never shown without "action": "deny"; add it')
        if rate := fields.get("rate_limit"):
            entry.limit = self._rate_limit(rate, f"{pointer}/rate_limit", name)
        return entry

    def _rate_limit(self, node: Node, pointer: str, tool: str | None) -> Limit | None:
        fields = self._fields(node, pointer, _RATE_LIMIT, _RATE_LIMIT_LATER)
        if fields is None:
            return None
        for name, example in (("max", '"max": 10'), ("window", '"window": 60')):
            if name not in fields:
                self._problem(node, pointer, f"{quoted(name)} is missing; add for example {example}")
        most = self._max(fields["max"], f"{pointer}/max") if "max" in fields else None
        window = self._window(fields["window"], f"{pointer}/window") if "window" in fields else None
        if scope := fields.get("scope"):
            self._choice(scope, f"{pointer}/scope", ("session",), ("grant", "host"))
        return None if most is None or window is None else Limit(pointer, tool, most, window)

    def _max(self, node: Node, pointer: str) -> int | None:
        value = node.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._problem(node, pointer, f"is {node.kind()}; it takes a whole number from 1 on")
        elif value == 0:
            self._problem(node, pointer, 'is 0, which lets nothing through; say "action": "deny" instead')
        elif value < 0:
            self._problem(node, pointer, f"is {node.kind()}; it takes a whole number from 1 on")
        else:
            return value
        return None

    def _window(self, node: Node, pointer: str) -> int | None:
        value = node.value
        if isinstance(value, str) and value in _WINDOWS:
            return _WINDOWS[value] * _SECOND
        if isinstance(value, bool) or not isinstance(value, int | float):
            near = nearest(value, _WINDOWS) if isinstance(value, str) else None
            hint = f"; did you mean {quoted(near)}?" if near else ""
            takes = 'it takes seconds, "minute", "hour" or "day"'
            self._problem(node, pointer, f"is {node.kind()}; {takes}{hint}")
        elif value <= 0:
            self._problem(node, pointer, f"is {node.kind()}; it takes more than 0 seconds")
        else:
            if isinstance(value, int) or value >= _SECOND:
                return int(value) * _SECOND
            return max(1, math.ceil(value * _SECOND))
        return None

    def _text(self, node: Node, pointer: str) -> str:
        if isinstance(node.value, str):
            return node.value
        self._problem(node, pointer, f"is {node.kind()}; it takes a string")
        return ""

    def _choice(self, node: Node, pointer: str, known: tuple[str, ...], later: tuple[str, ...]) -> str:
        value = node.value
        if isinstance(value, str) and value in known:
            return value
        takes = " or ".join(map(quoted, known))
        if isinstance(value, str) and value in later:
            self._problem(node, pointer, f"this version doesn't know {quoted(value)} yet; it takes {takes}")
        else:
            near = nearest(value, (*known, *later)) if isinstance(value, str) else None
            hint = f"; did you mean {quoted(near)}?" if near else ""
            self._problem(node, pointer, f"is {node.kind()}; it takes {takes}{hint}")
        return known[-1]

    def _fields(
        self, node: Node, pointer: str, known: tuple[str, ...], later: tuple[str, ...]
    ) -> dict[str, Node] | None:
        members = node.members
        if members is None:
            self._problem(node, pointer, f"is {node.kind()}; it takes an object")
            return None
        for key, member in members.items():
            if key in known:
                continue
            if key in later:
                message = f"this version doesn't know {quoted(key)} yet; take it out, or use a newer version"
            else:
                near = nearest(key, (*known, *later))
                hint = f"did you mean {quoted(near)}?" if near else f"it takes {', '.join(known)}"
                message = f"unknown key {quoted(key)}; {hint}"
            self._report(member.at, step(pointer, key), message)
        return {key: member.node for key, member in members.items() if key in known}

    def _misspelt(self, root: Node, name: str) -> str:
        unknown = [key for key in root.members or {} if key not in _TOP]
        near = nearest(name, unknown)
        return f" ({quoted(near)} is not it)" if near else ""

    def _problem(self, node: Node, pointer: str, message: str) -> None:
        if node.value is not WRONG:
            self._report(node.at, pointer, message)

    def _report(self, at: int, pointer: str, message: str) -> None:
        line, column = self._places.of(at) if self._places else (None, None)
        self.problems.append(Problem(pointer, message, line, column))
