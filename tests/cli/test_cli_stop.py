"""`alya-mcp stop` and `resume`, and what a call says in between."""

from pathlib import Path

from command_line import Run
from raw_client import Servers
from scene import ALLOW_ALL, write_policy

from alya_mcp.app.diagnostics.gate import switch
from alya_mcp.settings import Settings


def test_stop_denies_the_next_call_of_running_and_new_servers_until_resume(
    run: Run, start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, ALLOW_ALL)
    client = start_server()
    client.initialize()
    assert not client.call("alya_usage")["result"].get("isError")
    stopped = run("stop", "--output", "json").json
    assert stopped["stopped"] is True
    refused = client.call("alya_usage")["result"]["_meta"]["alya/decision"]
    assert (refused["decision"], refused["rule"]) == ("deny", "(stopped)")
    assert run("stop", "--output", "json").json == stopped  # since the first one
    denied = run("call", "alya_usage")
    assert denied.code == 3
    assert "alya-mcp resume" in denied.err
    assert run("policy", "explain", "alya_usage", "--live").code == 3
    assert run("policy", "explain", "alya_usage").code == 0
    (check,) = switch(Settings(home=alya_home))
    assert (check.state, check.id) == ("warn", "stopped")
    assert check.as_json()["fields"]["since"] == stopped["since"]
    assert run("resume", "--output", "json").json == {"stopped": False, "changed": True}
    assert run("resume", "--output", "json").json == {"stopped": False, "changed": False}
    assert not client.call("alya_usage")["result"].get("isError")
    client.close_stdin()
    assert client.exit_code() == 0


def test_what_cannot_be_stopped_is_said(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = run("stop", ALYA_HOME=str(file / "home"))
    assert (ended.code, ended.out) == (2, "")
    assert "NOT stopped" in ended.err
