"""The audit log for other programs: as it stands, as a table, or as OCSF events.

OCSF is the Open Cybersecurity Schema Framework (https://schema.ocsf.io); a call is an event of its class API
Activity in version 1.5.0, with the profile `security_control`.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from alya_mcp.gate.audit.reading import AuditFilter, Made, read_calls, read_entries
from alya_mcp.gate.formulas import begins_as_formula

Form = Literal["jsonl", "csv", "ocsf"]

OCSF_VERSION: Final = "1.5.0"
COLUMNS: Final = (
    *("time", "session", "grant", "request", "tool", "decision", "rule", "message", "mode", "shadow"),
    *("outcome", "ms", "usd", "keys", "arguments", "schema", "policy", "chain", "seq"),
)
_SEVERITY: Final = {1: "Informational", 2: "Low", 3: "Medium"}
_STATUS: Final = {0: "Unknown", 1: "Success", 2: "Failure"}
_ACTION: Final = {1: "Allowed", 2: "Denied"}
_DISPOSITION: Final = {"allow": (1, "Allowed"), "deny": (2, "Blocked"), "ask": (99, "Approval needed")}


def exported(folder: str | os.PathLike[str], form: Form, wanted: AuditFilter) -> Iterator[str]:
    """The log in `folder`, a line at a time with its end of line, of what is `wanted`.

    `jsonl` has every record as it stands, in order of time. `csv` (with a heading) and `ocsf` have every call
    once, with what was decided and what came of it, in the order in which calls ended.

    Raises:
        AuditError: when the folder or a file can't be read.
    """
    if form == "jsonl":
        yield from _records(folder, wanted)
    elif form == "csv":
        yield from _table(read_calls(folder, wanted))
    else:
        for call in read_calls(folder, wanted):
            yield json.dumps(ocsf(call), separators=(",", ":")) + "\n"


def ocsf(call: Made) -> dict[str, Any]:
    """A call as an event of the OCSF class API Activity (6003); what OCSF has no place for is `unmapped`."""
    decided, settled = call.decided, call.settled
    decision = decided["decision"]
    outcome = None if settled is None else settled["outcome"]
    begun = _milliseconds(decided["time"])
    status = 2 if decision != "allow" else 0 if outcome is None else 1 if outcome == "ok" else 2
    calm = decision == "allow" and outcome in (None, "ok", "cancelled")
    severity = 3 if decision == "deny" else 1 if calm else 2
    action = 1 if decision == "allow" else 2
    disposition, disposed = _DISPOSITION.get(decision, (0, "Unknown"))
    policy = decided["policy"]
    event: dict[str, Any] = {
        "activity_id": 99,
        "activity_name": "Call",
        "category_uid": 6,
        "category_name": "Application Activity",
        "class_uid": 6003,
        "class_name": "API Activity",
        "type_uid": 600399,
        "type_name": "API Activity: Other",
        "time": begun,
        "severity_id": severity,
        "severity": _SEVERITY[severity],
        "status_id": status,
        "status": _STATUS[status],
        "status_code": outcome or decision,
        "action_id": action,
        "action": _ACTION[action],
        "disposition_id": disposition,
        "disposition": disposed,
        "message": decided["message"] or f"{decided['tool']}: {outcome or decision}",
        "actor": {"session": {"uid": decided["session"]}},
        "api": {"operation": decided["tool"], "service": {"name": "alya-mcp"}},
        "src_endpoint": {"name": "MCP client"},
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": "alya-mcp", "vendor_name": "alya-mcp"},
            "profiles": ["security_control"],
            "uid": decided["hash"],
            "correlation_uid": call.chain,
            "sequence": decided["seq"],
            "log_name": "audit",
            "original_time": decided["time"],
        },
        "unmapped": {
            name: value
            for name in ("rule", "keys", "arguments", "schema", "mode", "shadow", "answer")
            if (value := decided.get(name))
        },
    }
    if decided.get("grant") is not None:
        event["actor"]["user"] = {"name": decided["grant"]}
    if decided.get("request") is not None:
        event["api"]["request"] = {"uid": str(decided["request"])}
    if policy:
        event["policy"] = {"uid": policy}
    if decided["rule"]:
        event["firewall_rule"] = {"uid": decided["rule"]}
    if settled is not None:
        spent = settled["ms"]
        event |= {"start_time": begun, "end_time": begun + round(spent), "duration": round(spent)}
        event["unmapped"] |= {"ms": spent, "usd": settled["usd"], "settled": settled["seq"]}
    return event


def _records(folder: str | os.PathLike[str], wanted: AuditFilter) -> Iterator[str]:
    for record, line, _ in read_entries(folder, wanted.since):
        if wanted.takes(record):
            yield line.decode("utf-8", "replace")
        elif wanted.until is not None and record["time"] >= wanted.until:
            return


def _table(calls: Iterator[Made]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)  # its own end of line, so that it quotes both of its characters in a cell
    writer.writerow(COLUMNS)
    for call in calls:
        yield _taken(line)
        row = {**(call.settled or {}), **call.decided, "chain": call.chain}
        writer.writerow([_cell(name, row) for name in COLUMNS])
    yield _taken(line)


def _taken(line: io.StringIO) -> str:
    text = line.getvalue().removesuffix("\r\n")
    line.seek(0)
    line.truncate()
    return f"{text}\n"


def _cell(name: str, row: Mapping[str, Any]) -> object:
    """A cell that a spreadsheet reads as what it is, never as a formula.

    Text that begins as a formula does gets an apostrophe in front.
    """
    value = row.get(name)
    if name == "keys":
        value = " ".join(map(str, value or ()))
    elif name == "shadow":
        value = " ".join(f"{each.get('decision')} {each.get('rule')}" for each in value or ())
    if isinstance(value, str) and begins_as_formula(value):
        return f"'{value}"
    return value


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
