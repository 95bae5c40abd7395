"""Reads a whole policy document: its top-level keys, and an entry for everything that holds rules."""

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from alya_mcp.gate.call import CATEGORIES
from alya_mcp.gate.documents.document import Document, Problem, kind, nearest, quoted, step
from alya_mcp.gate.policy.entries import EntryReader
from alya_mcp.gate.policy.entry import PolicyEntry
from alya_mcp.gate.policy.reading import LARGEST, Fields, Reading, is_number

Default = Literal["allow", "deny"]
_DEFAULTS: Final[tuple[Default, ...]] = ("allow", "deny")
_DURATION: Final = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")


@dataclass(frozen=True, slots=True)
class Name:
    """A tool's or a category's name in the document, and where it stands."""

    name: str
    pointer: str


@dataclass(slots=True)
class Read:
    """What a document says. `prices` are in USD; `every_tool` holds Intercept's rules for `"*"`."""

    default: Default = "deny"
    description: str = ""
    shadow: bool = False
    hide: list[Name] = field(default_factory=list[Name])
    prices: dict[str, float] = field(default_factory=dict[str, float])
    listed: list[Name] = field(default_factory=list[Name])
    tools: dict[str, PolicyEntry] = field(default_factory=dict[str, PolicyEntry])
    categories: dict[str, PolicyEntry] = field(default_factory=dict[str, PolicyEntry])
    all_tools: PolicyEntry = field(default_factory=lambda: PolicyEntry("/all_tools"))
    every_tool: PolicyEntry = field(default_factory=lambda: PolicyEntry("/tools/*"))


def read(document: Document) -> tuple[Read, list[Problem]]:
    """What the document says, and everything that is wrong with it.

    Raises:
        Unreadable: when that is over 1,000 problems.
    """
    reader = _Reader(document)
    reader.top(document.value)
    return reader.read, reader.problems


class _Reader(Reading):
    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self.read = Read()

    def top(self, value: Any) -> None:
        fields = self.fields(value, "", "policy")
        if fields is None:
            return
        read = self.read
        if (schema := fields.get("$schema")) is not None:
            self.text(schema, "/$schema")
        if (version := fields.get("version")) is not None and version != "1":
            self.problem(version, "/version", f'is {kind(version)}; it takes "1"')
        if (default := fields.get("default")) is not None:
            read.default = self.choice(default, "/default", _DEFAULTS, "deny")
        if (description := fields.get("description")) is not None:
            read.description = self.text(description, "/description")
        read.shadow = self.mode(fields, "", shadow=False)
        if (hide := fields.get("hide")) is not None:
            named = self.names(hide, "/hide", "tool names")
            read.hide = [Name(name, pointer) for name, pointer in named.items()]
        for name, price, pointer in self._named(fields, "prices", "a number of US dollars per tool"):
            read.listed.append(Name(name, pointer))
            if not is_number(price) or not 0 <= price <= LARGEST:
                self.problem(price, pointer, f"is {kind(price)}; it takes US dollars, a number from 0 on")
            else:
                read.prices[name] = float(price)
        timeout = fields.get("approval_timeout")
        expires = None if timeout is None else self._duration(timeout, "/approval_timeout")
        self._entries(fields, EntryReader(self, read.shadow, expires))

    def _entries(self, fields: Fields, reader: EntryReader) -> None:
        for name, value, pointer in self._named(fields, "tools", "a member per tool"):
            if name == "*":
                self._every_tool(value, pointer, reader)
                continue
            self.read.listed.append(Name(name, pointer))
            entry, others = reader.entry(value, pointer, name, "tool")
            self.read.tools[name] = entry
            if "rules" in others or "spend" in others:
                from alya_mcp.gate.policy.intercept import read_rules

                read_rules(self, reader, entry, others, name)
        for name, value, pointer in self._named(fields, "categories", "a member per category"):
            if name not in CATEGORIES:
                near = nearest(name, CATEGORIES)
                hint = f"did you mean {quoted(near)}?" if near else f"it takes {', '.join(CATEGORIES)}"
                self.report(pointer, f"unknown category {quoted(name)}; {hint}", key=True)
            self.read.categories[name] = reader.entry(value, pointer, None, "category")[0]
        if (value := fields.get("all_tools")) is not None:
            self.read.all_tools = reader.entry(value, "/all_tools", None, "all_tools")[0]

    def _every_tool(self, value: Any, pointer: str, reader: EntryReader) -> None:
        if isinstance(value, dict) and "rules" not in value:
            message = 'names are exact; "all_tools" is for all, and "*" takes only Intercept\'s "rules"'
            self.report(pointer, message, key=True)
            return
        from alya_mcp.gate.policy.intercept import read_rules

        fields = self.fields(value, pointer, "every_tool")
        if fields is not None:
            self.read.every_tool.shadow = self.mode(fields, pointer, self.read.shadow)
            read_rules(self, reader, self.read.every_tool, fields, None)

    def _named(self, fields: Fields, key: str, takes: str) -> list[tuple[str, Any, str]]:
        """The members of an object of names: name, value and pointer of each."""
        value = fields.get(key)
        if not isinstance(value, dict):
            if value is not None:
                self.problem(value, f"/{key}", f"is {kind(value)}; it takes an object with {takes}")
            return []
        members = cast("dict[str, Any]", value)
        if "" in members:
            self.report(f"/{key}/", "the name is empty", key=True)
        return [(name, below, step(f"/{key}", name)) for name, below in members.items() if name]

    def _duration(self, value: Any, pointer: str) -> float | None:
        """Intercept's `"30m"` or `"1h30m"`, in seconds."""
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        parts = match.groups("0") if match else ()
        total = sum(int(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
        if 0 < total <= LARGEST:
            return float(total)
        message = f'is {kind(value)}; it takes a time from "1s" on, for example "30m" or "1h30m"'
        self.problem(value, pointer, message)
        return None
