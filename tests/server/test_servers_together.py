"""Several servers of one user, started at the same moment in an empty home: one state, one log, one limit."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from raw_client import RawClient, environment

from alya_mcp.gate import SqliteState, verify

SERVERS, CALLS, MOST = 4, 6, 10
POLICY = {
    "version": "1",
    "default": "deny",
    "tools": {
        "alya_usage": {
            "limits": [{"counter": "calls", "window": "day", "max": MOST, "scope": "grant"}],
            "max_concurrent": {"max": 2, "scope": "host"},
        }
    },
}


def test_four_servers_that_start_at_once_share_one_limit_and_one_log(tmp_path: Path) -> None:
    home, policy = tmp_path / "home", tmp_path / "policy.json"
    policy.write_text(json.dumps(POLICY))
    env = environment(home, ALYA_POLICY=str(policy))

    def use(server: RawClient) -> list[str]:
        server.initialize()
        return [_rule(server.call("alya_usage")["result"]) for _ in range(CALLS)]

    with ExitStack() as stack:
        servers = [stack.enter_context(RawClient(env, tmp_path / f"{n}.log")) for n in range(SERVERS)]
        with ThreadPoolExecutor(SERVERS) as threads:
            rules = [rule for used in threads.map(use, servers) for rule in used]
    assert set(rules) <= {"", "/tools/alya_usage/limits/calls", "/tools/alya_usage/max_concurrent"}
    assert rules.count("") <= MOST
    state = SqliteState(home / "state.sqlite")
    try:
        report = verify(home / "audit", state)
        (used,) = state.usage("local")
    finally:
        state.close()
    assert (report.broken, report.chains, report.unsettled) == ([], SERVERS, 0)
    assert report.records == SERVERS * CALLS + rules.count("")
    assert (used.calls, used.denied) == (rules.count(""), SERVERS * CALLS - rules.count(""))


def _rule(result: dict[str, object]) -> str:
    """The rule that refused a call, empty where it passed."""
    meta = result.get("_meta") if result.get("isError") else None
    return str(meta["alya/decision"]["rule"]) if isinstance(meta, dict) else ""
