"""The official conformance suite, in both revisions, against our dispatcher, gate and audit log."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from raw_client import PATIENCE

FOLDER = Path(__file__).parents[2] / "scripts" / "conformance"
ABSENT = re.compile(
    r"(prompts-|resources-|completion-|logging-|tools-call-with-logging|tools-call-sampling|caching$"
    r"|sep-2164-resource-not-found$|input-required-result-non-tool-request$)"
)


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
def test_only_what_the_server_does_not_have_may_fail(revision: str) -> None:
    lines = (FOLDER / f"expected-{revision}.yml").read_text().splitlines()
    assert lines[0] == "server:"
    for line in lines[1:]:
        found = re.fullmatch(r"  - ([a-z0-9-]+) # why: .{10,}", line)
        assert found, line
        assert ABSENT.match(found.group(1)), line


def test_the_official_suite_passes_with_nothing_unexpected_and_nothing_stale() -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "run.py"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode == 2:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert done.stdout.count("✓ tools-call-simple-text") == 2
    # Not scored by the suite. A task here never asks for input, and the SDK's HTTP server, which only this
    # test uses, doesn't compare Mcp-Name with a task's id.
    failed = re.findall(r"✗ (tasks-[a-z-]+)", done.stdout)
    assert failed == ["tasks-mrtr-input", "tasks-request-headers"]
    assert done.stdout.count("✓ tasks-") >= 7


def test_the_fixtures_pass_the_gate_and_leave_their_record(tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(
        '{"version": "1", "default": "allow", "tools": {"test_simple_text": {"action": "deny"}}}'
    )
    env = os.environ | {"ALYA_HOME": str(tmp_path / "home"), "ALYA_POLICY": str(policy)}
    message = {
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": "test_simple_text", "arguments": {},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }  # fmt: skip
    headers = {
        "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "test_simple_text",
    }  # fmt: skip
    command = [sys.executable, str(FOLDER / "serve.py"), "--port", "0"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().strip()
            asked = urllib.request.Request(url, json.dumps(message).encode(), headers)
            with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                body = answer.read().decode()
        finally:
            server.terminate()
            server.wait(PATIENCE)
    assert "/tools/test_simple_text/action" in body
    (log,) = (tmp_path / "home" / "audit").glob("*.jsonl")
    assert '"rule":"/tools/test_simple_text/action"' in log.read_text()
