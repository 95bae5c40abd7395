"""Several pictures by one call: each as it is alone, charged each, and all of them or none."""

import base64
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from gallery import PATIENCE, Gallery
from mcp_types import CallToolResult
from PIL import Image
from raw_client import RawClient, environment
from scene import audit_records
from test_image_jobs import held

from alya_mcp.cli.download import download
from alya_mcp.cli.present import show_result

CHAT_BYTES = 256_000
CHAT_PIXELS = 1024 * 1024


def ask(client: RawClient, name: str | None = None, **arguments: Any) -> dict[str, Any]:
    """The result of a call; `name` is its request's id and the token of its progress."""
    given = {"prompt": "a red circle", "steps": 1, "wait": 600, **arguments}
    params: dict[str, Any] = {"name": "image_gen", "arguments": given}
    if name is not None:
        params["_meta"] = {"progressToken": name}
    return client.answer(client.post("tools/call", params, name), PATIENCE)["result"]


def answer(client: RawClient, **arguments: Any) -> dict[str, Any]:
    result = ask(client, **arguments)
    assert not result.get("isError"), result
    return result["structuredContent"]


def messages(client: RawClient, token: str) -> list[str]:
    told = [each.get("params", {}) for each in client.messages]
    return [each["message"] for each in told if each.get("progressToken") == token]


def test_a_call_draws_variations_each_the_picture_that_its_seed_alone_gives(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client, seed = gallery.client, gallery.seed() + 10_000_000
    alone = answer(client, seed=seed + 1)
    assert "images" not in alone
    result = ask(client, name="three", seed=seed, count=3)
    told = result["structuredContent"]
    images = told["images"]
    assert [each["seed"] for each in images] == [seed, seed + 1, seed + 2]
    assert [each["repeated"] for each in images] == [False, True, False]
    assert images[1]["sha256"] == alone["sha256"]
    assert {name: told[name] for name in images[0]} == images[0]
    shown = CallToolResult.model_validate(result)
    show_result(shown)
    assert capsys.readouterr().out.splitlines()[-3:] == [each["url"] for each in images]
    saved = [place for place, _ in download(shown, tmp_path / "circle.png")]
    assert [each.name for each in saved] == ["circle.png", "circle-2.png", "circle-3.png"]
    for each, place in zip(images, saved, strict=True):
        assert hashlib.sha256(place.read_bytes()).hexdigest() == each["sha256"]
    again = answer(client, seed=seed, count=1)
    assert (again["repeated"], again["sha256"], "images" in again) == (True, images[0]["sha256"], False)
    Path(images[2]["file"]).unlink()
    drawn = answer(client, seed=seed + 2)
    assert (drawn["repeated"], drawn["sha256"]) == (False, images[2]["sha256"])

    text, *chat = result["content"]
    for number, each in enumerate(images, start=1):
        assert f"[Open picture {number} of 3]({each['url']})\n" in text["text"]
        assert text["text"].count(each["url"]) == 1
    small = [base64.b64decode(each["data"]) for each in chat]
    assert len(small) == 3
    assert sum(map(len, small)) <= CHAT_BYTES
    sizes = [Image.open(io.BytesIO(each)).size for each in small]
    assert sum(width * height for width, height in sizes) <= CHAT_PIXELS
    said = messages(client, "three")
    assert any(each.startswith("picture 1 of 3: ") for each in said)
    assert any(each.startswith("picture 3 of 3: ") for each in said)


def test_each_picture_counts_and_a_call_that_asks_for_more_than_is_left_draws_none(
    gallery: Gallery, tmp_path: Path
) -> None:
    pictures = {"counter": "pictures", "max": 3, "window": "hour", "amount": "args.count"}
    policy = tmp_path / "policy.json"
    policy.write_text(
        json.dumps({"version": "1", "default": "deny", "tools": {"image_gen": {"limits": [pictures]}}})
    )
    variables = gallery.variables(ALYA_POLICY=str(policy))
    seed = gallery.seed() + 20_000_000
    with RawClient(environment(gallery.home, **variables), tmp_path / "stderr") as client:
        client.initialize()
        assert ask(client, seed=seed, count=5)["isError"]
        too_many = ask(client, seed=seed, count=4)
        assert too_many["_meta"]["alya/decision"]["rule"] == "/tools/image_gen/limits/pictures"
        there = answer(gallery.client, seed=seed + 1)
        with held(gallery.home):
            given = ask(client, seed=seed, count=2, wait=1)
            refused = ask(client, seed=seed, count=4)
        assert "1 of args.count left" in refused["content"][0]["text"]
        first = given["structuredContent"]
        assert (first["state"], first["url"]) == ("drawing", None)
        assert [each["sha256"] for each in first["images"]] == [there["sha256"]]
        assert "[Open picture 2 of 2](" in given["content"][0]["text"]
        assert [each["type"] for each in given["content"]] == ["text", "image"]
        done = answer(client, job=first["job"])
        assert [each["seed"] for each in done["images"]] == [seed, seed + 1]
        assert answer(client, seed=seed)["repeated"] is True  # the third: collecting two was free
        assert ask(client, seed=seed)["isError"]
    (began,) = [each for each in audit_records(gallery.home) if each.get("units") == 2]
    charged = [each for each in audit_records(gallery.home) if each["session"] == began["session"]]
    assert [each["usd"] for each in charged if "outcome" in each] == [0.002, 0, 0.001]


def test_when_one_comes_to_nothing_the_call_fails_and_what_was_drawn_is_kept(gallery: Gallery) -> None:
    client, seed = gallery.client, gallery.seed() + 30_000_000
    second = Path(answer(client, seed=seed + 1)["file"])
    second.unlink()
    second.mkdir()  # in the way of the second picture's file
    lost = ask(client, name="lost", seed=seed, count=2)
    second.rmdir()
    assert lost["isError"]
    assert lost["content"][0]["text"].startswith("Picture 2 of 2 ")
    assert f"seed {seed} draws the rest" in lost["content"][0]["text"]
    both = answer(client, seed=seed, count=2)
    assert [each["repeated"] for each in both["images"]] == [True, False]
    (ended,) = [each for each in audit_records(gallery.home) if each["request"] == "lost" and "ms" in each]
    assert (ended["outcome"], ended["usd"]) == ("error", 0)
