"""The policy document: loaded strictly, compiled once into what a call needs.

`keys` says what a document may hold, `top` and `entries` read it, `intercept` what comes from Intercept's
dialect. Both dialects and our own keys may stand side by side; every rule applies, so the strictest wins.
Whatever isn't known is an error; nothing is ever ignored.
"""

import hashlib
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from alya_mcp.gate.call import Call
from alya_mcp.gate.canonical import canonical
from alya_mcp.gate.decision import DEFAULT_DENY, Decision, shown
from alya_mcp.gate.documents.document import Document, Problem, Unreadable, read_text
from alya_mcp.gate.documents.json import read_json
from alya_mcp.gate.documents.values import read_values
from alya_mcp.gate.policy.entry import PolicyEntry
from alya_mcp.gate.policy.file import PolicyError, is_yaml, read_policy_file
from alya_mcp.gate.policy.lint import dodged, lint, unknown_tools
from alya_mcp.gate.policy.rules import Limit, Rules
from alya_mcp.gate.policy.top import read

if TYPE_CHECKING:
    from alya_mcp.gate.policy.summary import Summary

__all__ = ["Policy", "PolicyError", "read_policy_file"]

_REMEMBERED: Final = 4096


class Policy:
    """A compiled policy. Nothing in it changes; a reload makes another one.

    `digest` is the SHA-256 of the document's canonical text, in hexadecimal. `document` is the document as
    plain Python values. `compiled` holds the rules of every tool with an entry of its own; `rules` those of
    any tool. `limits` are those of the tools with entries and of all tools together; a category's have a
    counter per tool and are in `rules(tool, category)`. Their `max` is in billionths (`rules.UNIT`).
    `is_available` is False for what stands in for a policy that can't be read: it denies every call.
    """

    __slots__ = (
        "_hidden",
        "_hide_all",
        "_read",
        "_remembered",
        "_source",
        "allowed",
        "compiled",
        "default",
        "description",
        "digest",
        "document",
        "is_available",
        "limits",
    )

    def __init__(self, source: Document, tools: Collection[str] | None) -> None:
        found, problems = read(source)
        if tools is not None and found.default == "allow":
            # A refusal for a name that no tool has would be a silent pass for the one that was meant.
            problems += unknown_tools(found, source, tools)
        if problems:
            raise Unreadable(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
        self.document: Mapping[str, Any] = source.value
        self.digest: str = hashlib.sha256(canonical(self.document)).hexdigest()
        self.default: str = found.default
        self.description: str = found.description
        self.allowed = Decision("allow", "", "", None, self.digest)
        self._read = found
        self._source = source
        self._hidden = frozenset(each.name for each in found.hide)
        self._hide_all = "*" in self._hidden
        self.compiled: Mapping[str, Rules] = {
            name: self._compile(name, entry) for name, entry in found.tools.items()
        }
        every = (found.all_tools, found.every_tool)
        self.limits: tuple[Limit, ...] = tuple(
            limit for entry in (*found.tools.values(), *every) for limit in entry.limits
        )
        self._remembered: dict[tuple[str, str | None], Rules] = {}
        self.is_available = True

    @classmethod
    def unavailable(cls, hide: Collection[str] = ()) -> Self:
        """What is in force while no policy can be read: every call is denied, rule `(no policy)`."""
        policy = cls.parse({"version": "1", "default": "deny", "hide": sorted(hide)})
        policy.is_available = False
        return policy

    def withdrawn(self) -> "Policy":
        """What is in force while this policy's file can't be read. What it hides stays hidden."""
        return Policy.unavailable(self._hidden) if self.is_available else self

    @classmethod
    def parse(cls, document: Mapping[str, Any], tools: Collection[str] | None = None) -> Self:
        """Compile a policy from Python values; `tools` as in `loads`.

        Raises:
            PolicyError: listing everything that is wrong, each with its JSON Pointer.
        """
        try:
            return cls(read_values(document), tools)
        except Unreadable as error:
            raise PolicyError(error.problems) from None

    @classmethod
    def loads(cls, data: bytes | str, name: str = "policy", tools: Collection[str] | None = None) -> Self:
        """Compile a policy from strict JSON, or from YAML where `name` ends in `.yaml` or `.yml`.

        `name` stands before every error. `tools` are the names of all tools, where they are known: under
        `"default": "allow"` a rule for another name is an error then. Elsewhere `warnings` lists it.

        Raises:
            PolicyError: listing everything that is wrong, each with line, column and JSON Pointer.
        """
        try:
            text = read_text(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
            if is_yaml(name):
                from alya_mcp.gate.documents.yaml import read_yaml

                return cls(read_yaml(text), tools)
            return cls(read_json(text), tools)
        except Unreadable as error:
            raise PolicyError(error.problems, name) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str], tools: Collection[str] | None = None) -> Self:
        """Compile the policy in a `.json`, `.yaml` or `.yml` file; `tools` as in `loads`.

        Raises:
            PolicyError: also when the file is missing, no ordinary file, over 1 MiB or can't be read.
        """
        return cls.loads(read_policy_file(Path(path)), str(path), tools)

    def rules(self, tool: str, category: str | None = None) -> Rules:
        """What a tool obeys: its own entry, else its category's, else the default; then what is for all."""
        rules = self.compiled.get(tool)
        if rules is not None:
            return rules
        key = (tool, category)
        rules = self._remembered.get(key)
        if rules is None:
            entry = None if category is None else self._read.categories.get(category)
            rules = self._compile(tool, None if entry is None else entry.of(tool))
            if len(self._remembered) < _REMEMBERED:
                self._remembered[key] = rules
        return rules

    def price(self, tool: str, price: float) -> float:
        """What a success of `tool` is metered at, in USD: what the policy says, else `price`."""
        return self._read.prices.get(tool, price)

    def priced(self, call: Call) -> Call:
        """`call` at the price that the policy sets for its tool."""
        price = self.price(call.tool, call.price)
        return call if price == call.price else replace(call, price=price)

    def summary(self, tool: str, category: str | None = None) -> "Summary":
        """What the policy says of a tool, whatever the arguments."""
        from alya_mcp.gate.policy.summary import summarise

        return summarise(self, tool, category)

    def hides(self, name: str) -> bool:
        """Whether the tool is neither listed to a client nor callable."""
        return self._hide_all or name in self._hidden

    def warnings(self, names: Collection[str]) -> tuple[Problem, ...]:
        """What loads and is likely a mistake.

        Tools that the policy speaks of and that are not among `names`, each with the nearest name; and
        required regular expressions that any part of a text meets.
        """
        return tuple(lint(self._read, self._source, names))

    def dodged(self, schemas: Mapping[str, Mapping[str, Any]]) -> tuple[Problem, ...]:
        """The conditions of refusals that a call gets past by leaving an argument out, given the tools' input
        schemas (JSON Schema), by name."""
        return tuple(dodged(self._read, self._source, schemas))

    def contradictions(self, schemas: Mapping[str, Mapping[str, Any]]) -> tuple[Problem, ...]:
        """The conditions of the tools' own entries that can never hold, or amounts that can't be counted,
        given the tools' input schemas (JSON Schema), by name."""
        from alya_mcp.gate.policy.contradictions import contradictions

        return tuple(contradictions(self._read.tools.values(), self._source, schemas))

    def _compile(self, tool: str, entry: PolicyEntry | None) -> Rules:
        denial = self._denial(tool, entry)
        rules = (entry or PolicyEntry("")).rules(self._read.all_tools, self._read.every_tool)
        if denial is None:
            return rules
        if denial.mode == "shadow":
            return replace(rules, shadow_denials=(denial,))
        return replace(rules, denial=denial)

    def _denial(self, tool: str, entry: PolicyEntry | None) -> Decision | None:
        """What the policy answers whatever the arguments, if it denies."""
        if entry is None:
            if self.default == "allow":
                return None
            rule, shadow = DEFAULT_DENY, self._read.shadow
            text = f"{shown(tool)}: the policy doesn't list it and denies by default; a person can add it"
        elif entry.action == "deny":
            rule, shadow = f"{entry.pointer}/action", entry.shadow
            text = f"{shown(tool)}: {entry.reason or 'the policy denies it'} ({rule})"
        else:
            return None
        return Decision("deny", rule, text, None, self.digest, "shadow" if shadow else "enforce")
