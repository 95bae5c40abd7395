"""What the protocol's tests set up: policies, odd servers, the official client."""

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from forking_server import forked
from mcp import Client, StdioServerParameters, stdio_client

ODD_SERVER = (sys.executable, str(Path(__file__).with_name("odd_server.py")))
ALLOW_ALL = {"version": "1", "default": "allow"}
SECRET = "wJalrXUtnFEMI-not-a-real-key-bPxRfiCY"


def write_policy(home: Path, policy: Mapping[str, Any] | str) -> Path:
    """Put `policy` where the server looks for it, as an editor does: a new file in the old one's place."""
    fresh = home / "policy.json.new"
    fresh.write_text(policy if isinstance(policy, str) else json.dumps(policy))
    return fresh.replace(home / "policy.json")


def audit_records(home: Path) -> list[dict[str, Any]]:
    """Every record of the audit log, in the order of files and lines."""
    files = sorted((home / "audit").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


@asynccontextmanager
async def official_client(
    env: Mapping[str, str], errors: Path, mode: str, *arguments: str, **options: Any
) -> AsyncIterator[Client]:
    """The SDK's own client on a server process; `mode` is "legacy", "auto" or a version of the modern era."""
    command, *words = forked("-m", "alya_mcp", *arguments)
    server = StdioServerParameters(command=command, args=words, env=dict(env))
    with errors.open("a") as errlog:
        async with Client(stdio_client(server, errlog), mode=mode, **options) as client:
            yield client
