"""docs/gate.md is true: its example runs, its policy loads, its table of refusals is complete."""

import inspect
import json
import re
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from alya_mcp.gate import Policy, SqliteState, verify
from alya_mcp.gate import decision as words

PAGE = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(POLICY,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.anyio
async def test_the_example_puts_the_gate_into_another_server_in_five_lines(tmp_path: Path) -> None:
    assert EXAMPLE.count("# gate\n") == 5
    (tmp_path / "sums.py").write_text(EXAMPLE)
    rules = {"add": {"rate_limit": {"max": 2, "window": 3600}}}
    (tmp_path / "policy.json").write_text(json.dumps({"version": "1", "default": "deny", "tools": rules}))
    server = StdioServerParameters(command=sys.executable, args=["sums.py"], cwd=tmp_path)
    async with Client(server) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["add"]
        results = [await client.call_tool("add", {"a": 1, "b": number}) for number in range(3)]
        other = await client.call_tool("subtract", {})
    assert [result.is_error for result in results] == [False, False, True]
    assert [result.content[0].model_dump()["text"] for result in results[:2]] == ["1", "2"]
    assert results[2].meta is not None
    assert results[2].meta["alya/decision"]["rule"] == "/tools/add/rate_limit"
    assert other.meta is not None
    assert other.meta["alya/decision"]["rule"] == "(unknown tool)"
    state = SqliteState(tmp_path / "state" / "state.sqlite")
    report = verify(tmp_path / "state" / "audit", state)
    assert (report.broken, report.records) == ([], 6)
    state.close()


def test_the_policy_of_the_page_loads() -> None:
    assert Policy.loads(POLICY).default == "deny"


def test_the_packaged_policy_loads_and_denies_by_default() -> None:
    packaged = Policy.load(Path(__file__).parents[2] / "policy.json")
    assert packaged.default == "deny"
    assert "image_gen" in packaged.compiled


def test_every_reserved_rule_is_in_the_table() -> None:
    reserved = {
        value for _, value in inspect.getmembers(words) if isinstance(value, str) and value.startswith("(")
    }
    assert len(reserved) == 8
    assert reserved == set(re.findall(r"^\| `(\(.*?\))` ", PAGE, re.MULTILINE))
