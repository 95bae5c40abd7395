"""What clients are told of the tools passes a linter that isn't ours: tdqs, Tool Definition Quality Score."""

import subprocess
import sys
from pathlib import Path

import mcp_types as types

from alya_mcp.server.results import describe
from alya_mcp.tools import load_catalogue

MOST_PER_TOOL = 60_000 / 32
"""Bytes of `tools/list`: hosts put it into every request to their model."""


def test_the_list_of_tools_stays_small() -> None:
    listed = types.ListToolsResult(tools=[describe(tool) for tool in load_catalogue().values()])
    size = len(listed.model_dump_json(by_alias=True, exclude_none=True).encode())
    assert size <= MOST_PER_TOOL * len(listed.tools)


def test_the_linter_of_tool_descriptions_finds_nothing(tmp_path: Path) -> None:
    listed = types.ListToolsResult(tools=[describe(tool) for tool in load_catalogue().values()])
    listing = tmp_path / "tools.json"
    listing.write_text(listed.model_dump_json(by_alias=True, exclude_none=True))
    lint = [Path(sys.executable).with_name("tdqs"), "lint", "--file", listing, "--fail-on", "warning"]
    found = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 errors, 0 warnings, 0 notes" in found.stdout
