"""From a prompt in a client, through the gate and the worker, to a URL that opens."""

import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import s3_servers
import tiny_flux
from jsonschema import Draft202012Validator
from PIL import Image
from raw_client import Servers, eventually, processes_of

PROMPT = {"prompt": "a red circle", "seed": 7, "steps": 1}
LONG = {"prompt": "a blue square", "seed": 8, "steps": 8}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_flux.build(tmp_path_factory.mktemp("models") / "tiny"))


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


def test_a_prompt_becomes_a_url_that_opens_after_the_server_has_ended(
    start_server: Servers, model: str, tmp_path: Path
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model})
    server.initialize()
    schema = server.request("tools/list")["result"]["tools"][0]["outputSchema"]

    result = server.call("image_gen", PROMPT)["result"]

    assert result["isError"] is False
    data = result["structuredContent"]
    Draft202012Validator(schema).validate(data)
    assert json.loads(result["content"][0]["text"]) == data
    assert [block["type"] for block in result["content"]] == ["text", "resource_link", "image"]
    assert result["content"][1]["uri"] == data["url"]
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


def test_progress_covers_every_phase_and_only_grows(start_server: Servers, model: str) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model})
    server.initialize()
    call = server.post(
        "tools/call", {"name": "image_gen", "arguments": LONG, "_meta": {"progressToken": "p"}}
    )
    assert server.answer(call)["result"]["isError"] is False
    steps = [m["params"] for m in server.messages if m.get("method") == "notifications/progress"]
    assert all(a["progress"] < b["progress"] <= 100 for a, b in itertools.pairwise(steps))
    said = " / ".join(step["message"].lower() for step in steps)
    for phase in ("worker", "loading", "prompt", "step 8 of 8", "pixels", "png", "storing"):
        assert phase in said


def test_a_bucket_gets_the_picture_and_its_url_is_presigned(
    start_server: Servers, model: str, bucket: s3_servers.S3Server
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model, **s3_settings(bucket)})
    server.initialize()
    data = server.call("image_gen", {**PROMPT, "expiresIn": 600, "format": "webp"})["result"][
        "structuredContent"
    ]
    query = parse_qs(urlsplit(data["url"]).query)
    assert data["url"].startswith(bucket.url)
    assert query["X-Amz-Expires"] == ["600"]
    assert "X-Amz-Signature" in query
    assert data["file"] is None
    assert Image.open(io.BytesIO(fetch(data["url"]))).format == "WEBP"
    assert refusal(data["url"].replace("X-Amz-Expires=600", "X-Amz-Expires=601")) == 403


@pytest.mark.slow
def test_a_presigned_url_opens_until_it_expires_and_not_after(
    start_server: Servers, model: str, bucket: s3_servers.S3Server
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model, **s3_settings(bucket)})
    server.initialize()
    data = server.call("image_gen", {**PROMPT, "expiresIn": 60})["result"]["structuredContent"]
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
    start_server: Servers,
    alya_home: Path,
    model: str,
    bucket: s3_servers.S3Server,
    wrong: dict[str, str],
    words: str,
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model, **s3_settings(bucket), **wrong})
    server.initialize()
    result = server.call("image_gen", PROMPT)["result"]
    text = result["content"][0]["text"]
    assert result["isError"] is True
    assert words in text
    assert "not-the-secret-of-this-key" not in text
    assert str(alya_home) not in text
    kept = list(alya_home.glob("images/*/*.png"))
    assert [f"ALYA_HOME/{path.relative_to(alya_home)}" in text for path in kept] == [True]
    with Image.open(kept[0]) as picture:
        assert picture.size == (1024, 1024)
    assert server.call("alya_usage")["result"]["structuredContent"]["totals"]["failed"] == 1


def test_two_servers_share_one_worker_and_both_get_their_picture(
    start_server: Servers, alya_home: Path, model: str
) -> None:
    first, second = (start_server(extra={"ALYA_IMAGE_MODEL": model}) for _ in range(2))
    for server in (first, second):
        server.initialize()
    calls = [
        (server, server.post("tools/call", {"name": "image_gen", "arguments": LONG}))
        for server in (first, second)
    ]
    eventually(lambda: workers(alya_home), "a worker")
    answers = [server.answer(call, patience=120)["result"] for server, call in calls]
    assert [answer["isError"] for answer in answers] == [False, False]
    assert answers[0]["structuredContent"]["sha256"] == answers[1]["structuredContent"]["sha256"]
    assert len(workers(alya_home)) == 1


def test_a_worker_killed_during_a_picture_costs_nothing_but_time(
    start_server: Servers, alya_home: Path, model: str
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model})
    server.initialize()
    call = server.post(
        "tools/call", {"name": "image_gen", "arguments": LONG, "_meta": {"progressToken": "p"}}
    )
    drawing = lambda m: "step 1 of 8" in m.get("params", {}).get("message", "").lower()  # noqa: E731
    server.wait(drawing, "the first step")
    (pid,) = workers(alya_home)
    os.kill(pid, signal.SIGKILL)
    assert server.answer(call, patience=120)["result"]["isError"] is False
    (fresh,) = workers(alya_home)
    assert fresh != pid


def test_closing_standard_input_during_a_picture_leaves_nothing_running(
    start_server: Servers, alya_home: Path, model: str, record_property: Any
) -> None:
    server = start_server(extra={"ALYA_IMAGE_MODEL": model})
    server.initialize()
    server.post("tools/call", {"name": "image_gen", "arguments": LONG})
    eventually(lambda: workers(alya_home), "a worker")
    closed = server.close_stdin()
    assert server.exit_code() == 0
    record_property("seconds to exit", round(time.monotonic() - closed, 2))
    eventually(lambda: not workers(alya_home), "the worker's end")


def test_a_rate_limit_lets_two_pictures_through_and_denies_the_third(
    start_server: Servers, alya_home: Path, model: str
) -> None:
    policy = {
        "version": "1",
        "default": "deny",
        "tools": {"image_gen": {"rate_limit": {"max": 2, "window": 60}}},
    }
    (alya_home / "policy.json").write_text(json.dumps(policy))
    server = start_server(extra={"ALYA_IMAGE_MODEL": model})
    server.initialize()
    results = [server.call("image_gen", PROMPT)["result"] for _ in range(3)]
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
    shared_server: Any, arguments: dict[str, Any], words: str
) -> None:
    result = shared_server.call("image_gen", arguments)["result"]
    assert result["isError"] is True
    assert words in result["content"][0]["text"]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from contextlib import ExitStack

    folder = tmp_path_factory.mktemp("shared")
    home = folder / "home"
    home.mkdir()
    (home / "policy.json").write_text('{"version": "1", "default": "allow"}')
    with ExitStack() as running:
        server = Servers(home, folder, running)()
        server.initialize()
        yield server
