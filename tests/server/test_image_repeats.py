"""The same picture asked for again: served from the store, said so, and drawn anew when it has to be."""

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import s3_servers
import tiny_flux
from gallery import Gallery
from jsonschema import Draft202012Validator
from PIL import Image
from raw_client import RawClient, Servers
from scene import ALLOW_ALL, audit_records, write_policy

from alya_mcp.settings import Settings
from alya_mcp.toolkit.caller import open_grants

ASKED = {"prompt": "a red circle for Zoë", "seed": 7, "steps": 1, "wait": 600}
PATIENCE = 180


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3_servers.S3Server]:
    with s3_servers.rclone(tmp_path_factory.mktemp("s3") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def artist(gallery: Gallery) -> RawClient:
    """The gallery's server, which has drawn what is `ASKED`."""
    assert answer(gallery.client)["repeated"] is False
    return gallery.client


def result(client: RawClient, **changes: Any) -> dict[str, Any]:
    arguments = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    asked = client.post("tools/call", {"name": "image_gen", "arguments": arguments})
    return client.answer(asked, PATIENCE)["result"]


def answer(client: RawClient, **changes: Any) -> dict[str, Any]:
    given = result(client, **changes)
    assert not given.get("isError"), given
    return given["structuredContent"]


def home_of(client: RawClient) -> Path:
    return client.errors.parent / "home"


def opened(url: str) -> bytes:
    with urlopen(url, timeout=30) as response:
        return response.read()


def start(servers: Servers, **extra: str) -> RawClient:
    server = servers(extra=extra)
    server.initialize()
    return server


def test_the_same_request_gets_the_same_picture_with_a_fresh_link_and_says_so(artist: RawClient) -> None:
    tools = artist.request("tools/list")["result"]["tools"]
    schema = next(tool["outputSchema"] for tool in tools if tool["name"] == "image_gen")
    first = result(artist, seed=20, expiresIn=600)
    again = result(artist, seed=20, expiresIn=7200)
    one, two = first["structuredContent"], again["structuredContent"]
    Draft202012Validator(schema).validate(two)
    assert again["content"][0]["text"].startswith(f"[Open the picture]({two['url']})\n")
    assert (one["repeated"], two["repeated"]) == (False, True)
    same = [name for name in one if name not in {"url", "expiresAt", "repeated", "notice", "timings"}]
    assert {name: one[name] for name in same} == {name: two[name] for name in same}
    assert two["notice"].startswith(f"{one['notice']}. Not drawn again: ")
    assert two["url"] != one["url"]
    assert "Expires=7200" in two["url"]
    assert two["expiresAt"] > one["expiresAt"]
    assert set(two["timings"]) == {"repeat"}
    assert hashlib.sha256(opened(two["url"])).hexdigest() == two["sha256"]
    assert [block["type"] for block in again["content"]] == ["text", "image"]
    assert again["content"][1] == first["content"][1]


def test_a_repeat_is_a_call_like_any_other_to_the_gate(artist: RawClient) -> None:
    before = artist.call("alya_usage")["result"]["structuredContent"]["totals"]
    asked = artist.request("tools/call", {"name": "image_gen", "arguments": ASKED}, "a repeat")
    assert asked["result"]["structuredContent"]["repeated"] is True
    after = artist.call("alya_usage")["result"]["structuredContent"]["totals"]
    assert (after["succeeded"], round(after["usd"] - before["usd"], 6)) == (before["succeeded"] + 2, 0.001)
    of_it = [each for each in audit_records(home_of(artist)) if each.get("request") == "a repeat"]
    assert [each.get("outcome") for each in of_it] == [None, "ok"]


@pytest.mark.parametrize(
    "changes",
    [{"seed": 8}, {"steps": 2}, {"format": "webp"}, {"prompt": "a red circle for zoë"}, {"aspect": "4:3"}],
)
def test_anything_else_that_is_asked_is_drawn(artist: RawClient, changes: dict[str, Any]) -> None:
    assert answer(artist, **changes)["repeated"] is False


@pytest.mark.parametrize("seed", [7.0, 7])
def test_a_number_may_be_written_in_either_way(artist: RawClient, seed: float) -> None:
    assert answer(artist, seed=seed)["repeated"] is True


def test_a_random_seed_never_repeats_and_may_be_asked_for_later(artist: RawClient) -> None:
    first, second = answer(artist, seed=None), answer(artist, seed=None)
    assert (first["repeated"], second["repeated"]) == (False, False)
    assert first["seed"] != second["seed"]
    again = answer(artist, seed=first["seed"])
    assert (again["repeated"], again["sha256"]) == (True, first["sha256"])


def test_a_prompt_is_not_in_what_is_remembered(artist: RawClient) -> None:
    answer(artist)
    folder = home_of(artist) / "repeats"
    written = b"".join(path.read_bytes() for path in folder.iterdir()).lower()
    assert b"circle" not in written


def test_another_server_knows_it_too(artist: RawClient, gallery: Gallery, start_server: Servers) -> None:
    other = start(start_server, **gallery.variables())
    again = answer(other)
    assert (again["repeated"], again["sha256"]) == (True, answer(artist)["sha256"])


def test_a_grant_gets_its_own_pictures_again_and_nobody_elses_and_where_policy_denies_it_none(
    start_server: Servers, gallery: Gallery, tmp_path: Path
) -> None:
    seed, denying = gallery.seed(), tmp_path / "denying.json"
    denying.write_text(json.dumps({**ALLOW_ALL, "tools": {"image_gen": {"action": "deny"}}}))
    drawn = answer(gallery.client, seed=seed)
    with open_grants(Settings(home=gallery.home)) as grants:
        token = grants.create("repeats")[1]
    theirs = start(start_server, **gallery.variables(ALYA_GRANT=token))
    assert [answer(theirs, seed=seed)["repeated"] for _ in range(2)] == [False, True]
    assert answer(gallery.client, seed=seed)["sha256"] == drawn["sha256"]
    denied = start(start_server, **gallery.variables(ALYA_GRANT=token, ALYA_POLICY=str(denying)))
    refused = result(denied, seed=seed)
    assert refused["_meta"]["alya/decision"]["rule"] == "/tools/image_gen/action"
    assert "http" not in json.dumps(refused)


def test_a_deleted_file_and_a_cut_one_are_drawn_anew(artist: RawClient) -> None:
    file = Path(answer(artist, seed=30)["file"])
    file.unlink()
    anew = answer(artist, seed=30)
    assert anew["repeated"] is False
    assert opened(anew["url"]) == file.read_bytes()
    assert answer(artist, seed=30)["repeated"] is True
    file.write_bytes(file.read_bytes()[:1000])
    assert answer(artist, seed=30)["repeated"] is False
    assert hashlib.sha256(file.read_bytes()).hexdigest() == anew["sha256"]


def test_two_identical_calls_at_once_both_get_the_picture(artist: RawClient) -> None:
    ask = {"name": "image_gen", "arguments": {**ASKED, "seed": 32}}
    ids = [artist.post("tools/call", ask) for _ in range(2)]
    results = [artist.answer(each, PATIENCE)["result"]["structuredContent"] for each in ids]
    assert len({each["sha256"] for each in results}) == 1
    assert answer(artist, seed=32)["repeated"] is True


def test_a_cancelled_picture_is_not_remembered(artist: RawClient) -> None:
    ask = {
        "name": "image_gen",
        "arguments": {**ASKED, "seed": 33, "steps": 8},
        "_meta": {"progressToken": "cancelled"},
    }
    cancelled = artist.post("tools/call", ask)
    seen = lambda m: m.get("params", {}).get("progressToken") == "cancelled"  # noqa: E731
    artist.wait(seen, "the first progress")
    artist.send_message(
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": cancelled}}
    )
    assert answer(artist, seed=33, steps=8)["repeated"] is False


def test_another_model_draws_anew_and_so_do_new_weights_in_its_folder(
    start_server: Servers, gallery: Gallery, tmp_path: Path
) -> None:
    mine, seed = shutil.copytree(gallery.model, tmp_path / "mine"), gallery.seed()
    server = start(start_server, **gallery.variables(ALYA_IMAGE_MODEL=str(mine)))
    assert [answer(server, seed=seed)["repeated"] for _ in range(2)] == [False, True]
    assert answer(gallery.client, seed=seed)["repeated"] is False
    tiny_flux.build(mine, seed=1)
    assert answer(server, seed=seed)["repeated"] is False


def test_what_auto_fell_back_to_is_repeated_only_while_it_is_loaded_and_a_damaged_index_is_no_hindrance(
    start_server: Servers, alya_home: Path
) -> None:
    write_policy(alya_home, ALLOW_ALL)
    index = alya_home / "repeats" / "index.sqlite"
    index.parent.mkdir(mode=0o700)
    index.write_bytes(b"not a database " * 1000)
    first = start(start_server)
    drawn, again = answer(first), answer(first)
    assert (drawn["model"], drawn["repeated"], again["repeated"]) == ("alya-sketch", False, True)
    assert again["sha256"] == drawn["sha256"]
    assert index.with_name("index.damaged").exists()
    assert "was damaged and is begun anew" in first.stderr()
    first.close_stdin()
    first.exit_code()
    second = start(start_server)
    asked = {"name": "image_gen", "arguments": ASKED, "_meta": {"progressToken": "anew"}}
    second.post("tools/call", asked)
    second.wait(
        lambda message: "Starting the image worker" in message.get("params", {}).get("message", ""),
        "a worker that is started to draw it anew",
    )
    (alya_home / "stopped").touch()  # else a worker that has begun to draw goes on without its server


def test_a_picture_in_a_bucket_is_linked_again_while_it_is_there_and_can_be_linked(
    start_server: Servers, gallery: Gallery, bucket: s3_servers.S3Server
) -> None:
    settings, seed, other = s3_settings(bucket), gallery.seed(), gallery.seed()
    server = start(start_server, **gallery.variables(**settings))
    first = answer(server, seed=seed, format="jpeg", expiresIn=600)
    again = answer(server, seed=seed, format="jpeg", expiresIn=900)
    assert (first["repeated"], again["repeated"], again["key"]) == (False, True, first["key"])
    assert "X-Amz-Expires=900" in again["url"]
    assert Image.open(io.BytesIO(opened(again["url"]))).format == "JPEG"
    s3_servers.client(bucket).delete_object(Bucket=bucket.bucket, Key=again["key"])
    anew = answer(server, seed=seed, format="jpeg")
    assert anew["repeated"] is False
    assert opened(anew["url"])
    assert answer(gallery.client, seed=seed, format="jpeg")["repeated"] is False
    wrong = {**settings, "AWS_SECRET_ACCESS_KEY": "not-the-secret-of-this-key"}
    broken = start(start_server, **gallery.variables(**wrong))
    # One that isn't stored, and one that can't be linked.
    for asked in ({"seed": other}, {"seed": seed, "format": "jpeg"}):
        refused = result(broken, **asked)
        assert refused["isError"] is True
        assert "kept as ALYA_HOME/images/" in refused["content"][0]["text"]
    assert answer(server, seed=other)["repeated"] is False


def s3_settings(server: s3_servers.S3Server) -> dict[str, str]:
    return {
        "ALYA_S3_BUCKET": server.bucket,
        "ALYA_S3_ENDPOINT_URL": server.url,
        "ALYA_S3_REGION": server.region,
        **server.credentials(),
    }
