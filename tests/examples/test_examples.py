"""The examples run as examples/README.md says."""

import json
import shutil
import sys
from pathlib import Path

import anyio
import pytest
from command_line import run_command
from mcp import Client, StdioServerParameters
from raw_client import environment

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("cases", sorted(EXAMPLES.glob("policies/*.cases.json")), ids=lambda path: path.name)
def test_an_example_policy_decides_as_its_cases_say(cases: Path, alya_home: Path, tmp_path: Path) -> None:
    policy = cases.with_name(cases.name.replace(".cases", ""))
    environ = environment(alya_home)
    checked = run_command(("policy", "check", str(policy)), environ, tmp_path)
    assert checked.code == 0, checked.err
    told = ("policy", "test", str(cases), "--policy", str(policy), "--schemas", "--output", "json")
    tested = run_command(told, environ, tmp_path)
    assert tested.code == 0, tested.out


def test_every_example_policy_has_cases() -> None:
    policies = [path for path in EXAMPLES.glob("policies/*.json") if not path.name.endswith(".cases.json")]
    assert policies
    assert all(path.with_name(f"{path.stem}.cases.json").exists() for path in policies)


@pytest.mark.anyio
async def test_the_servers_own_tools_pass_its_gate(tmp_path: Path) -> None:
    folder = tmp_path / "own_server"
    shutil.copytree(EXAMPLES / "own_server", folder, ignore=shutil.ignore_patterns("state"))
    server = StdioServerParameters(command=sys.executable, args=[str(folder / "server.py")])
    with anyio.fail_after(120):
        async with Client(server) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == {
                "write_note",
                "read_note",
                "delete_all",
            }
            written = await client.call_tool("write_note", {"name": "milk", "text": "buy some"})
            read = await client.call_tool("read_note", {"name": "milk"})
            rules = []
            for name, arguments in [
                ("write_note", {"name": "../milk", "text": "x"}),
                ("write_note", {"name": "milk"}),
                ("delete_all", {}),
                ("no_such", {}),
            ]:
                refused = await client.call_tool(name, arguments)
                assert refused.is_error
                rules.append((refused.meta or {})["alya/decision"]["rule"])
    assert not written.is_error
    assert read.content[0].model_dump()["text"] == "buy some"
    assert rules == [
        "/tools/write_note/require/args.name-regex",
        "(invalid arguments)",
        "/tools/delete_all/action",
        "(unknown tool)",
    ]
    lines = [line for path in folder.glob("state/audit/*.jsonl") for line in path.read_text().splitlines()]
    records = [json.loads(line) for line in lines]
    assert sum(record.get("tool") == "write_note" for record in records) >= 3
