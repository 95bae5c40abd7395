"""A prompt in, a picture out, through the whole server (issue 2: "Bad input and bad days", items 2 and 5)."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import tiny_flux
from jsonschema import Draft202012Validator
from raw_client import RawClient, environment, eventually, expect_nothing_running, processes_of
from scene import ALLOW_ALL, audit_records, write_policy

LARGEST_RESULT = 1_048_576
WORKER = "alya_mcp.images.worker.process"


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny FLUX pipeline, as ALYA_IMAGE_MODEL takes it."""
    return str(tiny_flux.build(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture(scope="module")
def artist(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RawClient]:
    """An initialised server that draws with the tiny model."""
    folder = tmp_path_factory.mktemp("artist")
    home = folder / "home"
    home.mkdir(mode=0o700)
    write_policy(home, ALLOW_ALL)
    with RawClient(environment(home, ALYA_IMAGE_MODEL=tiny_model), folder / "stderr") as client:
        client.initialize()
        yield client
    expect_nothing_running(home)


def draw(client: RawClient, token: str, **arguments: Any) -> Any:
    """Ask for a picture with progress under `token`; returns the request's id."""
    params = {
        "name": "image_gen",
        "arguments": {"prompt": "a red circle", **arguments},
        "_meta": {"progressToken": token},
    }
    return client.post("tools/call", params)


def progress_of(client: RawClient, token: str) -> list[dict[str, Any]]:
    notes = [m["params"] for m in list(client.messages) if m.get("method") == "notifications/progress"]
    return [note for note in notes if note["progressToken"] == token]


def test_a_prompt_becomes_a_picture_whose_url_opens(artist: RawClient) -> None:
    tools = artist.request("tools/list")["result"]["tools"]
    schema = next(tool["outputSchema"] for tool in tools if tool["name"] == "image_gen")
    result = artist.answer(draw(artist, "first", seed=7, steps=2), 180)["result"]
    assert not result.get("isError"), result
    answer = result["structuredContent"]
    Draft202012Validator(schema).validate(answer)
    assert json.loads(result["content"][0]["text"]) == answer
    assert [block["type"] for block in result["content"]] == ["text", "resource_link", "image"]
    assert result["content"][1]["uri"] == answer["url"]
    assert len(json.dumps(result)) < LARGEST_RESULT
    with urlopen(answer["url"], timeout=30) as opened:
        picture = opened.read()
    assert picture.startswith(b"\x89PNG")
    assert hashlib.sha256(picture).hexdigest() == answer["sha256"]
    assert (answer["seed"], answer["steps"], answer["width"], answer["height"]) == (7, 2, 1024, 1024)
    assert "FLUX.1-schnell" in answer["notice"]


def test_progress_rises_through_every_phase(artist: RawClient) -> None:
    artist.answer(draw(artist, "phases", seed=8, steps=2), 180)
    notes = progress_of(artist, "phases")
    done = [note["progress"] for note in notes]
    assert done == sorted(set(done))
    assert {note["total"] for note in notes} == {100}
    assert len(notes) >= 5
    assert all(note["message"] for note in notes)


def test_a_cancelled_picture_costs_nothing_and_the_next_one_is_the_same(artist: RawClient) -> None:
    first = artist.answer(draw(artist, "before", seed=9, steps=2), 180)["result"]["structuredContent"]
    cancelled = draw(artist, "cancelled", seed=10, steps=8)
    eventually(lambda: progress_of(artist, "cancelled"), "the first progress")
    artist.send_message(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": cancelled}}
    )
    Path(first["file"]).unlink()  # else it would be served again, not drawn
    again = artist.answer(draw(artist, "after", seed=9, steps=2), 180)["result"]["structuredContent"]
    assert (again["sha256"], again["repeated"]) == (first["sha256"], False)
    assert [m for m in artist.messages if m.get("id") == cancelled] == []
    home = artist.errors.parent / "home"
    outcomes = [each.get("outcome") for each in audit_records(home) if each.get("request") == cancelled]
    assert outcomes == [None, "cancelled"]


def test_closing_the_input_during_a_picture_ends_the_server_and_its_worker(
    tiny_model: str, alya_home: Path, tmp_path: Path
) -> None:
    write_policy(alya_home, ALLOW_ALL)
    env = environment(alya_home, ALYA_IMAGE_MODEL=tiny_model)
    with RawClient(env, tmp_path / "stderr") as client:
        client.initialize()
        request_id = draw(client, "unseen", steps=8)
        eventually(lambda: any(WORKER in each for each in processes_of(alya_home).values()), "the worker")
        eventually(lambda: progress_of(client, "unseen"), "the first progress")
        client.close_stdin()
        assert client.exit_code() == 0
        eventually(lambda: not processes_of(alya_home), "the end of the worker", 30)
    outcomes = [each.get("outcome") for each in audit_records(alya_home) if each.get("request") == request_id]
    assert outcomes == [None, "cancelled"]
