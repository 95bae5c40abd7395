"""Calls that become tasks (SEP-2663): one call to the gate and the log, however often its client asks."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from raw_client import LEGACY, RawClient, Servers, envelope, environment, eventually, expect_nothing_running
from scene import ODD_SERVER, SECRET, audit_records, write_policy
from test_grants import make

from alya_mcp.settings import Settings
from alya_mcp.toolkit.caller import open_grants

TASKS = "io.modelcontextprotocol/tasks"
DECLARED = {**envelope(), "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}}}
POLICY: dict[str, Any] = {
    "version": "1",
    "default": "allow",
    "tools": {
        "linger": {"budget": {"max_usd": 1000, "window": "hour"}, "rate_limit": {"max": 500, "window": 60}}
    },
    "prices": {"linger": 1},
}
INVALID, MISSING, NO_METHOD = -32602, -32021, -32601


@dataclass
class Scene:
    """A server of the odd tools, and a client that takes tasks."""

    client: RawClient
    home: Path
    _marks: Iterator[int] = field(default_factory=itertools.count)

    def begin(self, mark: str | None = None) -> tuple[dict[str, Any], str]:
        """The task of a new call, and the name of the file that ends it."""
        mark = f"mark{next(self._marks)}" if mark is None else mark
        return self.client.call("linger", {"text": mark}, _meta=DECLARED)["result"], mark

    def end(self, mark: str, said: str = "done") -> None:
        fresh = self.home / f"{mark}.new"
        fresh.write_text(said)
        fresh.rename(self.home / mark)

    def ask(self, method: str, task: str, meta: dict[str, Any] = DECLARED, **params: Any) -> dict[str, Any]:
        return self.client.request(method, {"taskId": task, "_meta": meta, **params})

    def get(self, task: dict[str, Any]) -> dict[str, Any]:
        return self.ask("tasks/get", task["taskId"])["result"]

    def final(self, task: dict[str, Any]) -> dict[str, Any]:
        """The task when it is over."""
        return eventually(lambda: (told := self.get(task))["status"] != "working" and told, "the task's end")

    def records(self, request: int) -> list[tuple[str | None, str | None, float | None]]:
        """What the log has of a call."""
        return [
            (each.get("decision"), each.get("outcome"), each.get("usd"))
            for each in audit_records(self.home)
            if each["request"] == request
        ]


def running(folder: Path, **more: str) -> Iterator[Scene]:
    home = folder / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    write_policy(home, POLICY)
    variables = environment(home, AWS_SECRET_ACCESS_KEY=SECRET, **more)
    with RawClient(variables, folder / "stderr", ODD_SERVER) as client:
        yield Scene(client, home)
    expect_nothing_running(home)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from running(tmp_path_factory.mktemp("tasks"))


def last_request(scene: Scene) -> int:
    """The id of the newest `tools/call`."""
    return max(each["request"] for each in audit_records(scene.home))


def test_a_call_that_takes_longer_becomes_a_task_and_is_one_call_to_the_log(scene: Scene) -> None:
    task, mark = scene.begin()
    request = last_request(scene)
    assert {key: task[key] for key in ("resultType", "status", "ttlMs")} == {
        "resultType": "task",
        "status": "working",
        "ttlMs": None,
    }
    assert len(task["taskId"]) >= 32
    assert isinstance(task["pollIntervalMs"], int)
    assert not {"result", "error", "content"} & task.keys()
    working = scene.get(task)
    assert (working["resultType"], working["status"]) == ("complete", "working")
    assert working["statusMessage"] == "deferred True, [secret]"
    assert scene.records(request) == [("allow", None, None)]

    scene.end(mark, f"it is {SECRET}")
    done = scene.final(task)
    assert (done["resultType"], done["status"]) == ("complete", "completed")
    assert done["result"]["structuredContent"] == {"text": "it is [secret]"}
    assert done["result"]["resultType"] == "complete"
    assert done["ttlMs"] > 600_000
    assert scene.final(task) == done
    assert scene.ask("tasks/cancel", task["taskId"])["result"]["resultType"] == "complete"
    assert scene.get(task) == done
    assert scene.records(request) == [("allow", None, None), (None, "ok", 1.0)]
    assert not any(message.get("method") == "notifications/progress" for message in scene.client.messages)


@pytest.mark.parametrize("how", ["fail", "crash"])
def test_a_tools_error_is_the_tasks_result_and_charges_nothing(scene: Scene, how: str) -> None:
    task, mark = scene.begin()
    request = last_request(scene)
    scene.end(mark, how)
    done = scene.final(task)
    assert (done["status"], done["result"]["isError"]) == ("completed", True)
    assert "/private/place" not in json.dumps(done)
    outcome = "error" if how == "fail" else "crash"
    assert scene.records(request) == [("allow", None, None), (None, outcome, 0.0)]


def test_a_cancelled_task_is_cancelled_work(scene: Scene) -> None:
    task, mark = scene.begin()
    request = last_request(scene)
    note = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request}}
    scene.client.send_message(note)  # for requests that wait, not for tasks
    assert scene.get(task)["status"] == "working"
    cancelled = scene.ask("tasks/cancel", task["taskId"])["result"]
    assert cancelled.keys() == {"resultType", "_meta"}
    done = scene.final(task)
    assert done["status"] == "cancelled"
    assert not {"result", "error"} & done.keys()
    assert (scene.home / f"{mark}.over").exists()
    assert scene.records(request) == [("allow", None, None), (None, "cancelled", 0.0)]


def test_a_client_that_does_not_declare_tasks_is_answered_as_ever(scene: Scene) -> None:
    request = scene.client.post(
        "tools/call", {"name": "linger", "arguments": {"text": "plain"}, "_meta": envelope()}
    )
    scene.end("plain")
    assert scene.client.answer(request)["result"]["structuredContent"] == {"text": "done"}
    at_once = scene.client.call("echo", {"text": "quick"}, _meta=DECLARED)["result"]
    assert (at_once["resultType"], at_once["structuredContent"]) == ("complete", {"text": "quick"})
    refused = scene.client.call("nothing_like_it", {}, _meta=DECLARED)["error"]
    assert refused["code"] == INVALID
    cancelled, mark = (
        scene.client.post("tools/call", {"name": "wait", "arguments": {"text": "quit"}, "_meta": DECLARED}),
        scene.home / "quit",
    )
    eventually(mark.with_suffix(".started").exists, "the call")
    scene.client.send_message(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": cancelled}}
    )
    eventually(mark.with_suffix(".stopped").exists, "the cancellation")


def test_methods_for_tasks_want_the_extension_and_a_task_that_exists(scene: Scene) -> None:
    task, mark = scene.begin()
    update: dict[str, Any] = {"inputResponses": {"unasked": {"action": "accept"}}}
    for method, more in (("tasks/get", {}), ("tasks/update", update), ("tasks/cancel", {})):
        missing = scene.ask(method, task["taskId"], envelope(), **more)["error"]
        assert missing["code"] == MISSING
        assert missing["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}
        assert scene.ask(method, "no-such-task", **more)["error"]["code"] == INVALID
    for removed in ("tasks/list", "tasks/result"):
        assert scene.ask(removed, task["taskId"])["error"]["code"] == NO_METHOD
    assert scene.ask("tasks/update", task["taskId"], **update)["result"].keys() == {"resultType", "_meta"}
    assert scene.get(task)["status"] == "working"
    scene.end(mark)
    assert scene.final(task)["result"]["structuredContent"] == {"text": "done"}


def test_the_extension_is_told_to_clients_of_the_modern_era_alone(
    scene: Scene, start_server: Servers
) -> None:
    found = scene.client.request("server/discover", {"_meta": DECLARED})["result"]
    assert found["capabilities"]["extensions"][TASKS] == {}
    legacy = start_server(command=ODD_SERVER)
    capabilities = legacy.initialize(LEGACY, {"extensions": {TASKS: {}}})["capabilities"]
    assert TASKS not in capabilities.get("extensions", {})
    assert legacy.request("tasks/get", {"taskId": "x"})["error"]["code"] == NO_METHOD


DENIED = {**POLICY, "tools": {"linger": {"action": "deny", "reason": "enough"}}}
CONDITION = [{"conditions": [{"path": "args.text", "op": "neq", "value": "none of them"}]}]


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (DENIED, "/tools/linger/action"),
        ({**POLICY, "tools": {"linger": {"deny_if": CONDITION}}}, "/tools/linger/deny_if/args.text-neq"),
        ({**POLICY, "hide": ["linger"]}, "(hidden)"),
        (None, "(stopped)"),
    ],
    ids=["denied", "refused", "hidden", "stopped"],
)
def test_what_may_not_be_called_any_more_is_not_delivered(
    scene: Scene, policy: dict[str, Any] | None, rule: str
) -> None:
    task, mark = scene.begin()
    request = last_request(scene)
    scene.end(mark)
    eventually(lambda: (None, "ok", 1.0) in scene.records(request), "the outcome")
    stop = Settings(home=scene.home).stop_file
    if policy is None:
        stop.touch()
    else:
        write_policy(scene.home, policy)
        eventually(lambda: _bars(scene), "the policy")
    try:
        withheld = scene.final(task)
    finally:
        stop.unlink(missing_ok=True)
        write_policy(scene.home, POLICY)
    assert (withheld["status"], withheld["result"]["isError"]) == ("completed", True)
    assert withheld["result"]["_meta"]["alya/decision"]["rule"] == rule
    eventually(lambda: not _bars(scene), "the first policy")
    assert scene.final(task) == withheld
    assert scene.records(request) == [("allow", None, None), (None, "ok", 1.0), ("deny", None, None)]


def _bars(scene: Scene) -> bool:
    """Whether a call of the tool is refused now."""
    (scene.home / "barred").write_text("it runs")
    answer = scene.client.call("linger", {"text": "barred"}, _meta=DECLARED)
    return "error" in answer or answer["result"].get("isError", False)


def test_the_task_of_a_caller_whose_grant_is_revoked_is_unknown_and_ends_with_its_server(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    token = make(home, "ci")
    for scene in running(tmp_path, ALYA_GRANT=token):
        task, _ = scene.begin("left")
        request = last_request(scene)
        assert scene.get(task)["status"] == "working"
        with open_grants(Settings(home=home)) as grants:
            grants.revoke("ci")
        unknown = scene.ask("tasks/get", task["taskId"])["error"]
        assert unknown["code"] == INVALID
        other = scene.ask("tasks/get", "x" * 32)["error"]
        assert unknown["message"].replace(task["taskId"], "") == other["message"].replace("x" * 32, "")
        scene.client.close_stdin()
        assert scene.client.exit_code() == 0
        assert scene.records(request) == [("allow", None, None), (None, "cancelled", 0.0)]
        assert (home / "left.over").exists()
