"""A person's yes as clients of both eras bring it, and every way in which it is none (DESIGN 3.8)."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import types
from raw_client import (
    LEGACY,
    MODERN,
    RawClient,
    Servers,
    envelope,
    environment,
    eventually,
    expect_nothing_running,
)
from scene import ODD_SERVER, audit_records, official_client, write_policy

from alya_mcp.gate import SqliteState

ROOM = {"max_open": 500, "max_per_hour": 500}
ASKS: dict[str, Any] = {"action": "require_approval", "reason": "it tells secrets", "approval": ROOM}
TOKEN = "hf_" + "a1B2" * 9
POLICY: dict[str, Any] = {
    "version": "1",
    "default": "allow",
    "tools": {
        "echo": ASKS,
        "advance": {**ASKS, "approval": {"who": "session", **ROOM}},
        "large": {**ASKS, "approval": {"expires": 1, **ROOM}},
        "surrogate": {**ASKS, "rate_limit": {"max": 1, "window": 3600}},
        "wait": ASKS,
        "not_a_number": {**ASKS, "reason": f"the note says {TOKEN}"},
    },
}
RULE = "/tools/echo/action"
YES = {"action": "accept", "content": {"approve": "yes"}}
NOES: list[dict[str, Any]] = [
    {"action": "decline"},
    {"action": "decline", "content": {"approve": "yes"}},
    {"action": "accept", "content": {"approve": "no"}},
]
NOBODY: list[dict[str, Any]] = [
    {"action": "cancel"},
    {"action": "accept"},
    {"action": "accept", "content": {}},
    {"action": "accept", "content": {"approve": "YES"}},
    {"action": "accept", "content": {"approve": True}},
    {"action": "accept", "content": {"approved": "yes"}},
]
CAPABLE = {**envelope(), "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
URL_ALONE = {**envelope(), "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}}}


@dataclass
class Scene:
    """One server that tests share, each with arguments of its own."""

    client: RawClient
    home: Path

    def call(self, tool: str, arguments: Mapping[str, Any], **params: Any) -> dict[str, Any]:
        """A call by a modern client that can elicit; the result."""
        return self.client.call(tool, arguments, _meta=CAPABLE, **params)["result"]

    def retry(
        self, asked: Mapping[str, Any], tool: str, arguments: Mapping[str, Any], action: str = "accept"
    ) -> dict[str, Any]:
        """The call again, as a client does after `asked`; the result."""
        return self.call(tool, arguments, **answers(asked, action))

    def records(self, tool: str) -> list[dict[str, Any]]:
        return [record for record in audit_records(self.home) if record["tool"] == tool]


@pytest.fixture(scope="module")
def modern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from running(tmp_path_factory.mktemp("modern"))


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A client of the handshake era that can elicit."""
    for scene in running(tmp_path_factory.mktemp("legacy")):
        scene.client.initialize(LEGACY, {"elicitation": {}})
        yield scene


def running(folder: Path) -> Iterator[Scene]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    write_policy(home, POLICY)
    with RawClient(environment(home), folder / "stderr", ODD_SERVER) as client:
        yield Scene(client, home)
    expect_nothing_running(home)


def answers(asked: Mapping[str, Any], action: str = "accept") -> dict[str, Any]:
    (key,) = asked["inputRequests"]
    answer = YES if action == "accept" else {"action": action}
    return {"inputResponses": {key: answer}, "requestState": asked["requestState"]}


def approve(scene: Scene, refusal: str) -> None:
    """Say yes on the command line to the question that a refusal names."""
    state = SqliteState(scene.home / "state.sqlite")
    state.approvals.answer(refusal.partition("approvals approve ")[2].split(";")[0], "yes")
    state.close()


def text(result: Mapping[str, Any]) -> str:
    return result["content"][0]["text"]


def told(result: Mapping[str, Any]) -> tuple[str, str]:
    decision = result["_meta"]["alya/decision"]
    return decision["decision"], decision["rule"]


def ran(result: Mapping[str, Any], words: str) -> bool:
    return not result.get("isError") and result.get("structuredContent") == {"text": words}


# -- a client of 2026-07-28 -------------------------------------------------------------------------


def test_what_a_program_is_told_beside_the_question_is_cleaned(modern: Scene) -> None:
    asked = modern.call("not_a_number", {})
    assert told(asked) == ("ask", "/tools/not_a_number/action")
    assert TOKEN not in json.dumps(asked["_meta"])
    assert "[secret]" in asked["_meta"]["alya/decision"]["message"]


def test_a_modern_client_is_given_the_question_and_a_state(modern: Scene) -> None:
    asked = modern.call("echo", {"text": "first"})
    assert asked["resultType"] == "input_required"
    (request,) = asked["inputRequests"].values()
    assert request["method"] == "elicitation/create"
    assert request["params"]["mode"] == "form"
    form = request["params"]["requestedSchema"]
    assert (form["required"], [*form["properties"]]) == (["approve"], ["approve"])
    assert sorted(form["properties"]["approve"]["enum"]) == ["no", "yes"]
    assert "default" not in form["properties"]["approve"]
    assert 'text: "first"' in request["params"]["message"]
    assert "it tells secrets" in request["params"]["message"]
    assert told(asked) == ("ask", RULE)
    assert "content" not in asked
    answered = modern.retry(asked, "echo", {"text": "first"})
    assert ran(answered, "first")
    assert answered["resultType"] == "complete"
    assert not {"ttlMs", "cacheScope"} & answered.keys()


def test_the_log_has_the_question_then_the_decision_then_the_outcome(modern: Scene) -> None:
    before = len(modern.records("echo"))
    modern.retry(modern.call("echo", {"text": "logged"}), "echo", {"text": "logged"})
    asked, decided, settled = modern.records("echo")[before:]
    assert (asked["decision"], asked["rule"]) == ("ask", RULE)
    assert decided["decision"] == "allow"
    assert settled["outcome"] == "ok"


@pytest.mark.parametrize("answer", NOES, ids=str)
def test_a_no_denies_and_says_how_the_user_can_still_allow_it(modern: Scene, answer: dict[str, Any]) -> None:
    words = {"text": str(answer)}
    asked = modern.call("echo", words)
    brought = {**answers(asked), "inputResponses": {"approval": answer}}
    refused = modern.call("echo", words, **brought)
    assert refused["isError"]
    assert told(refused) == ("deny", RULE)
    assert told(modern.retry(asked, "echo", words)) == ("deny", RULE)
    assert told(modern.call("echo", words)) == ("deny", RULE)
    approve(modern, text(refused))
    assert ran(modern.call("echo", words), words["text"])


@pytest.mark.parametrize("answer", NOBODY, ids=str)
def test_where_nobody_answered_the_question_is_kept(modern: Scene, answer: dict[str, Any]) -> None:
    words = {"text": str(answer)}
    asked = modern.call("echo", words)
    kept = modern.call("echo", words, **{**answers(asked), "inputResponses": {"approval": answer}})
    assert told(kept) == ("ask", RULE)
    assert told(modern.call("echo", words)) == ("ask", RULE)
    approve(modern, text(kept))
    assert ran(modern.call("echo", words), words["text"])


def test_a_replayed_state_denies(modern: Scene) -> None:
    asked = modern.call("echo", {"text": "twice"})
    assert ran(modern.retry(asked, "echo", {"text": "twice"}), "twice")
    again = modern.retry(asked, "echo", {"text": "twice"})
    assert told(again) == ("deny", RULE)
    assert "used before" in text(again)


def test_a_good_state_with_edited_arguments_denies(modern: Scene) -> None:
    asked = modern.call("echo", {"text": "harmless"})
    refused = modern.retry(asked, "echo", {"text": "harmful"})
    assert told(refused) == ("deny", RULE)
    assert "given to another call" in text(refused)


def test_the_state_of_another_tool_denies(modern: Scene) -> None:
    asked = modern.call("echo", {"text": "here"})
    refused = modern.retry(asked, "wait", {"text": "here"})
    assert told(refused) == ("deny", "/tools/wait/action")
    assert "given to another call" in text(refused)


@pytest.mark.parametrize("state", ["", "nonsense", "A" * 118, "é" * 118, "x" * 100_000])
def test_a_made_up_state_denies(modern: Scene, state: str) -> None:
    asked = modern.call("echo", {"text": "forged"})
    refused = modern.call("echo", {"text": "forged"}, **{**answers(asked), "requestState": state})
    assert told(refused) == ("deny", RULE)


def test_a_yes_that_comes_too_late_denies(modern: Scene) -> None:
    asked = modern.call("large", {})
    time.sleep(1.1)  # the policy says that the question expires after 1 s
    refused = modern.retry(asked, "large", {})
    assert told(refused) == ("deny", "/tools/large/action")
    assert "too late" in text(refused)


@pytest.mark.parametrize("missing", ["inputResponses", "requestState"])
def test_a_retry_that_lacks_answer_or_state_is_asked_anew(modern: Scene, missing: str) -> None:
    asked = modern.call("echo", {"text": missing})
    params = {name: value for name, value in answers(asked).items() if name != missing}
    assert modern.call("echo", {"text": missing}, **params)["resultType"] == "input_required"


def test_an_answer_of_another_kind_is_no_answer(modern: Scene) -> None:
    asked = modern.call("echo", {"text": "kind"})
    state = {"requestState": asked["requestState"]}
    again = modern.call("echo", {"text": "kind"}, inputResponses={"approval": {"roots": []}}, **state)
    assert again.get("resultType") == "input_required"


def test_a_yes_for_the_session_lets_the_tool_be_called_without_asking_again(modern: Scene) -> None:
    asked = modern.call("advance", {})
    assert "every call of this tool in this session" in str(asked["inputRequests"])
    assert ran(modern.retry(asked, "advance", {}), "done")
    assert ran(modern.call("advance", {}), "done")


def test_a_spent_limit_denies_without_asking_and_a_question_spends_none(modern: Scene) -> None:
    assert modern.call("surrogate", {})["resultType"] == "input_required"
    asked = modern.call("surrogate", {})
    assert not modern.retry(asked, "surrogate", {})["isError"]
    assert told(modern.call("surrogate", {})) == ("deny", "/tools/surrogate/rate_limit")


@pytest.mark.parametrize("meta", [envelope(), URL_ALONE], ids=["nothing declared", "url alone"])
def test_what_a_request_does_not_declare_is_not_asked_for(modern: Scene, meta: dict[str, Any]) -> None:
    words = {"text": str(len(str(meta)))}
    refused = modern.client.call("echo", words, _meta=meta)["result"]
    assert refused["isError"]
    assert told(refused) == ("ask", RULE)
    assert "alya-mcp approvals approve " in text(refused)
    approve(modern, text(refused))
    assert ran(modern.client.call("echo", words, _meta=meta)["result"], words["text"])
    assert told(modern.client.call("echo", words, _meta=meta)["result"]) == ("ask", RULE)


def test_a_restart_makes_every_state_worthless(modern: Scene, tmp_path: Path) -> None:
    asked = modern.call("echo", {"text": "restart"})
    with RawClient(environment(modern.home), tmp_path / "stderr", ODD_SERVER) as fresh:
        refused = fresh.call("echo", {"text": "restart"}, _meta=CAPABLE, **answers(asked))["result"]
    assert told(refused) == ("deny", RULE)
    assert "not asked for by this server" in text(refused)


def test_a_changed_policy_makes_a_yes_worthless_or_needless(start_server: Servers, alya_home: Path) -> None:
    write_policy(alya_home, POLICY)
    with start_server(command=ODD_SERVER) as client:
        scene = Scene(client, alya_home)
        first, second = scene.call("echo", {"text": "a"}), scene.call("echo", {"text": "b"})
        digest = first["_meta"]["alya/decision"]["policy"]
        write_policy(alya_home, {**POLICY, "description": "another policy"})
        eventually(
            lambda: scene.call("echo", {"text": "c"})["_meta"]["alya/decision"]["policy"] != digest,
            "the new policy",
        )
        refused = scene.retry(first, "echo", {"text": "a"})
        assert told(refused) == ("deny", RULE)
        assert "given to another call" in text(refused)
        write_policy(alya_home, {**POLICY, "tools": {}})
        eventually(lambda: ran(scene.call("echo", {"text": "c"}), "c"), "the policy that asks nobody")
        assert ran(scene.retry(second, "echo", {"text": "b"}), "b")


# -- a client of 2025-11-25 -------------------------------------------------------------------------


def question_to(client: RawClient, words: str) -> dict[str, Any]:
    return client.wait(
        lambda m: m.get("method") == "elicitation/create" and words in m["params"]["message"], "a question"
    )


def call_and_answer(client: RawClient, words: str, **answer: Any) -> dict[str, Any]:
    request = client.post("tools/call", {"name": "echo", "arguments": {"text": words}})
    question = question_to(client, words)
    client.send_message({"jsonrpc": "2.0", "id": question["id"], **answer})
    return client.answer(request)["result"]


def test_a_legacy_client_is_asked_while_the_call_waits(legacy: Scene) -> None:
    before = len(legacy.records("echo"))
    assert ran(call_and_answer(legacy.client, "please", result=YES), "please")
    for number, answer in enumerate(NOES):
        refused = call_and_answer(legacy.client, f"no-{number}", result=answer)
        assert told(refused) == ("deny", RULE), answer
    broken = (
        {"error": {"code": -32603, "message": "can't"}},
        {"result": {"action": "perhaps"}},
        {"result": {}},
    )
    for number, answer in enumerate([*({"result": each} for each in NOBODY), *broken]):
        kept = call_and_answer(legacy.client, f"nobody-{number}", **answer)
        assert told(kept) == ("ask", RULE), answer
        approve(legacy, text(kept))
    assert legacy.client.alive()
    decisions = [r["decision"] for r in legacy.records("echo")[before:] if "decision" in r]
    assert decisions == [
        "ask",
        "allow",
        *(["ask", "deny"] * len(NOES)),
        *(["ask", "ask"] * len([*NOBODY, *broken])),
    ]


def test_a_legacy_client_that_does_not_answer_in_time_is_denied_and_holds_up_nobody(legacy: Scene) -> None:
    client = legacy.client
    request = client.post("tools/call", {"name": "large", "arguments": {"characters": 7}})
    question = question_to(client, "characters: 7")
    assert client.call("crash")["result"]["isError"]
    refused = client.answer(request)["result"]
    assert told(refused) == ("deny", "/tools/large/action")
    late = {"jsonrpc": "2.0", "id": question["id"], "result": YES}
    client.send_message(late)
    assert client.alive()
    assert not [record for record in legacy.records("large") if "outcome" in record]


def test_a_cancelled_call_takes_its_question_back_and_a_yes_to_it_runs_nothing(legacy: Scene) -> None:
    client = legacy.client
    request = client.post("tools/call", {"name": "wait", "arguments": {"text": "cancelled"}})
    question = question_to(client, "cancelled")
    cancel = {"method": "notifications/cancelled", "params": {"requestId": request}}
    client.send_message({"jsonrpc": "2.0", **cancel})
    taken_back = {"requestId": question["id"]}
    client.wait(
        lambda m: (
            m.get("method") == "notifications/cancelled" and {**m["params"], **taken_back} == m["params"]
        ),
        "the question's end",
    )
    client.send_message({"jsonrpc": "2.0", "id": question["id"], "result": YES})
    assert client.alive()
    assert not (legacy.home / "cancelled.started").exists()


def test_a_state_means_nothing_to_a_legacy_client(legacy: Scene) -> None:
    extra = {"inputResponses": {"approval": YES}, "requestState": "x"}
    legacy.client.post("tools/call", {"name": "echo", "arguments": {"text": "smuggled"}, **extra})
    assert question_to(legacy.client, "smuggled")


# -- the SDK's own client ---------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize("mode", ["legacy", MODERN])
async def test_the_official_client_asks_its_person_in_both_eras(
    alya_env: dict[str, str], alya_home: Path, tmp_path: Path, mode: str
) -> None:
    write_policy(alya_home, {"version": "1", "default": "allow", "tools": {"alya_status": ASKS}})
    verdicts = [YES, {"action": "decline"}]
    questions: list[str] = []

    async def person(_context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        questions.append(params.message)
        return types.ElicitResult.model_validate(verdicts[len(questions) - 1])

    async with official_client(alya_env, tmp_path / "stderr", mode, elicitation_callback=person) as client:
        results = [await client.call_tool("alya_status", {}) for _ in verdicts]
    assert [result.is_error for result in results] == [False, True]
    assert len(questions) == 2
    assert json.dumps(questions).count("it tells secrets") == 2
