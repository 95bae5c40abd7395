"""The gate's two files: the policy that is in force, and the audit log."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.gate.paths import is_absent
from alya_mcp.runtime.paths import tilde
from alya_mcp.settings import Settings
from alya_mcp.text.plurals import counted
from alya_mcp.toolkit.listing import in_words, verdicts

if TYPE_CHECKING:
    from alya_mcp.gate import Report


def policy(settings: Settings) -> Iterator[Check]:
    """Which policy a server would obey, what is wrong with it, rules for tools that don't exist, and a file
    beside it that looks like a policy and that nothing reads."""
    from alya_mcp.app.policy import find_policy
    from alya_mcp.gate import Policy, PolicyError, StateError
    from alya_mcp.tools import load_catalogue

    try:
        place = find_policy(settings)
    except StateError as error:
        yield fail("policy", f"the grants can't be read: {error}", "Calls are denied until they can be.")
        return
    for name in ("policy.yaml", "policy.yml"):
        unread = settings.home / name
        if os.path.lexists(unread) and unread != place.path:
            remedy = "Servers look there for policy.json alone; name this one by ALYA_POLICY."
            yield warn("policy", f"{tilde(unread)} is read by nothing", remedy)
    shown = tilde(place.path)
    catalogue = load_catalogue()
    try:
        found = Policy.load(place.path, catalogue)
    except PolicyError as error:
        for problem in error.problems:
            yield fail("policy", f"{shown}: {problem}", f"Mend it: alya-mcp policy check {shown}")
        return
    tools = in_words(verdicts(found, catalogue.values()))
    yield ok("policy", f"{shown} ({place.origin}), tools: {tools}, digest {found.digest[:12]}")
    for warning in found.warnings(catalogue):
        yield warn("policy", f"{shown}: {warning}", "Correct the name, or remove the rule.")


def switch(settings: Settings) -> Iterator[Check]:
    """Whether every call is stopped; nothing is said where none is."""
    from alya_mcp.app.stop import is_stopped, stopped_since

    if not is_stopped(settings):
        return
    since = stopped_since(settings)
    when = "" if since is None else f" since {since:%Y-%m-%d %H:%M:%S} UTC"
    yield warn("stop", f"every call is denied{when}", "Let calls run again: alya-mcp resume")


def audit(settings: Settings) -> Iterator[Check]:
    """Whether the audit log is as it was written."""
    from alya_mcp.gate import AuditError, StateError

    try:
        report = verify_audit(settings)
    except StateError as error:
        yield fail("audit", f"can't be checked: {error}", "Mend the state first.")
        return
    except AuditError as error:
        remedy = "Put it back as it was, from a copy if need be; calls are denied until it can be used again."
        yield fail("audit", str(error), remedy)
        return
    if not report.whole:
        first = report.broken[0]
        places = counted(len(report.broken), "place")
        detail = f"not as it was written in {places}, first {first.file}: {first.detail}"
        yield fail("audit", detail, "Keep a copy of the folder; `alya-mcp audit verify` lists all places.")
    elif report.records:
        yield ok("audit", f"whole, {counted(report.records, 'record')} in {tilde(settings.audit_folder)}")
    else:
        yield ok("audit", "nothing is recorded yet")


def verify_audit(settings: Settings) -> "Report":
    """Check the whole log against the state; creates neither. Without the state nothing vouches for the log.

    Raises:
        AuditError, StateError: when one of them can't be read.
    """
    from alya_mcp.gate import MemoryState, SqliteState, verify

    file = settings.state_file
    state = MemoryState() if is_absent(file) else SqliteState(file)
    try:
        return verify(settings.audit_folder, state)
    finally:
        state.close()
