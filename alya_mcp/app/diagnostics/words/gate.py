"""Policy, audit log, the switch that stops calls and notices of questions, in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alya_mcp.app.diagnostics.check import Words
from alya_mcp.runtime.paths import tilde
from alya_mcp.text.plurals import counted
from alya_mcp.toolkit.listing import in_words

if TYPE_CHECKING:
    from alya_mcp.app.policy import Origin
    from alya_mcp.gate import Problem
    from alya_mcp.gate.audit.verification import Broken
    from alya_mcp.gate.policy.summary import ToolVerdict
    from alya_mcp.settings.notifiers import NotifyName


def stopped(since: datetime | None) -> Words:
    """Every call is denied, since a moment (UTC) that may not be known."""
    when = "" if since is None else f" since {since:%Y-%m-%d %H:%M:%S} UTC"
    return Words(f"every call is denied{when}", "Let calls run again: alya-mcp resume")


def policy(file: Path, origin: "Origin", tools: Mapping["ToolVerdict", int], digest: str) -> Words:
    """The policy that a server would obey, and what it says of how many tools."""
    return Words(f"{tilde(file)} ({origin}), tools: {in_words(tools)}, digest {digest[:12]}")


def policy_undecided(reason: str) -> Words:
    """The grants can't be read, so it isn't known which policy counts."""
    return Words(f"the grants can't be read: {reason}", "Calls are denied until they can be.")


def policy_not_read(file: Path) -> Words:
    """A file that looks like a policy, where nothing reads it."""
    remedy = "Servers look there for policy.json alone; name this one by ALYA_POLICY."
    return Words(f"{tilde(file)} is read by nothing", remedy)


def policy_invalid(file: Path, problem: "Problem") -> Words:
    """One thing that is wrong with the policy."""
    return Words(f"{tilde(file)}: {problem}", f"Fix it: alya-mcp policy check {tilde(file)}")


def policy_unknown_tool(file: Path, problem: "Problem") -> Words:
    """A rule for a tool that doesn't exist."""
    return Words(f"{tilde(file)}: {problem}", "Correct the name, or remove the rule.")


def audit(folder: Path, records: int) -> Words:
    """The log is as it was written."""
    return Words(f"whole, {counted(records, 'record')} in {tilde(folder)}")


def audit_empty() -> Words:
    """There is no log yet."""
    return Words("nothing is recorded yet")


def audit_unproven(reason: str) -> Words:
    """The state can't be read, against which the log is checked."""
    return Words(f"can't be checked: {reason}", "Repair the state first.")


def audit_unusable(reason: str) -> Words:
    """The log can't be read."""
    remedy = "Put it back as it was, from a copy if need be; calls are denied until it can be used again."
    return Words(reason, remedy)


def audit_altered(broken: int, first: "Broken") -> Words:
    """The log isn't as it was written, in so many places."""
    return Words(
        f"not as it was written in {counted(broken, 'place')}, first {first.file}: {first.detail}",
        "Keep a copy of the folder; `alya-mcp audit verify` lists all places.",
    )


def notify(ways: Sequence["NotifyName"], arguments: bool) -> Words:
    """The ways by which questions that wait are sent, and whether with the arguments."""
    withheld = "" if arguments else ", without arguments"
    return Words(f"questions that wait are sent by {', '.join(ways)}{withheld}")


def notify_program_missing(program: str, package: str) -> Words:
    """The program that shows notifications isn't there; `package` has it on Debian."""
    return Words(f"{program} isn't installed", f"Debian and Ubuntu: apt-get install {package}")
