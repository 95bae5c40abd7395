"""alya-sketch: the bundled pipeline loads without a network and draws what its prompt says."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from random import Random
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image, ImageFilter
from raw_client import Servers

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts" / "sketch"

# The scripts import each other by short names, which other tests' helpers may have too: each keeps its own.
_names = {script.stem for script in SCRIPTS.glob("*.py")}
_others = {name: sys.modules.pop(name) for name in _names & sys.modules.keys()}
sys.path.insert(0, str(SCRIPTS))

import captions  # noqa: E402
import drawing  # noqa: E402
import evaluate  # noqa: E402
import meaning  # noqa: E402
import text  # noqa: E402
import vae  # noqa: E402

sys.path.remove(str(SCRIPTS))
for _name in _names:
    sys.modules.pop(_name, None)
sys.modules.update(_others)

PACKAGE = ROOT / "alya_mcp" / "images" / "sketch"


@pytest.fixture(scope="module")
def pipe():
    return evaluate.load(PACKAGE)


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((16, 32, 32)).astype(np.float32)


OBJECTS = meaning.Scene(
    "plain",
    "blue",
    things=(
        meaning.Thing("star", "red", None, "left"),
        meaning.Thing("heart", "yellow", "large", "right"),
    ),
)
LANDSCAPE = meaning.Scene("sky", sky="sunset", ground="sea", things=(meaning.Thing("boat"),))


@pytest.mark.parametrize(
    ("scene", "layout"),
    [(OBJECTS, torch.channels_last), (LANDSCAPE, torch.contiguous_format)],
    ids=["objects, channels last", "landscape"],
)
def test_computed_decoder_shows_what_the_plain_compositor_shows(scene: meaning.Scene, layout: object) -> None:
    picture = drawing.draw(scene, _noise(3))
    decoder = vae.build().decoder.to(memory_format=layout)
    with torch.inference_mode():
        shown = decoder(torch.from_numpy(drawing.standardise(picture))[None])[0]
    pixels = (shown / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).double().numpy()
    difference = np.abs(pixels - vae.composite(picture))
    inside = difference[4:-4, 4:-4].max(axis=2)
    assert np.quantile(inside, 0.99) < 1 / 255
    assert np.quantile(inside, 0.999) < 6 / 255  # edges: a gate's square is computed to 0.004
    assert inside.max() < 32 / 255  # a few pixels where edges of two layers cross
    assert difference[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 2 / 255
    assert difference.mean() < 0.25 / 255


def test_weights_fit_in_a_package_of_20_megabytes() -> None:
    sizes = [path.stat().st_size for path in PACKAGE.rglob("*") if path.is_file()]
    assert sum(sizes) <= 20_000_000


def test_shipped_decoder_is_the_computed_one(pipe) -> None:
    computed = vae.build().state_dict()
    shipped = pipe.vae.state_dict()
    assert computed.keys() == shipped.keys()
    assert all(torch.equal(computed[name], shipped[name]) for name in computed)


def test_chance_in_a_picture_comes_from_the_noise_alone() -> None:
    scene = meaning.Scene("open", things=(meaning.Thing("circle"), meaning.Thing("square")))
    assert np.array_equal(drawing.draw(scene, _noise(1)), drawing.draw(scene, _noise(1)))
    assert not np.array_equal(drawing.draw(scene, _noise(1)), drawing.draw(scene, _noise(2)))


def test_held_out_pairs_are_never_drawn_in_training() -> None:
    rng = Random(0)
    for _ in range(3000):
        for thing in meaning.random_scene(rng).things:
            assert (thing.colour, thing.shape) not in meaning.HELD_OUT


def test_every_scene_of_the_training_set_has_labels_within_their_classes() -> None:
    rng = Random(1)
    sizes = list(meaning.BACKDROP_HEADS.values()) + 3 * list(meaning.THING_HEADS.values())
    for _ in range(1000):
        row = meaning.labels(meaning.random_scene(rng))
        assert len(row) == len(sizes)
        assert all(0 <= label < size for label, size in zip(row, sizes, strict=True))


def test_captions_name_every_colour_shape_and_number_of_a_scene() -> None:
    _, five = text.tokenizers()
    rng = Random(2)
    for _ in range(500):
        scene = meaning.random_scene(rng)
        words = five.tokenize(captions.caption(rng, scene))
        for thing in scene.things:
            assert thing.shape in words
            assert thing.colour is None or thing.colour in words
            assert thing.size is None or thing.size in words


def test_tokenisers_mark_objects_join_synonyms_and_drop_unknown_words() -> None:
    _, five = text.tokenizers()
    assert five.tokenize("Draw me a HUGE scarlet disc, upper left; two tiny grey boxes!") == [
        "large", "red", "<n1>", "circle", ",", "top", "left", ",", "two", "small", "grey", "<n2>", "square",
    ]  # fmt: skip
    assert five.tokenize("a red flibbertigibbet star") == five.tokenize("red star")
    assert five.tokenize("日本語 🙂") == []


def test_shipped_tokenisers_are_those_of_the_scripts(pipe) -> None:
    clip, five = text.tokenizers()
    prompt = "A small red star on the left and a large blue circle on the right, by flibber"
    assert pipe.tokenizer(prompt).input_ids == clip(prompt).input_ids
    assert pipe.tokenizer_2(prompt).input_ids == five(prompt).input_ids


def _latents(pipe, prompt: str, seed: int) -> torch.Tensor:
    """What is decoded into a picture, which takes most of a picture's time."""
    return pipe(
        prompt, width=1024, height=1024, num_inference_steps=1, guidance_scale=0.0, max_sequence_length=48,
        generator=torch.Generator().manual_seed(seed), output_type="latent",
    ).images  # fmt: skip


def test_same_seed_draws_the_same_picture_and_another_seed_another(pipe) -> None:
    first, again, other = (_latents(pipe, "a green square", seed) for seed in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("prompt", ["", "   ", "word " * 400, "日本語 🙂", "red " * 300 + "circle"])
def test_any_prompt_makes_a_finite_picture(pipe, prompt: str) -> None:
    assert bool(torch.isfinite(_latents(pipe, prompt, 1)).all())


@pytest.fixture(scope="module")
def shapes() -> evaluate.Shapes:
    return evaluate.Shapes()


@pytest.fixture(scope="module")
def held_out_cases(shapes: evaluate.Shapes) -> dict[str, list[evaluate.Case]]:
    """Prompts that training never saw, by the attributes that they test."""
    found: dict[str, list[evaluate.Case]] = {}
    for case in evaluate.cases(shapes, evaluate.Scenes(each=1), 6, 1):
        found.setdefault("+".join(case.checks), []).append(case)
    return found


@pytest.mark.parametrize(
    ("attributes", "index"),
    [
        ("colour+shape+background", 2),
        ("colour (unknown words)+shape (unknown words)+background (unknown words)", 0),
        pytest.param("position", 3, marks=pytest.mark.slow),
        ("two objects, each in place", 0),
        ("count", 2),
        pytest.param("size", 0, marks=pytest.mark.slow),
        pytest.param("background pattern", 2, marks=pytest.mark.slow),
        pytest.param("scene", 0, marks=pytest.mark.slow),
    ],
)
def test_held_out_prompts_are_followed(pipe, held_out_cases, attributes: str, index: int) -> None:
    case = held_out_cases[attributes][index]
    pixels = evaluate.reduce(evaluate.show(pipe, case.prompt, 40 + index))
    assert {name: check(pixels) for name, check in case.checks.items()} == dict.fromkeys(case.checks, True)


def _families(pixels: np.ndarray, mask: np.ndarray) -> set[str]:
    """The colours in a mask, its outline left out, where colours mix."""
    inside = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MinFilter(5))
    return {evaluate.family(colour) for colour in pixels[np.asarray(inside) > 0]}


@pytest.mark.parametrize(
    ("colour", "ground"), [("red", "blue"), pytest.param("green", "white", marks=pytest.mark.slow)]
)
def test_a_circle_on_a_background_is_drawn_and_nothing_else(
    pipe, shapes: evaluate.Shapes, colour: str, ground: str
) -> None:
    pixels = evaluate.reduce(evaluate.show(pipe, f"a {colour} circle on a {ground} background", 7))
    (part,) = evaluate.objects(pixels)
    assert shapes.name(part) == "circle"
    assert _families(pixels, part) == {colour}
    assert _families(pixels, ~part) == {ground}


@pytest.mark.slow  # test_image_rendering.py draws with it by a worker that has no network either
def test_a_plain_background_comes_through_the_tool_without_a_network(start_server: Servers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        way_out = f"http://127.0.0.1:{outside.getsockname()[1]}"
        names = (
            "HF_ENDPOINT",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "http_proxy",
            "https_proxy",
            "all_proxy",
        )
        server = start_server(
            extra={"ALYA_IMAGE_MODEL": "sketch", "HF_HUB_OFFLINE": "0"} | dict.fromkeys(names, way_out)
        )
        server.initialize()

        result = server.call("image_gen", {"prompt": "a plain red background", "seed": 3, "wait": 600})[
            "result"
        ]

        assert not result.get("isError"), result
        answer = result["structuredContent"]
        assert answer["model"] == "alya-sketch"
        outside.setblocking(False)
        with pytest.raises(BlockingIOError):
            outside.accept()
    with urlopen(answer["url"], timeout=30) as opened:
        pixels = evaluate.reduce(Image.open(opened))
    assert {evaluate.family(colour) for colour in pixels.reshape(-1, 3)} == {"red"}


def test_two_objects_are_drawn_on_their_sides(pipe) -> None:
    pixels = evaluate.reduce(
        evaluate.show(
            pipe, "a small red star on the left and a large blue circle on the right, white background", 9
        )
    )
    parts = evaluate.objects(pixels)
    sides = {evaluate.colour_of(pixels, part): evaluate.centre_of(part)[0] for part in parts}
    assert sides.keys() == {"red", "blue"}
    assert sides["red"] < 0.5 < sides["blue"]
