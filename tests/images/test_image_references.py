"""References: diffusers' own pictures, bit for bit, and what is refused before it is decoded."""

import importlib
import io
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alya_mcp.errors import InvalidInput, NotConfigured
from alya_mcp.images.decoding import opened
from alya_mcp.images.engine import Job, Picture
from alya_mcp.images.flux.loading import load_pipeline
from alya_mcp.images.flux.pipeline import Artist, open_artist
from alya_mcp.images.flux.renderer import FluxRenderer
from alya_mcp.images.flux.schedule import drawn_steps
from alya_mcp.images.plan import Plan
from alya_mcp.images.reference import LARGEST, MOST_PIXELS, Reference
from alya_mcp.images.renderer import RenderRequest
from alya_mcp.images.wire.frames import unpack
from alya_mcp.images.wire.messages import DrawRequest, pack_request, read_request

FULL = Plan(precision="fp32", encoder="fp32", needs=0)
HALF = Plan(precision="bf16", encoder="bf16", needs=0)
PROMPT = "a red circle on the blue square"


def painted(width: int, height: int, seed: int = 0) -> Image.Image:
    """A picture of soft colours."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def reference(picture: Image.Image, kind: str = "PNG", **options: Any) -> Reference:
    return Reference(name="a", data=saved(picture, kind, **options))


def unheard(phase: str, at: float, until: float, message: str, preview: bytes = b"", /) -> None:
    del phase, at, until, message


def artist_for(folder: Path, plan: Plan) -> Artist:
    return open_artist(load_pipeline(folder, plan, "cpu"), torch.device("cpu"))


def latents_of(artist: Artist, job: Job) -> torch.Tensor:
    seen = artist.see(job, map(opened, job.references))
    return artist.denoise(job, artist.read(job.prompt), lambda done: None, seen)


@pytest.mark.parametrize("plan", [FULL, HALF], ids=["float32", "bfloat16"])
def test_klein_follows_references_as_in_diffusers(tiny_klein: Path, plan: Plan):
    diffusers: Any = importlib.import_module("diffusers")
    # One is larger than is read, one has sides that aren't whole units.
    pictures = [painted(160, 96), painted(1300, 1000, 1), painted(100, 77, 2)]
    job = Job(
        prompt=PROMPT, seed=3, steps=2, width=96, height=160,
        references=tuple(reference(each) for each in pictures),
    )  # fmt: skip
    artist = artist_for(tiny_klein, plan)
    latents = latents_of(artist, job)
    pipeline = diffusers.Flux2KleinPipeline.from_pretrained(tiny_klein, dtype=artist.dtype)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        image=pictures, prompt=job.prompt, height=job.height, width=job.width,
        num_inference_steps=job.steps, guidance_scale=0.0,
        generator=torch.Generator("cpu").manual_seed(job.seed), output_type="latent",
    ).images  # fmt: skip
    assert torch.equal(artist.scaled(job, latents), theirs)
    for fewer in (replace(job, references=job.references[:1]), replace(job, references=())):
        other = artist.denoise(
            fewer, artist.read(PROMPT), lambda done: None,
            artist.see(fewer, map(opened, fewer.references)) if fewer.references else (),
        )  # fmt: skip
        assert not torch.equal(other, latents)


@pytest.mark.parametrize("plan", [FULL, HALF], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("family", ["flux", "z_image"])
def test_a_picture_is_begun_from_another_as_in_diffusers(family: str, plan: Plan, request: Any):
    diffusers: Any = importlib.import_module("diffusers")
    folder = request.getfixturevalue("tiny" if family == "flux" else "tiny_z_image")
    picture = painted(96, 160)
    artist = artist_for(folder, plan)
    kind = diffusers.FluxImg2ImgPipeline if family == "flux" else diffusers.ZImageImg2ImgPipeline
    pipeline = kind.from_pretrained(folder, dtype=artist.dtype)
    pipeline.set_progress_bar_config(disable=True)
    length = {"max_sequence_length": 256} if family == "flux" else {}
    for steps, strength, taken in ((4, 0.6, 3), (3, 0.01, 1), (2, 1.0, 2)):
        job = Job(
            prompt=PROMPT, seed=7, steps=steps, width=96, height=160, references=(reference(picture),),
            strength=strength,
        )  # fmt: skip
        theirs = pipeline(
            image=picture, strength=strength, prompt=job.prompt, height=job.height, width=job.width,
            num_inference_steps=steps, guidance_scale=0.0,
            generator=torch.Generator("cpu").manual_seed(job.seed), output_type="latent", **length,
        ).images  # fmt: skip
        assert torch.equal(latents_of(artist, job), theirs)
        assert drawn_steps(job) == taken


# -- files


def test_pixels_are_those_that_a_viewer_shows():
    """The right way up, in 8 bits, before white, the first frame."""
    picture = painted(120, 80)
    plain = np.asarray(picture)
    assert np.array_equal(np.asarray(opened(reference(picture))), plain)
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was turned: its right is up
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        shown = np.asarray(opened(reference(picture, kind, exif=turned, **options)))
        assert np.array_equal(shown, np.rot90(plain, 3))
    assert opened(reference(picture, "JPEG", exif=turned)).size == (80, 120)

    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    on_white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    assert np.array_equal(np.asarray(opened(reference(clear))), np.asarray(on_white))
    palette = Image.new("P", (64, 64), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert opened(reference(palette, transparency=0)).getpixel((0, 0)) == (255, 255, 255)

    for kind in ("PNG", "WEBP"):
        frames = [painted(64, 64, seed) for seed in (1, 2)]
        animated = reference(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert np.array_equal(np.asarray(opened(animated)), np.asarray(frames[0]))

    deep = np.linspace(0, 65535, 64 * 64, dtype=np.uint16).reshape(64, 64)
    shown = np.asarray(opened(reference(Image.fromarray(deep))))
    assert np.array_equal(shown, np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, axis=2))
    assert opened(reference(picture.convert("CMYK"), "JPEG")).mode == "RGB"


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def bomb(width: int, height: int) -> bytes:
    """A PNG file that says it has so many pixels; of them it has none."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bomb(8_000, 6_251), "8000x6251"),
        (bomb(20_000, 20_000), "50 million"),
        (bomb(63, 640), "63x640"),
        (bomb(100, 801), "100x801"),
        (bomb(100, 100), "decoded"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "decoded"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "decoded"),
        (saved(painted(100, 100))[:-2000], "decoded"),
    ],
    ids=["too many", "a bomb", "too small", "too long", "no pixels", "no jpeg", "no webp", "cut short"],
)
def test_what_is_no_whole_picture_of_a_fit_size_is_named(data: bytes, said: str):
    assert MOST_PIXELS < 8_000 * 6_251
    with pytest.raises(InvalidInput, match=said) as refused:
        opened(Reference(name="2026-12-01/a.png", data=data))
    assert "2026-12-01/a.png" in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"<html>", b"GIF89a" + bytes(20), b"%PDF-1.7", bytes(LARGEST + 1)])
def test_what_is_no_picture_or_too_large_is_never_opened(data: bytes):
    with pytest.raises(InvalidInput, match="MB" if len(data) > LARGEST else "PNG, JPEG or WebP"):
        Reference(name="a", data=data)


def test_a_job_takes_as_many_references_and_as_much_strength_as_it_can_use():
    one = reference(painted(64, 64))
    for references, strength in ((0, 0.5), (1, 0.0), (1, 1.5), (5, None)):
        with pytest.raises(InvalidInput):
            Job(prompt=PROMPT, seed=1, steps=2, references=(one,) * references, strength=strength)


def test_a_job_crosses_the_wire_with_its_references():
    two = (reference(painted(64, 64)), Reference(name="https://a.example/b", data=saved(painted(80, 64))))
    job = Job(prompt=PROMPT, seed=1, steps=2, references=two, strength=0.5)
    request = DrawRequest(job=job)
    assert read_request(unpack(pack_request(request))) == request


# -- the renderer


def test_a_model_says_which_references_and_strength_it_takes(tiny: Path, tiny_klein: Path):
    one = reference(painted(128, 64))
    # Room for the tiny models, not for four references beside a picture.
    renderer = FluxRenderer(limit=1 << 30)

    def render(model: Path | str, **asked: Any) -> Picture:
        job = Job(prompt=PROMPT, seed=3, steps=2, width=96, height=96, **asked)
        request = RenderRequest(model=str(model), precision="auto", job=job)
        return replace(renderer.render(request, job, unheard), timings={})

    with pytest.raises(InvalidInput, match=r"FLUX\.2-klein-9B"):
        render(tiny, references=(one, one))
    usual = render(tiny, references=(one,))
    assert usual == render(tiny, references=(one,), strength=0.6)
    assert usual.pixels != render(tiny, references=(one,), strength=0.4).pixels
    with pytest.raises(InvalidInput, match="alya-sketch"):
        render("sketch", references=(one,))
    with pytest.raises(InvalidInput, match="Z-Image-Turbo"):
        render(tiny_klein, references=(one,), strength=0.5)
    plain = render(tiny_klein)
    followed = render(tiny_klein, references=(one,))
    assert followed.pixels != plain.pixels
    # A plan that has no room for as many is given up for one that has.
    loaded = renderer.models.loaded
    assert loaded is not None
    loaded.plan, loaded.references = replace(loaded.plan, tiled=True), 0
    assert render(tiny_klein, references=(one,)) == followed
    assert renderer.models.loaded is not loaded
    with pytest.raises(NotConfigured, match=r"\b1\.\d\b"):
        render(tiny_klein, references=(one,) * 4)
    assert render(tiny_klein).model == "tiny-klein"
