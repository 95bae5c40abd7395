"""Reads a whole policy document: its top-level keys, and an entry for everything that holds rules."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from ..document import Node, Places, Problem, step
from .entries import Entry, EntryReader
from .reading import LARGEST, Fields, Reading

Default = Literal["allow", "deny"]
_DEFAULTS: Final[tuple[Default, ...]] = ("allow", "deny")
_DURATION: Final = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")


@dataclass(frozen=True, slots=True)
class Name:
    """A tool's or a category's name in the document, and where it stands."""

    name: str
    pointer: str
    at: int


@dataclass(slots=True)
class Read:
    """What a document says. `every_tool` holds Intercept's rules for `"*"`."""

    default: Default = "deny"
    description: str = ""
    shadow: bool = False
    hide: list[Name] = field(default_factory=list[Name])
    listed: list[Name] = field(default_factory=list[Name])
    tools: dict[str, Entry] = field(default_factory=dict[str, Entry])
    categories: dict[str, Entry] = field(default_factory=dict[str, Entry])
    all_tools: Entry = field(default_factory=lambda: Entry("/all_tools"))
    every_tool: Entry = field(default_factory=lambda: Entry("/tools/*"))


def read(root: Node, places: Places | None) -> tuple[Read, list[Problem]]:
    """What the document says, and everything that is wrong with it."""
    reader = _Reader(places)
    reader.top(root)
    return reader.read, reader.problems


class _Reader(Reading):
    def __init__(self, places: Places | None) -> None:
        super().__init__(places)
        self.read = Read()

    def top(self, root: Node) -> None:
        fields = self.fields(root, "", "policy", ('"version": "1"', '"default": "deny"'))
        if fields is None:
            return
        read = self.read
        if (node := fields.get("version")) and node.value != "1":
            self.problem(node, "/version", f'is {node.kind()}; it takes "1"')
        if node := fields.get("default"):
            read.default = self.choice(node, "/default", _DEFAULTS, "deny")
        if node := fields.get("description"):
            read.description = self.text(node, "/description")
        read.shadow = self.mode(fields, "", shadow=False)
        if node := fields.get("hide"):
            named = self.names(node, "/hide", "tool names")
            read.hide = [Name(name, pointer, item.at) for name, item, pointer in named]
        node = fields.get("approval_timeout")
        expires = None if node is None else self._duration(node, "/approval_timeout")
        self._entries(fields, EntryReader(self, read.shadow, expires))

    def _entries(self, fields: Fields, reader: EntryReader) -> None:
        if node := fields.get("tools"):
            for name, at, below, pointer in self._named(node, "/tools", "a member per tool"):
                if name == "*":
                    self._every_tool(below, pointer, at, reader)
                    continue
                self.read.listed.append(Name(name, pointer, at))
                entry, others = reader.entry(below, pointer, name, "tool")
                if "rules" in others or "spend" in others:
                    from .intercept import read_rules

                    read_rules(self, reader, entry, others, name)
                self.read.tools[name] = entry
        if node := fields.get("categories"):
            for name, _, below, pointer in self._named(node, "/categories", "a member per category"):
                self.read.categories[name] = reader.entry(below, pointer, None, "category")[0]
        if node := fields.get("all_tools"):
            self.read.all_tools = reader.entry(node, "/all_tools", None, "all_tools")[0]

    def _every_tool(self, node: Node, pointer: str, at: int, reader: EntryReader) -> None:
        if node.members is not None and "rules" not in node.members:
            message = 'names are exact; "all_tools" is for all, and "*" takes only Intercept\'s "rules"'
            self.report(at, pointer, message)
            return
        from .intercept import read_rules

        fields = self.fields(node, pointer, "every_tool")
        if fields is not None:
            self.read.every_tool.shadow = self.mode(fields, pointer, self.read.shadow)
            read_rules(self, reader, self.read.every_tool, fields, None)

    def _named(self, node: Node, pointer: str, takes: str) -> list[tuple[str, int, Node, str]]:
        """The members of an object of names: name, place, value and pointer of each."""
        members = node.members
        if members is None:
            self.problem(node, pointer, f"is {node.kind()}; it takes an object with {takes}")
            return []
        found: list[tuple[str, int, Node, str]] = []
        for name, member in members.items():
            below = step(pointer, name)
            if name:
                found.append((name, member.at, member.node, below))
            else:
                self.report(member.at, below, "the name is empty")
        return found

    def _duration(self, node: Node, pointer: str) -> float | None:
        """Intercept's `"30m"` or `"1h30m"`, in seconds."""
        match = _DURATION.fullmatch(node.value) if isinstance(node.value, str) else None
        parts = match.groups("0") if match else ()
        total = sum(int(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
        if 0 < total <= LARGEST:
            return float(total)
        message = f'is {node.kind()}; it takes a time from "1s" on, for example "30m" or "1h30m"'
        self.problem(node, pointer, message)
        return None
