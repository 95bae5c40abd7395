"""A picture that takes longer than its call: answered with a job, kept, and stopped where nobody wants it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gallery
import psutil
import pytest
from gallery import Gallery
from raw_client import RawClient, environment, eventually, processes_of
from scene import audit_records, write_policy
from test_approvals_over_the_wire import CAPABLE as ASKABLE
from test_approvals_over_the_wire import YES
from test_tasks_over_the_wire import DECLARED

from alya_mcp.settings import Settings
from alya_mcp.toolkit.caller import open_grants

PATIENCE = 180.0


@pytest.fixture(scope="module")
def slow(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A gallery whose worker these tests hold still."""
    with gallery.opened(tiny_model, tmp_path_factory.mktemp("slow")) as opened:
        yield opened


@contextmanager
def held(home: Path) -> Iterator[None]:
    """The image worker stands still while the body runs."""
    (worker,) = [pid for pid, command in processes_of(home).items() if "images.worker.main" in command]
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def post(client: RawClient, token: str | None = None, **arguments: Any) -> int:
    params = {
        "name": "image_gen",
        "arguments": {"prompt": "a red circle", "steps": 1, "wait": 600, **arguments},
    }
    return client.post(
        "tools/call", params if token is None else {**params, "_meta": {"progressToken": token}}
    )


def answer(client: RawClient, **arguments: Any) -> dict[str, Any]:
    result = client.answer(post(client, **arguments), PATIENCE)["result"]
    assert not result.get("isError"), result
    return result["structuredContent"]


def refusal(client: RawClient, **arguments: Any) -> str:
    result = client.answer(post(client, **arguments), PATIENCE)["result"]
    assert result.get("isError"), result
    return result["content"][0]["text"]


def outcomes(home: Path) -> list[tuple[Any, Any]]:
    return [(each.get("outcome"), each.get("request")) for each in audit_records(home)]


def cancellation(request: int, **more: str) -> dict[str, Any]:
    params = {"requestId": request, **more}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


def cancel(client: RawClient, request: int) -> None:
    client.send_message(cancellation(request))
    home = client.errors.parent / "home"
    eventually(lambda: ("cancelled", request) in outcomes(home), "the cancellation")


def test_a_call_answers_when_its_wait_is_over_and_the_job_brings_the_picture(slow: Gallery) -> None:
    seed = slow.seed()
    with held(slow.home):
        first = answer(slow.client, seed=seed, wait=1, expiresIn=7200)
        still = answer(slow.client, seed=seed, wait=1, job=first["job"])
        # The user may be asked about the prompt, and a policy may refuse it: it has to be the picture's.
        assert "another prompt" in refusal(slow.client, prompt="a kitten", wait=1, job=first["job"])
    assert (first["state"], first["url"], first["seed"]) == ("drawing", None, seed)
    assert first["job"] in first["notice"]
    assert still["job"] == first["job"]
    done = answer(slow.client, job=first["job"], expiresIn=60)
    assert (done["state"], done["job"], done["seed"], done["repeated"]) == ("done", None, seed, False)
    assert "Expires=7200" in done["url"]  # what was asked for, and allowed, is in the first call
    assert answer(slow.client, seed=seed)["repeated"] is True
    assert repr(first["job"]) in refusal(slow.client, job=first["job"])


def test_the_same_call_again_gets_the_picture_that_was_left_and_later_ones_do_not(slow: Gallery) -> None:
    asked = {"prompt": "a blue square left behind"}
    with held(slow.home):
        first = answer(slow.client, **asked, wait=1)
    again = answer(slow.client, **asked)
    assert again["seed"] == first["seed"]
    assert answer(slow.client, **asked)["seed"] != first["seed"]


def test_a_call_cancelled_by_a_client_that_saw_no_progress_is_collected_by_the_next(slow: Gallery) -> None:
    asked = {"prompt": "a green star that took too long"}
    with held(slow.home):
        cancel(slow.client, post(slow.client, **asked))
        joined = answer(slow.client, **asked, wait=1)
    assert joined["state"] == "drawing"
    assert answer(slow.client, **asked)["seed"] == joined["seed"]


def test_a_call_cancelled_by_a_client_that_saw_progress_stops_the_work(slow: Gallery) -> None:
    asked = {"prompt": "a star that nobody wants"}
    with held(slow.home):
        request = post(slow.client, token="seen", **asked)
        slow.client.wait(lambda m: m.get("params", {}).get("progressToken") == "seen", "progress")
        cancel(slow.client, request)
    first, second = answer(slow.client, **asked), answer(slow.client, **asked)
    assert first["seed"] != second["seed"]


def test_a_client_that_times_out_in_spite_of_progress_is_answered_sooner_from_then_on(
    slow: Gallery, tmp_path: Path
) -> None:
    """As agno and openai-agents do: the reason of the cancellation says that it timed out."""
    asked = {"prompt": "a red square for hosts without patience"}
    with RawClient({**os.environ, **slow.variables()}, tmp_path / "stderr") as hasty:
        hasty.initialize()
        answer(hasty, seed=slow.seed())
        with held(slow.home):
            request = post(hasty, token="seen", **asked)
            hasty.wait(lambda m: m.get("params", {}).get("progressToken") == "seen", "progress")
            hasty.send_message(cancellation(request, reason="timed out after 5s"))
            joined = answer(hasty, **asked)
        assert joined["state"] == "drawing"
        assert answer(hasty, job=joined["job"], **asked)["seed"] == joined["seed"]


@pytest.mark.slow
def test_the_same_call_after_one_that_still_runs_joins_it(slow: Gallery, tmp_path: Path) -> None:
    """As AutoGen does: it gives a call up after five seconds and says nothing; two calls at once stay two."""
    asked = {"prompt": "a green circle for hosts that say nothing"}
    with RawClient({**os.environ, **slow.variables()}, tmp_path / "stderr") as silent:
        silent.initialize()
        answer(silent, seed=slow.seed())
        with held(slow.home):
            before = len(audit_records(slow.home))
            first, second = post(silent, **asked), post(silent, **asked)
            eventually(lambda: len(audit_records(slow.home)) == before + 2, "two calls that run")
            time.sleep(4.1)  # two calls closer than that are two
            joined = answer(silent, **asked)
            assert joined["state"] == "drawing"
        given_up = [silent.answer(each, PATIENCE)["result"]["structuredContent"] for each in (first, second)]
        assert joined["seed"] in {each["seed"] for each in given_up}
        assert given_up[0]["seed"] != given_up[1]["seed"]
        collected = answer(silent, job=joined["job"], **asked)
        assert (collected["state"], collected["seed"]) == ("done", joined["seed"])


@pytest.mark.slow
def test_only_some_pictures_may_be_left_at_a_time(slow: Gallery) -> None:
    with held(slow.home):
        jobs = [answer(slow.client, seed=slow.seed(), wait=1)["job"] for _ in range(4)]
        assert jobs[0] in refusal(slow.client, seed=slow.seed(), wait=1)
    for job in jobs:
        assert answer(slow.client, job=job)["state"] == "done"


def test_a_job_that_ended_with_its_server_is_drawn_anew_and_waited_for(slow: Gallery) -> None:
    """As LangChain's get_tools() needs it, which starts a server for each call."""
    drawn = answer(slow.client, job="0123456789ab")
    assert (drawn["state"], drawn["repeated"]) == ("done", False)
    assert "anew" in drawn["notice"]
    assert "'my job'" in refusal(slow.client, job="my job")


def test_what_is_still_drawn_when_the_client_leaves_does_not_hold_the_server_and_is_there_for_another(
    slow: Gallery, tmp_path: Path
) -> None:
    with RawClient({**os.environ, **slow.variables()}, tmp_path / "stderr") as leaving:
        leaving.initialize()
        answer(leaving)  # it is connected to the worker then
        with held(slow.home):
            first = answer(leaving, wait=1)
            assert first["state"] == "drawing"
            leaving.close_stdin()
            assert leaving.exit_code() == 0
            assert not psutil.pid_exists(leaving.process.pid)
    done = answer(slow.client, job=first["job"])
    assert (done["state"], done["seed"], done["repeated"]) == ("done", first["seed"], False)
    assert "anew" not in (done["notice"] or "")


def test_a_picture_that_the_user_allowed_is_collected_without_being_asked_or_charged_again(
    slow: Gallery, tmp_path: Path
) -> None:
    asks = {"action": "require_approval", "budget": {"max_usd": 0.001, "window": "day"}}
    document = {"version": "1", "default": "deny", "tools": {"image_gen": asks}}
    folder = tmp_path / "policy"
    folder.mkdir()
    write_policy(folder, document)
    variables = environment(slow.home, **slow.variables(ALYA_POLICY=str(folder / "policy.json")))
    asked = {"prompt": "a red circle that was allowed", "steps": 1, "wait": 1}

    def call(**more: Any) -> dict[str, Any]:
        return client.call("image_gen", {**asked, **more.pop("arguments", {})}, _meta=ASKABLE, **more)

    def result(**more: Any) -> dict[str, Any]:
        return call(**more)["result"]

    def rule(refused: dict[str, Any]) -> str:
        return refused["_meta"]["alya/decision"]["rule"]

    with RawClient(variables, tmp_path / "stderr") as client:
        with held(slow.home):
            question = result()
            (key,) = question["inputRequests"]
            yes = {"inputResponses": {key: YES}, "requestState": question["requestState"]}
            job = {"job": result(**yes)["structuredContent"]["job"]}
            assert result(arguments=job)["structuredContent"]["state"] == "drawing"
            assert rule(result(arguments={**job, "prompt": "a kitten"})) == "(invalid arguments)"
            assert result()["structuredContent"]["job"] == job["job"]
            assert rule(result(arguments={"seed": slow.seed()})) == "/tools/image_gen/budget"
            assert rule(result(arguments={"expiresIn": 604_800})) == "/tools/image_gen/budget"
            write_policy(folder, {**document, "hide": ["image_gen"]})
            eventually(lambda: "error" in call(arguments=job), "the policy that hides it")
            write_policy(folder, {**document, "tools": {"image_gen": {}}})
            eventually(lambda: "result" in call(arguments=job), "the policy without conditions")
            other = result(arguments={**job, "expiresIn": 604_800})
            assert "the policy has changed" in other["content"][0]["text"]
            assert result(arguments=job)["structuredContent"]["state"] == "drawing"
            write_policy(folder, document)
            short = {**job, "expiresIn": 60}
            eventually(lambda: "has changed" not in str(result(arguments=short)), "the first policy")
        done = result(arguments={**job, "wait": 600})
        assert done["structuredContent"]["state"] == "done"
        assert rule(result()) == "/tools/image_gen/budget"
    mine = {each["session"] for each in audit_records(slow.home) if each.get("decision") == "ask"}
    log = [each for each in audit_records(slow.home) if each["session"] in mine]
    assert [each["decision"] for each in log if "decision" in each].count("ask") == 1
    assert sum(each.get("usd", 0) for each in log) == 0.001


@pytest.mark.parametrize("end", ["killed", pytest.param("closed", marks=pytest.mark.slow)])
def test_a_call_whose_server_went_away_is_collected_by_a_later_one_and_neither_asked_for_nor_paid_again(
    slow: Gallery, tmp_path: Path, end: str
) -> None:
    once = {"max_usd": 0.001, "window": "day", "scope": "grant"}
    tools = {"image_gen": {"action": "require_approval", "budget": once}}
    write_policy(tmp_path, {"version": "1", "default": "deny", "tools": tools})
    variables = slow.variables(ALYA_POLICY=str(tmp_path / "policy.json"))
    with open_grants(Settings(home=slow.home)) as grants:
        theirs, others = (
            environment(slow.home, **variables, ALYA_GRANT=grants.create(label)[1])
            for label in (end, f"other-{end}")
        )
    asked = {"prompt": f"a red circle whose server was {end}", "steps": 8, "wait": 600}
    with RawClient(theirs, tmp_path / "stderr") as gone:
        question = gone.call("image_gen", asked, _meta=ASKABLE)["result"]
        (key,) = question["inputRequests"]
        yes = {"inputResponses": {key: YES}, "requestState": question["requestState"]}
        meta = {**ASKABLE, "progressToken": "seen"}
        gone.post("tools/call", {"name": "image_gen", "arguments": asked, "_meta": meta, **yes})
        gone.wait(lambda m: "Step" in m.get("params", {}).get("message", ""), "a step of the drawing")
        with held(slow.home):
            if end == "killed":
                gone.process.kill()
            else:
                gone.close_stdin()
            gone.process.wait(PATIENCE)
    with RawClient(others, tmp_path / "stderr") as other:
        assert "inputRequests" in other.call("image_gen", asked, _meta=ASKABLE)["result"]
    with RawClient(theirs, tmp_path / "stderr") as later:
        done = later.call("image_gen", asked, _meta=ASKABLE)["result"]["structuredContent"]
        assert (done["state"], done["repeated"]) == ("done", False)
        assert "anew" not in (done["notice"] or "")
        refused = later.call("image_gen", asked, _meta=ASKABLE)["result"]
        assert refused["_meta"]["alya/decision"]["rule"] == "/tools/image_gen/budget"


def test_a_client_that_takes_tasks_gets_the_picture_by_its_task(slow: Gallery, tmp_path: Path) -> None:
    with RawClient(environment(slow.home, **slow.variables()), tmp_path / "stderr") as client:
        asked = {"prompt": "a red circle", "steps": 1, "seed": slow.seed(), "wait": 1}

        def begin() -> str:
            return client.call("image_gen", asked, _meta=DECLARED)["result"]["taskId"]

        def get(task: str) -> dict[str, Any]:
            return client.request("tasks/get", {"taskId": task, "_meta": DECLARED})["result"]

        with held(slow.home):
            task, given_up = begin(), begin()
            assert get(task)["status"] == "working"
            client.request("tasks/cancel", {"taskId": given_up, "_meta": DECLARED})
        done = eventually(lambda: (told := get(task))["status"] == "completed" and told, "the picture")
        answer = done["result"]["structuredContent"]
        assert (answer["state"], answer["job"], answer["seed"]) == ("done", None, asked["seed"])
        assert answer["url"]
        eventually(lambda: get(given_up)["status"] == "cancelled", "the cancellation")
