"""Edits of the policy: validating, previewing the effect, and saving."""

import difflib
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from alya_mcp.app.policy import find_policy
from alya_mcp.gate import Policy, PolicyError, Problem
from alya_mcp.gate.policy import read_policy_file
from alya_mcp.runtime.private_files import private_folder, write_whole
from alya_mcp.settings import Settings

if TYPE_CHECKING:
    from alya_mcp.gate.simulation.replay import Replayed
    from alya_mcp.toolkit.tool import Tool
    from alya_mcp.tools import Catalogue

Sort = Literal["allow", "limit", "ask", "deny", "hide"]
SORTS: Final[tuple[Sort, ...]] = ("allow", "limit", "ask", "deny", "hide")
REPLAY_DAYS: Final = 7
_CONTEXT: Final = 3


class NotSaved(Exception):
    """The policy wasn't saved; its text is for the user."""


@dataclass(frozen=True, slots=True)
class PolicyText:
    """The policy file in force: where an edit of it goes, and its text; `origin` says why it is the one.

    `trouble` is why it can't be read; the text is empty then.
    """

    path: Path
    origin: str
    text: str
    trouble: str | None

    @property
    def digest(self) -> str:
        """What tells this text from another."""
        return hashlib.sha256(self.text.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class CheckedPolicy:
    """What the loader says of a text: the policy, or what is wrong; and what is likely a mistake."""

    policy: Policy | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def policy_text(settings: Settings) -> PolicyText:
    """The text of the policy in force. An edit of the packaged one becomes the user's own.

    Raises:
        StateError: it can't be determined which policy is in force.
    """
    place = find_policy(settings)
    path = settings.home / "policy.json" if place.origin == "packaged" else place.path
    try:
        return PolicyText(path, place.origin, read_policy_file(place.path).decode("utf-8-sig"), None)
    except (PolicyError, UnicodeDecodeError) as error:
        return PolicyText(path, place.origin, "", str(error))


def check_text(text: str, path: Path, catalogue: "Catalogue") -> CheckedPolicy:
    """Load `text` as the file `path`, and look for rules that can never hold."""
    try:
        policy = Policy.loads(text, path.name, catalogue)
    except PolicyError as error:
        return CheckedPolicy(None, tuple(error.problems), ())
    schemas = {tool.name: tool.schema for tool in catalogue.values()}
    errors = policy.contradictions(schemas)
    warnings = (*policy.warnings(catalogue), *policy.dodged(schemas))
    return CheckedPolicy(None if errors else policy, errors, warnings)


def difference(before: str, after: str) -> list[tuple[Literal["same", "out", "in", "skip"], str]]:
    """The lines that go and come, with a few around them."""
    found: list[tuple[Literal["same", "out", "in", "skip"], str]] = []
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=_CONTEXT, lineterm="")
    for line in list(lines)[2:]:
        if line.startswith("@@"):
            found.append(("skip", line))
        else:
            kind: Literal["same", "out", "in"] = (
                "in" if line[:1] == "+" else "out" if line[:1] == "-" else "same"
            )
            found.append((kind, line[1:]))
    return found


def replayed(settings: Settings, policy: Policy, catalogue: "Catalogue", since: float) -> "Replayed":
    """What `policy` would have said to the calls since a time (seconds since 1970).

    Raises:
        AuditError: the log can't be read.
    """
    import anyio

    from alya_mcp.gate.audit.reading import read_entries
    from alya_mcp.gate.simulation import replay as past
    from alya_mcp.gate.simulation.rehearsal import Facts

    def facts(name: str) -> Facts:
        tool = catalogue.get(name)
        if tool is None:
            return Facts(known=False)
        return Facts(
            price=tool.price,
            category=tool.category,
            validate=tool.validate,
            priced_per=tool.priced_per,
        )

    begin = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    records: Iterator[Mapping[str, Any]] = (
        entry.record for entry in read_entries(settings.audit_folder, begin) if entry.record["time"] >= begin
    )
    return anyio.run(past.replay, records, policy, facts)


def replay_start(now: float | None = None) -> float:
    """From when on past calls are judged again, in seconds since 1970."""
    return (time.time() if now is None else now) - REPLAY_DAYS * 86_400


def save_text(text: str, path: Path, before: str, catalogue: "Catalogue") -> Policy:
    """Put `text` in the place of the policy file, whole, if it can be used.

    `before` is the digest of the text that was edited.

    Raises:
        NotSaved: the text can't be used, the file has changed since, or it can't be written.
    """
    checked = check_text(text, path, catalogue)
    if checked.policy is None:
        raise NotSaved("The policy has errors, so it was not saved.")
    target = path.resolve()  # a link stays one
    try:
        there = target.read_bytes().decode("utf-8-sig")  # its line ends as they are, for the digest
    except FileNotFoundError:
        there = None
    except (OSError, UnicodeDecodeError):
        raise NotSaved("The policy file can't be read any more, so nothing was saved.") from None
    if there is not None and hashlib.sha256(there.encode()).hexdigest() != before:
        raise NotSaved("The policy file was changed by somebody else meanwhile, so nothing was saved.")
    mode = 0o600 if there is None else target.stat().st_mode & 0o777
    try:
        private_folder(target.parent)
        write_whole(target, text.encode(), mode=mode)
        os.chmod(target, mode)  # noqa: PTH101 - the umask took some of it away
    except OSError as error:
        raise NotSaved(f"The policy file can't be written: {error.strerror or error}.") from None
    return checked.policy


def sorted_policy(choices: Mapping[str, Sort], per_hour: Mapping[str, int]) -> dict[str, Any]:
    """A policy from what the user chose for each tool; `per_hour` are the calls of those that are limited."""

    def entry(name: str, sort: Sort) -> dict[str, Any]:
        match sort:
            case "allow":
                return {}
            case "limit":
                return {"rate_limit": {"max": per_hour.get(name, 30), "window": "hour", "scope": "grant"}}
            case "ask":
                return {"action": "require_approval"}
            case "deny" | "hide":
                return {"action": "deny"}

    tools = {name: entry(name, sort) for name, sort in choices.items()}
    hidden = [name for name, sort in choices.items() if sort == "hide"]
    document: dict[str, Any] = {
        "version": "1",
        "default": "deny",
        "description": "Sorted tool by tool in the dashboard; what isn't listed is denied.",
    }
    shared = {
        "budget": {"max_usd": 5, "window": "day"},
        "max_repeats": {"max": 5, "window": "minute", "scope": "grant"},
        "max_concurrent": {"max": 8, "scope": "grant"},
    }
    return {**document, **({"hide": hidden} if hidden else {}), "tools": tools, "all_tools": shared}


def sort_of(policy: Policy, tools: "Iterable[Tool]") -> dict[str, Sort]:
    """How a policy sorts each tool, as near as the five sorts come."""
    found: dict[str, Sort] = {}
    for tool in tools:
        summary = policy.summary(tool.name, tool.category)
        limited = any(not bound.every_tool and bound.kind == "rate_limit" for bound in summary.bounds)
        match summary.verdict:
            case "hidden":
                found[tool.name] = "hide"
            case "deny" | "ask":
                found[tool.name] = summary.verdict
            case "allow" | "shadow":
                found[tool.name] = "limit" if limited else "allow"
    return found
