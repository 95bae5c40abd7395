"""Checks of the policy in force and of the audit log."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from alya_mcp.app.diagnostics.check import Check, fail, ok, warn
from alya_mcp.app.diagnostics.words import gate as words
from alya_mcp.gate.paths import is_absent
from alya_mcp.settings import Settings
from alya_mcp.toolkit.listing import verdicts

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
        yield fail("policy", words.policy_undecided, reason=str(error))
        return
    for name in ("policy.yaml", "policy.yml"):
        unread = settings.home / name
        if os.path.lexists(unread) and unread != place.path:
            yield warn("policy", words.policy_not_read, file=unread)
    catalogue = load_catalogue()
    try:
        found = Policy.load(place.path, catalogue)
    except PolicyError as error:
        for problem in error.problems:
            yield fail("policy", words.policy_invalid, file=place.path, problem=problem)
        return
    tools = verdicts(found, catalogue.values())
    yield ok("policy", words.policy, file=place.path, origin=place.origin, tools=tools, digest=found.digest)
    for problem in found.warnings(catalogue):
        yield warn("policy", words.policy_unknown_tool, file=place.path, problem=problem)


def switch(settings: Settings) -> Iterator[Check]:
    """Whether every call is stopped; no check if none is."""
    from alya_mcp.app.stop import is_stopped, stopped_since

    if not is_stopped(settings):
        return
    yield warn("stop", words.stopped, since=stopped_since(settings))


def audit(settings: Settings) -> Iterator[Check]:
    """Whether the audit log is as it was written."""
    from alya_mcp.gate import AuditError, StateError

    try:
        report = verify_audit(settings)
    except StateError as error:
        yield fail("audit", words.audit_unproven, reason=str(error))
        return
    except AuditError as error:
        yield fail("audit", words.audit_unusable, reason=str(error))
        return
    if not report.whole:
        yield fail("audit", words.audit_altered, broken=len(report.broken), first=report.broken[0])
    elif report.records:
        yield ok("audit", words.audit, folder=settings.audit_folder, records=report.records)
    else:
        yield ok("audit", words.audit_empty)


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
