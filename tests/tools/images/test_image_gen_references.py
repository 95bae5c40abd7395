"""What a call names as references: its own pictures, addresses on the public internet, nothing else."""

import io
import socket
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import loopback_source
import pytest
from loopback_source import LoopbackSource, Reply
from PIL import Image

from alya_mcp.errors import Failure, InvalidInput, Unavailable
from alya_mcp.gate import Gate, InvalidArguments, Policy
from alya_mcp.images.engine import Job
from alya_mcp.images.reference import LARGEST, Reference
from alya_mcp.settings import Settings
from alya_mcp.storage.store import Upload, image_key
from alya_mcp.toolkit.services import Hub
from alya_mcp.toolkit.tool import Validated
from alya_mcp.tools.images.image_gen import image_gen
from alya_mcp.tools.images.owned import OwnedPictures, owned_pictures
from alya_mcp.tools.images.references import bring, require_taken, resolve
from alya_mcp.tools.images.repeats import question_of
from alya_mcp.tools.images.request import ImageRequest, request_of

pytestmark = pytest.mark.anyio

ME, OTHER = "me", "somebody else"
HOST = "https://pictures.example"


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def source() -> Iterator[LoopbackSource]:
    with loopback_source.running() as server:
        yield server


@pytest.fixture
async def hub(tmp_path: Path, source: LoopbackSource) -> AsyncIterator[Hub]:
    """Where `HOST` is the loopback server; everywhere else the guard stands."""
    settings = Settings(
        home=tmp_path,
        source_urls={"picture:pictures.example": source.url},
        image_references_from=("pictures.example", "*.inside.example"),
    )
    hub = Hub(settings, Gate(Policy.parse({"version": "1", "default": "allow"})))
    yield hub
    await hub.aclose()


async def drawn(hub: Hub, data: bytes, *, caller: str = ME) -> str:
    """The key of a picture that `caller` had drawn."""
    import datetime

    key = image_key(sha256(data).hexdigest(), "png", datetime.date(2026, 12, 1))
    upload = Upload(data=data, key=key, content_type="image/png", filename="a.png")
    stored = await hub.store.put(upload, expires_in=60)
    owned_pictures(hub).note(caller, stored.key, "FLUX.1-schnell", 64, 64)
    return stored.key


async def brought(hub: Hub, *references: str) -> tuple[Reference, ...]:
    return await bring(resolve(references, hub, ME), hub)


async def refusal(hub: Hub, *references: str, kind: type[Failure] = InvalidInput) -> str:
    with pytest.raises(kind) as refused:
        await brought(hub, *references)
    return str(refused.value)


def asked(**arguments: Any) -> ImageRequest:
    judged = image_gen.validate({"prompt": "a red circle", "seed": 7, **arguments})
    assert isinstance(judged, Validated)
    assert isinstance(judged.model, ImageRequest)
    return judged.model


async def test_own_pictures_and_addresses_are_brought_in_their_order(hub: Hub, source: LoopbackSource):
    mine = await drawn(hub, png("red"))
    source.on("/a.png", Reply(png("blue"), content_type="text/html"))
    source.on("/b", Reply(status=302, headers={"Location": f"{HOST}/a.png?other"}))
    found = await brought(hub, f"{HOST}/b?secret=1", mine, f"{HOST}/a.png?x=1")
    assert [each.data for each in found] == [png("blue"), png("red"), png("blue")]
    assert [each.name for each in found] == [f"{HOST}/b", mine, f"{HOST}/a.png"]
    assert [each.parent for each in found] == [
        f"sha256:{sha256(png('blue')).hexdigest()}", mine, f"sha256:{sha256(png('blue')).hexdigest()}"
    ]  # fmt: skip
    assert {"x": "1"} in [each.query for each in source.asked]


async def test_another_callers_key_and_one_that_never_was_are_refused_in_the_same_words(hub: Hub):
    mine, theirs = await drawn(hub, png("red")), await drawn(hub, png("green"), caller=OTHER)
    never = theirs.replace(theirs[11:15], "0000")
    words = await refusal(hub, theirs)
    assert await refusal(hub, never) == words.replace(theirs, never)
    assert "/etc/passwd" in await refusal(hub, "../../etc/passwd")
    await hub.store.delete(mine)
    assert await refusal(hub, mine) == words.replace(theirs, mine)


@pytest.mark.parametrize(
    "address",
    [
        "http://pictures.example/a.png", "ftp://pictures.example/a.png", "file:///etc/passwd",
        "data:image/png;base64,AAAA", "HTTP://pictures.example", "https://127.0.0.1/a.png",
        "https://localhost/a", "https://[::1]/a", "https://2130706433/a", "https://10.1.2.3/a",
        "https://printer.local/a", "https://me:word@pictures.example/a", "https:///a",
        "https://pictures.example/" + "a" * 2000, "https://pictures.example\\@127.0.0.1/a",
    ],
)  # fmt: skip
async def test_addresses_that_are_not_https_on_the_public_internet_are_never_asked(hub: Hub, address: str):
    assert address[:150] in (await refusal(hub, address)).replace("\\\\", "\\")


async def test_a_name_or_a_redirect_that_leads_inside_is_refused(
    hub: Hub, source: LoopbackSource, monkeypatch: pytest.MonkeyPatch
):
    def look_up(*_asked: Any, **_more: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert "not on the public internet" in await refusal(hub, "https://deep.inside.example/a.png")
    for place in (
        "https://deep.inside.example/a",
        "https://10.1.2.3/a",
        "http://pictures.example/a",
        "/../loop",
    ):
        source.on("/loop", Reply(status=302, headers={"Location": place}))
        assert f"{HOST}/loop" in await refusal(hub, f"{HOST}/loop?secret=1")
    assert source.count("/loop") == 4 + 5


@pytest.mark.parametrize(
    "host",
    ["elsewhere.example", "inside.example", "pictures.example.org", "a.pictures.example", "xinside.example"],
)
async def test_only_hosts_that_the_user_named_are_asked(hub: Hub, source: LoopbackSource, host: str):
    assert "ALYA_IMAGE_REFERENCES_FROM" in await refusal(hub, f"https://{host}/a.png")
    source.on("/moved", Reply(status=302, headers={"Location": f"https://{host}/a.png?secret=1"}))
    words = await refusal(hub, f"{HOST}/moved")
    assert host in words
    assert "secret" not in words


async def test_what_comes_from_an_address_is_a_picture_of_a_fit_size(hub: Hub, source: LoopbackSource):
    source.on("/page", Reply("<!doctype html>", content_type="image/png"))
    assert "PNG, JPEG or WebP" in await refusal(hub, f"{HOST}/page")
    source.on("/large", Reply(b"", length=LARGEST + 1, then="reset"))
    assert f"{LARGEST:,}" in await refusal(hub, f"{HOST}/large", kind=Unavailable)
    source.on("/closed", Reply(b"", 403))
    assert "403" in await refusal(hub, f"{HOST}/closed")
    source.on("/broken", Reply(b"", 503))
    assert "503" in await refusal(hub, f"{HOST}/broken", kind=Unavailable)


async def test_a_repeat_with_another_reference_is_another_picture(hub: Hub, source: LoopbackSource):
    source.on("/a.png", Reply(png("red")), Reply(png("blue")))
    questions: list[Any] = []
    for strength in (None, None, 0.5):
        found = await brought(hub, f"{HOST}/a.png")
        job = Job(prompt="a", seed=1, steps=4, references=found, strength=strength)
        questions.append(question_of(hub.settings, ME, job, "png"))
    assert questions[0] != questions[1] != questions[2]
    calls = [asked(), asked(references=["a"]), asked(references=["b"]), asked(references=["a"], strength=0.5)]
    assert len({request_of(each) for each in calls}) == len(calls)


async def test_the_question_to_the_user_shows_what_the_references_are(hub: Hub, source: LoopbackSource):
    mine = await drawn(hub, png("red"))
    references = [mine, f"{HOST}/a.png?secret=1"]
    about = image_gen.about(image_gen.validate({"prompt": "a", "references": references}), hub, ME)
    assert about["references"][0].startswith(f"{mine}, 64x64, drawn by FLUX.1-schnell on 20")
    assert about["references"][1] == f"{HOST}/a.png, fetched from pictures.example"
    assert source.asked == []
    assert image_gen.about(image_gen.validate({"prompt": "a"}), hub, ME) == {}
    with pytest.raises(InvalidArguments, match="names no picture of yours"):
        image_gen.about(image_gen.validate({"prompt": "a", "references": [mine]}), hub, OTHER)
    assert not image_gen.annotations[
        "openWorldHint"
    ]  # some hosts refuse such a tool where nobody can be asked


@pytest.mark.parametrize(
    "arguments", [{"references": []}, {"references": ["a"] * 5}, {"strength": 0}, {"references": "a" * 9}]
)
def test_what_no_call_takes_is_refused_by_the_schema(arguments: dict[str, Any]):
    (name,) = arguments
    with pytest.raises(InvalidArguments, match=name):
        asked(**arguments)


def test_a_model_that_is_known_refuses_before_anything_is_fetched(tmp_path: Path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    one, two = asked(references=["a"]), asked(references=["a", "b"])
    for model in ("auto", "flux-schnell", "z-image-turbo", str(tmp_path)):
        require_taken(one, model)
        with pytest.raises(InvalidInput, match=r"FLUX\.2-klein-9B"):
            require_taken(two, model)
    require_taken(two, "flux2-klein-4b")
    with pytest.raises(InvalidInput, match="strength"):
        require_taken(asked(references=["a"], strength=0.5), "flux2-klein-4b")
    with pytest.raises(InvalidInput, match="alya-sketch"):
        require_taken(one, "sketch")
    # Whether this one takes any is seen where it is loaded.
    require_taken(two, "owner/name")


def test_the_list_of_pictures_keeps_the_newest_and_survives_what_it_cant_write(tmp_path: Path):
    owned = OwnedPictures(tmp_path, most=2)
    for key in ("a", "b", "b", "c"):
        owned.note(ME, key, "m", 1, 1)
    assert [owned.find(ME, key) is not None for key in ("a", "b", "c")] == [False, True, True]
    owned.close()
    (tmp_path / "repeats" / "owned.sqlite").write_bytes(b"damaged" * 100)
    owned.note(ME, "d", "m", 1, 1)
    with pytest.raises(Unavailable):
        owned.find(ME, "c")
    owned.close()
