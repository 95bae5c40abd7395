"""From a prompt in a client, through the gate and the worker, to a URL that opens.

What starts, kills or ends a worker has a home of its own; all else draws with the gallery's.
"""

import base64
import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import s3_servers
from command_line import run_command
from gallery import FIRST, PATIENCE, Gallery
from jsonschema import Draft202012Validator
from PIL import Image
from raw_client import RawClient, Servers, environment, eventually, processes_of

PROMPT = {"prompt": "a red circle", "seed": 7, "steps": 1, "wait": 600}
LONG = {"prompt": "a blue square", "seed": 8, "steps": 8, "wait": 600}
LARGEST_RESULT = 1_048_576


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_servers.S3Server]:
    with s3_servers.rclone(tmp_path_factory.mktemp("s3") / "data") as server:
        yield server


def s3_settings(server: s3_servers.S3Server) -> dict[str, str]:
    return {
        "ALYA_S3_BUCKET": server.bucket,
        "ALYA_S3_ENDPOINT_URL": server.url,
        "ALYA_S3_REGION": server.region,
        **server.credentials(),
    }


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def refusal(url: str) -> int | None:
    """The status with which `url` is refused; None when it opens."""
    try:
        fetch(url)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return None


def workers(home: Path) -> list[int]:
    found = processes_of(home).items()
    return [pid for pid, command in found if "alya_mcp.images" in command or "images.worker" in command]


def progress_of(client: RawClient, token: str) -> list[dict[str, Any]]:
    notes = [m["params"] for m in list(client.messages) if m.get("method") == "notifications/progress"]
    return [note for note in notes if note["progressToken"] == token]


def outcomes(home: Path, request: object) -> list[str | None]:
    """What the audit log says of one request: nothing when it was decided, then how it ended."""
    files = sorted((home / "audit").glob("*.jsonl"))
    lines = [line for file in files for line in file.read_bytes().splitlines()]
    return [each.get("outcome") for each in map(json.loads, lines) if each.get("request") == request]


def test_a_prompt_becomes_a_url_that_opens_after_the_server_has_ended(
    start_server: Servers, gallery: Gallery
) -> None:
    server = start_server(extra=gallery.variables())
    server.initialize()
    schema = server.request("tools/list")["result"]["tools"][0]["outputSchema"]
    seed = gallery.seed()

    result = server.call("image_gen", {**PROMPT, "seed": seed})["result"]

    assert result["isError"] is False
    data = result["structuredContent"]
    Draft202012Validator(schema).validate(data)
    assert [block["type"] for block in result["content"]] == ["text", "image"]
    link, rest = result["content"][0]["text"].split("\n", 1)
    assert link == f"[Open the picture]({data['url']})"
    assert {"url": data["url"], **json.loads(rest)} == data
    assert data["url"] not in rest
    shown = base64.b64decode(result["content"][1]["data"])
    assert (Image.open(io.BytesIO(shown)).size, len(shown) <= 256_000) == ((1024, 1024), True)
    assert len(json.dumps(result)) < LARGEST_RESULT
    assert (data["seed"], data["steps"], data["width"], data["height"]) == (seed, 1, 1024, 1024)
    assert "FLUX.1-schnell" in data["notice"]
    server.close_stdin()
    assert server.exit_code() == 0
    second = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1]).read())"
    file = subprocess.run([sys.executable, "-c", second, data["url"]], capture_output=True, check=True).stdout
    assert hashlib.sha256(file).hexdigest() == data["sha256"]
    assert len(file) == data["bytes"]
    picture = Image.open(io.BytesIO(file))
    assert (picture.format, picture.size, picture.mode) == ("PNG", (1024, 1024), "RGB")
    assert Path(data["file"]).read_bytes() == file
    tampered = data["url"].replace("X-Alya-Expires=3600", "X-Alya-Expires=7200")
    assert refusal(tampered) == 403


def test_progress_covers_every_phase_and_only_grows(gallery: Gallery) -> None:
    steps = progress_of(gallery.client, "first")
    assert all(a["progress"] < b["progress"] <= 100 for a, b in itertools.pairwise(steps))
    assert {step["total"] for step in steps} == {100}
    said = " / ".join(step["message"].lower() for step in steps)
    for phase in ("worker", "loading", "prompt", "step 8 of 8", "pixels", "png", "storing"):
        assert phase in said


def test_the_answer_tells_the_milliseconds_of_every_phase(gallery: Gallery) -> None:
    timings = gallery.first["structuredContent"]["timings"]
    drawing = ["queue", "load", "encode", "denoise", "decode", "total"]
    assert list(timings) == [*drawing, "file", "upload", "presign"]
    assert all(milliseconds >= 0 for milliseconds in timings.values())
    assert sum(timings[phase] for phase in drawing[:-1]) <= timings["total"]


def test_a_cancelled_picture_costs_nothing_and_the_next_one_is_the_same(gallery: Gallery) -> None:
    client, seed = gallery.client, gallery.seed()

    def draw() -> dict[str, Any]:
        asked = client.post("tools/call", {"name": "image_gen", "arguments": {**PROMPT, "seed": seed}})
        return client.answer(asked, PATIENCE)["result"]["structuredContent"]

    first = draw()
    cancelled = client.post(
        "tools/call",
        {
            "name": "image_gen",
            "arguments": {**LONG, "seed": gallery.seed()},
            "_meta": {"progressToken": "cancelled"},
        },
        request_id="cancelled end to end",
    )
    eventually(lambda: progress_of(client, "cancelled"), "the first progress")
    client.send_message(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": cancelled}}
    )
    Path(first["file"]).unlink()  # else it would be served again, not drawn
    again = draw()
    assert (again["sha256"], again["repeated"]) == (first["sha256"], False)
    assert [m for m in client.messages if m.get("id") == cancelled] == []
    assert outcomes(gallery.home, cancelled) == [None, "cancelled"]


def test_a_bucket_gets_the_picture_and_its_url_is_presigned(
    start_server: Servers, gallery: Gallery, bucket: s3_servers.S3Server
) -> None:
    server = start_server(extra=gallery.variables(**s3_settings(bucket)))
    server.initialize()
    asked = {**PROMPT, "seed": gallery.seed(), "expiresIn": 600, "format": "webp"}
    data = server.call("image_gen", asked)["result"]["structuredContent"]
    query = parse_qs(urlsplit(data["url"]).query)
    assert data["url"].startswith(bucket.url)
    assert query["X-Amz-Expires"] == ["600"]
    assert "X-Amz-Signature" in query
    assert data["file"] is None
    assert Image.open(io.BytesIO(fetch(data["url"]))).format == "WEBP"
    assert refusal(data["url"].replace("X-Amz-Expires=600", "X-Amz-Expires=601")) == 403


@pytest.mark.slow
def test_a_presigned_url_opens_until_it_expires_and_not_after(
    start_server: Servers, gallery: Gallery, bucket: s3_servers.S3Server
) -> None:
    server = start_server(extra=gallery.variables(**s3_settings(bucket)))
    server.initialize()
    asked = {**PROMPT, "seed": gallery.seed(), "expiresIn": 60}
    data = server.call("image_gen", asked)["result"]["structuredContent"]
    assert refusal(data["url"]) is None
    eventually(lambda: refusal(data["url"]) in {400, 403}, "the URL closes", patience=120)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"ALYA_S3_BUCKET": "no-such-bucket"}, "no-such-bucket"),
        ({"AWS_SECRET_ACCESS_KEY": "not-the-secret-of-this-key"}, "secret"),
        ({"ALYA_S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
    ids=["bucket missing", "wrong key", "unreachable"],
)
def test_when_the_upload_fails_the_picture_is_kept_and_the_answer_says_where(
    start_server: Servers, gallery: Gallery, bucket: s3_servers.S3Server, wrong: dict[str, str], words: str
) -> None:
    server = start_server(extra=gallery.variables(**{**s3_settings(bucket), **wrong}))
    server.initialize()

    def kept() -> set[Path]:
        return set(gallery.home.glob("images/*/*.png"))

    def failed() -> int:
        return server.call("alya_usage")["result"]["structuredContent"]["totals"]["failed"]

    kept_before, failed_before = kept(), failed()
    result = server.call("image_gen", {**PROMPT, "seed": gallery.seed()})["result"]
    text = result["content"][0]["text"]
    assert result["isError"] is True
    assert words in text
    assert "not-the-secret-of-this-key" not in text
    assert str(gallery.home) not in text
    (file,) = kept() - kept_before
    assert f"ALYA_HOME/{file.relative_to(gallery.home)}" in text
    with Image.open(file) as picture:
        assert picture.size == (1024, 1024)
    assert failed() == failed_before + 1


def test_two_servers_share_one_worker_and_both_get_their_picture(
    start_server: Servers, gallery: Gallery
) -> None:
    other = start_server(extra=gallery.variables())
    other.initialize()
    asked = {"name": "image_gen", "arguments": {**LONG, "seed": gallery.seed()}}
    calls = [(server, server.post("tools/call", asked)) for server in (gallery.client, other)]
    answers = [server.answer(call, PATIENCE)["result"] for server, call in calls]
    assert [answer["isError"] for answer in answers] == [False, False]
    assert answers[0]["structuredContent"]["sha256"] == answers[1]["structuredContent"]["sha256"]
    assert len(workers(gallery.home)) == 1


def test_a_worker_killed_during_a_picture_costs_nothing_but_time(
    start_server: Servers, alya_home: Path, gallery: Gallery
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": gallery.model})
    server.initialize()
    call = server.post(
        "tools/call", {"name": "image_gen", "arguments": FIRST, "_meta": {"progressToken": "p"}}
    )
    drawing = lambda m: "step 1 of 8" in m.get("params", {}).get("message", "").lower()  # noqa: E731
    server.wait(drawing, "the first step")
    (pid,) = workers(alya_home)
    os.kill(pid, signal.SIGKILL)
    drawn = server.answer(call, patience=120)["result"]["structuredContent"]
    assert drawn["sha256"] == gallery.first["structuredContent"]["sha256"]
    (fresh,) = workers(alya_home)
    assert fresh != pid


def test_closing_the_input_during_a_picture_ends_the_server_and_stopping_all_calls_its_worker(
    start_server: Servers, alya_home: Path, tiny_model: str
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": tiny_model})
    server.initialize()
    call = {"name": "image_gen", "arguments": LONG, "_meta": {"progressToken": "unseen"}}
    request = server.post("tools/call", call)
    eventually(lambda: workers(alya_home), "a worker")
    eventually(lambda: progress_of(server, "unseen"), "the first progress")
    server.close_stdin()
    assert server.exit_code() == 0
    # Until then it goes on: the next same call would get the picture, for which this one was charged.
    (alya_home / "stopped").touch()
    eventually(lambda: not workers(alya_home), "the worker's end")
    assert outcomes(alya_home, request) == [None, "ok"]


def test_a_rate_limit_lets_two_pictures_through_and_denies_the_third(
    start_server: Servers, gallery: Gallery, tmp_path: Path
) -> None:
    policy = tmp_path / "two-a-minute.json"
    limit = {"rate_limit": {"max": 2, "window": 60}}
    policy.write_text(json.dumps({"version": "1", "default": "deny", "tools": {"image_gen": limit}}))
    server = start_server("serve", "--policy", str(policy), extra=gallery.variables())
    server.initialize()
    results = [server.call("image_gen", {**PROMPT, "seed": gallery.seed()})["result"] for _ in range(3)]
    assert [result["isError"] for result in results] == [False, False, True]
    decision = results[2]["_meta"]["alya/decision"]
    assert decision["decision"] == "deny"
    assert decision["rule"] == "/tools/image_gen/rate_limit"
    assert 0 < decision["retryAfter"] <= 60
    assert "2 calls per 60 s reached" in results[2]["content"][0]["text"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "x" * 2001}, "2000"),
        ({"prompt": "a", "steps": 0}, "steps is 0"),
        ({"prompt": "a", "seed": -1}, "seed is -1"),
        ({"prompt": "a", "expiresIn": 59}, "expiresIn is 59"),
        ({"prompt": "a", "expiresIn": 604801}, "expiresIn is 604801"),
        ({"prompt": "a", "format": "gif"}, "png, webp, jpeg"),
        ({"prompt": 5}, "prompt is 5"),
        ({"promt": "a"}, "promt"),
        ({}, "prompt is required"),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_takes(
    gallery: Gallery, arguments: dict[str, Any], words: str
) -> None:
    result = gallery.client.call("image_gen", arguments)["result"]
    assert result["isError"] is True
    assert words in result["content"][0]["text"]


def test_a_picture_is_made_from_an_earlier_one_of_the_same_caller(
    gallery: Gallery, tiny_klein: Path, tmp_path: Path
):
    first = gallery.first["structuredContent"]
    ended = run_command(
        (
            *("call", "image_gen", "prompt=a blue square", f"seed={gallery.seed()}", "steps=1", "wait=600"),
            *(f"references:={json.dumps([first['key']])}", f"model={tiny_klein.name}", "--output", "json"),
        ),
        environment(gallery.home, ALYA_IMAGE_MODEL=gallery.model, ALYA_IMAGE_MODELS=str(tiny_klein)),
        tmp_path,
    )
    assert ended.code == 0, ended.err
    made = ended.json["structuredContent"]
    assert (made["model"], made["repeated"]) == (tiny_klein.name, False)
    with Image.open(made["file"]) as picture:
        assert picture.info["Parents"] == first["key"]
        digest = hashlib.sha256(b"a blue square").hexdigest()
        assert picture.info["Prompt-digest"] == f"sha256:{digest}"
    picture_made = {"key": made["key"], "seed": made["seed"], "model": tiny_klein.name}
    told = {"prompt": f"sha256:{digest}", "references": [first["key"]], "pictures": [picture_made]}
    files = (gallery.home / "audit").glob("*.jsonl")
    records = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
    assert told in [record.get("origin") for record in records]
