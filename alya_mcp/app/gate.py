"""The gate of this installation: its policy, its state and its audit log."""

from collections.abc import Collection

from alya_mcp.app.policy import open_policy
from alya_mcp.gate import Audit, FileSwitch, Gate, SqliteState
from alya_mcp.settings import Settings


def open_gate(settings: Settings, tools: Collection[str] | None = None) -> Gate:
    """The gate with the policy, state and audit log that `settings` lead to; nothing is written yet.

    `tools` are the names that the policy may have rules for; the catalogue's when left out.
    """
    state = SqliteState(settings.state_file)
    audit = Audit(settings.audit_folder, state, keep_days=settings.audit_keep_days)
    switch = FileSwitch(settings.stop_file)
    return Gate(open_policy(settings, tools), state=state, audit=audit, switch=switch)
