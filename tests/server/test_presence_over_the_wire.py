"""A server shows that it runs from its first call on, and that it has ended."""

from pathlib import Path

from raw_client import Servers
from scene import ALLOW_ALL, write_policy

from alya_mcp.app.presence import running_servers


def test_a_server_is_seen_from_its_first_call_to_its_end(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, ALLOW_ALL)
    client = start_server()
    client.initialize()
    assert running_servers(alya_home) == {}
    assert not client.call("alya_usage")["result"].get("isError")
    assert list(running_servers(alya_home).values()) == [{}]
    client.close_stdin()
    assert client.exit_code() == 0
    assert list((alya_home / "servers").iterdir()) == []
