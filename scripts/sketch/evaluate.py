"""Does alya-sketch draw what the prompt says? Draws prompts that training never saw through FluxPipeline, 4
steps, 1024 x 1024, looks at the pixels and prints a table: `python scripts/sketch/evaluate.py --sheet
docs/images/sketch.png`

Colours are judged by hue, saturation and value of the median pixel of a region, shapes by comparing
outlines, counts by connected components, scenes by the nearest of reference drawings of every kind of
scene.
"""

from __future__ import annotations

import argparse
import colorsys
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import FluxPipeline
from drawing import draw
from export import PACKAGE
from meaning import COLOURS, HELD_OUT, POSITIONS, SHAPES, Scene, Thing
from numpy.typing import NDArray
from PIL import Image
from text import T5_LENGTH
from vae import composite

Pixels = NDArray[np.float64]
Mask = NDArray[np.bool_]
SMALL = 256


def family(colour: Pixels) -> str:
    """The colour name of red, green, blue from 0 to 1."""
    turn, saturation, value = colorsys.rgb_to_hsv(*(float(part) for part in colour))
    degrees = turn * 360.0
    if value < 0.24:
        return "black"
    if saturation < 0.12:
        return "white" if value > 0.85 else "grey"
    if saturation < 0.20 and value < 0.85:
        return "grey"
    if degrees >= 345.0 or degrees < 14.0:
        return "pink" if saturation < 0.6 and value > 0.8 else "red"
    if degrees < 42.0:
        return "brown" if value < 0.68 else "orange"
    for limit, name in (
        (66.0, "yellow"),
        (166.0, "green"),
        (202.0, "cyan"),
        (252.0, "blue"),
        (300.0, "purple"),
    ):
        if degrees < limit:
            return name
    return "pink"


def components(mask: Mask, least: float = 0.0015) -> list[Mask]:
    """The connected parts of a mask that cover at least that share of the picture, largest first."""
    height, width = mask.shape
    left = mask.copy()
    found: list[Mask] = []
    for start in zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True):
        if not left[start]:
            continue
        part = np.zeros_like(mask)
        stack = [start]
        left[start] = False
        while stack:
            row, column = stack.pop()
            part[row, column] = True
            for r, c in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if 0 <= r < height and 0 <= c < width and left[r, c]:
                    left[r, c] = False
                    stack.append((r, c))
        if part.mean() >= least:
            found.append(part)
    return sorted(found, key=lambda part: -int(part.sum()))


def reduce(image: Image.Image) -> Pixels:
    """A picture as (256, 256, 3) numbers from 0 to 1."""
    return (
        np.asarray(image.convert("RGB").resize((SMALL, SMALL), Image.Resampling.BOX), dtype=np.float64)
        / 255.0
    )


def objects(pixels: Pixels) -> list[Mask]:
    """Connected parts that differ from the plain background, which is the median colour of the picture's
    border.
    """
    border = np.concatenate([pixels[2], pixels[-3], pixels[:, 2], pixels[:, -3]])
    ground = np.median(border, axis=0)
    return components(np.abs(pixels - ground).max(axis=2) > 0.13)


def outline(mask: Mask) -> Mask:
    """A mask cut to its bounding box and scaled to 48 x 48."""
    rows, columns = np.nonzero(mask)
    cut = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scaled = Image.fromarray(cut.astype(np.uint8) * 255).resize((48, 48), Image.Resampling.BOX)
    return np.asarray(scaled) > 127


class Shapes:
    """Names the shape of a mask by the best overlap with a drawing of each shape in three sizes."""

    def __init__(self) -> None:
        noise = np.zeros((16, 32, 32), dtype=np.float32)
        self.templates: list[tuple[str, Mask]] = []
        for shape in SHAPES:
            for size in ("small", None, "large"):
                scene = Scene("plain", "white", things=(Thing(shape, "black", size),))
                shown = composite(draw(scene, noise), 4)[1::2, 1::2]
                self.templates.append((shape, outline(shown.mean(axis=2) < 0.5)))

    def name(self, mask: Mask) -> str:
        """The shape with the largest intersection over union."""
        mine = outline(mask)
        return max(self.templates, key=lambda item: float((item[1] & mine).sum() / (item[1] | mine).sum()))[0]


def colour_of(pixels: Pixels, mask: Mask) -> str:
    return family(np.median(pixels[mask], axis=0))


def centre_of(mask: Mask) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()) / SMALL, float(rows.mean()) / SMALL


def at(mask: Mask, position: str) -> bool:
    """Whether a part's bounding box is centred where the words say, in thirds with a little slack."""
    rows, columns = np.nonzero(mask)
    place = ((columns.min() + columns.max()) / 2 / SMALL, (rows.min() + rows.max()) / 2 / SMALL)
    for value, want in zip(place, POSITIONS[position], strict=True):
        got = -1 if value < 0.42 else 1 if value > 0.58 else 0
        if got != want:
            return False
    return True


@dataclass
class Case:
    """A prompt and, for each attribute it tests, what to look for."""

    prompt: str
    checks: dict[str, Callable[[Pixels], bool]] = field(default_factory=dict)


SHAPE_WORDS = {
    "circle": "disc",
    "ring": "ring",
    "square": "square",
    "triangle": "triangle",
    "star": "star",
    "heart": "heart",
}
WORDINGS = (
    "I'd love {a} {c} {s} against a {b} background",
    "could we get {a} {c} {s}, {b} backdrop",
    "{c} {s} on {b}",
    "picture showing exactly one {c} {s} over a {b} background",
    "render {a} {c} {s}, background {b}",
)


def _other(rng: Random, *avoid: str) -> str:
    near = {
        "white": "grey",
        "grey": "white",
        "orange": "brown",
        "brown": "orange",
        "red": "pink",
        "pink": "red",
        "blue": "cyan",
    }
    return rng.choice([c for c in COLOURS if c not in avoid and near.get(c) not in avoid])


def cases(shapes: Shapes, scenes: Scenes, number: int, seed: int) -> list[Case]:
    """Prompts for every attribute."""
    rng = Random(seed)
    result: list[Case] = []
    held = sorted(HELD_OUT)
    for index in range(number):
        colour, shape = (
            held[index % len(held)] if index % 2 == 0 else (rng.choice(list(COLOURS)), rng.choice(SHAPES))
        )
        ground = _other(rng, colour)
        words = rng.choice(WORDINGS).format(
            c=colour, s=SHAPE_WORDS[shape], b=ground, a="an" if colour[0] in "aeiou" else "a"
        )
        for unknown in (False, True):
            prompt = (
                " ".join(f"{word} flibber" if i % 3 == 1 else word for i, word in enumerate(words.split()))
                if unknown
                else words
            )
            if unknown and index % 4:
                continue
            tag = " (unknown words)" if unknown else ""

            def one(pixels: Pixels, colour: str = colour) -> bool:
                parts = objects(pixels)
                return bool(parts) and colour_of(pixels, parts[0]) == colour

            def form(pixels: Pixels, shape: str = shape) -> bool:
                parts = objects(pixels)
                return bool(parts) and shapes.name(parts[0]) == shape

            def behind(pixels: Pixels, ground: str = ground) -> bool:
                return (
                    family(
                        np.median(
                            np.concatenate([pixels[4], pixels[-5], pixels[:, 4], pixels[:, -5]]), axis=0
                        )
                    )
                    == ground
                )

            result.append(
                Case(prompt, {f"colour{tag}": one, f"shape{tag}": form, f"background{tag}": behind})
            )
    for index in range(number):
        position = list(POSITIONS)[index % len(POSITIONS)]
        colour, shape = _other(rng, "white"), rng.choice(SHAPES)
        where = {"centre": "in the exact centre"}.get(
            position, f"in the {position} corner" if " " in position else f"at the {position}"
        )
        result.append(
            Case(
                f"{colour} {shape} {where}, white background",
                {"position": lambda p, w=position: bool(o := objects(p)) and at(o[0], w)},
            )
        )
    for _ in range(number // 2):
        one, other = rng.sample([c for c in COLOURS if c not in ("white", "grey")], 2)
        first, second = rng.sample(SHAPES, 2)
        sides = rng.choice(
            (("left", "right"), ("top", "bottom"), ("top left", "bottom right"), ("bottom left", "top right"))
        )

        def pair(pixels: Pixels, one: str = one, other: str = other, sides: tuple[str, str] = sides) -> bool:
            parts = objects(pixels)
            return len(parts) == 2 and all(
                any(colour_of(pixels, part) == colour and at(part, side) for part in parts)
                for colour, side in zip((one, other), sides, strict=True)
            )

        result.append(
            Case(
                f"small {one} {first} {sides[0]}; {other} {second}, {sides[1]}; white background",
                {"two objects, each in place": pair},
            )
        )
    for index in range(number):
        count = index % 3 + 1
        colour, shape = _other(rng, "white"), rng.choice(SHAPES)
        said = ("one", "two", "three")[count - 1]
        plural = shape + ("" if count == 1 else "s")
        result.append(
            Case(
                f"{said} {colour} {plural} on a white background",
                {"count": lambda p, n=count: len(objects(p)) == n},
            )
        )
    for index in range(number // 2):
        colour, shape, size = (
            _other(rng, "white"),
            rng.choice(("circle", "square", "star", "heart")),
            ("small", "large")[index % 2],
        )

        def sized(pixels: Pixels, size: str = size) -> bool:
            parts = objects(pixels)
            if not parts:
                return False
            columns = np.nonzero(parts[0])[1]
            width = (columns.max() - columns.min()) / SMALL
            return width < 0.27 if size == "small" else width > 0.38

        word = {"small": "tiny", "large": "huge"}[size]
        result.append(Case(f"{word} {colour} {shape}, white background", {"size": sized}))
    for index in range(number // 2):
        one, other = rng.choice(
            (("red", "yellow"), ("blue", "white"), ("green", "black"), ("purple", "orange"), ("pink", "blue"))
        )
        kind = ("stripes", "checks", "dots", "gradient")[index % 4]

        def both(pixels: Pixels, one: str = one, other: str = other, kind: str = kind) -> bool:
            if kind == "gradient":
                return (
                    family(np.median(pixels[4], axis=0)) == one
                    and family(np.median(pixels[-5], axis=0)) == other
                )
            names = [family(colour) for colour in pixels[2::5, 2::5].reshape(-1, 3)]
            return min(names.count(one), names.count(other)) >= 0.08 * len(names)

        words = {
            "stripes": f"{one} background having vertical {other} stripes",
            "checks": f"{one} and {other} checkerboard background",
            "dots": f"{one} background sprinkled with {other} polka dots",
            "gradient": f"a vertical gradient from {one} down to {other}",
        }[kind]
        result.append(Case(words, {"background pattern": both}))
    for index in range(number):
        kind = list(SCENES)[index % len(SCENES)]
        prompt = SCENES[kind][1][(index // len(SCENES)) % len(SCENES[kind][1])]
        result.append(Case(prompt, {"scene": lambda p, k=kind: scenes.name(p) == k}))
    return result


SCENES: dict[str, tuple[Scene, tuple[str, ...]]] = {
    "sunset over the sea": (
        Scene("sky", sky="sunset", ground="sea"),
        ("draw me a sunset over the sea", "a glorious ocean sunset"),
    ),
    "night sky": (
        Scene("sky", sky="night"),
        ("a night sky with a moon and stars", "the starry sky at midnight"),
    ),
    "meadow": (
        Scene("sky", sky="day", ground="meadow"),
        ("green meadow under a blue sky", "sunny lush meadow, clear sky"),
    ),
    "mountains": (
        Scene("sky", sky="day", ground="mountains"),
        ("snowy mountains", "majestic snowy mountains on a sunny day"),
    ),
    "house": (
        Scene("sky", sky="day", ground="meadow", things=(Thing("house"),)),
        ("a house on a green meadow", "cosy little-known cottage standing in a field on a sunny day"),
    ),
    "tree": (
        Scene("sky", sky="day", ground="meadow", things=(Thing("tree"),)),
        ("a tree on a hill", "one old tree in a meadow by day"),
    ),
    "boat": (
        Scene("sky", sky="day", ground="sea", things=(Thing("boat"),)),
        ("a boat on the sea", "fishing boat out on the lake, sunny"),
    ),
    "road": (Scene("sky", sky="day", ground="road"), ("a road", "an endless road under a blue sky")),
    "rain": (Scene("sky", sky="rain", ground="meadow"), ("rain over a meadow", "it rains on the grass")),
    "night mountains": (
        Scene("sky", sky="night", ground="mountains"),
        ("mountains at night", "snowy peaks by moonlight"),
    ),
}


class Scenes:
    """Names a scene by the nearest of reference drawings, `each` of every kind, at 32 x 32."""

    def __init__(self, each: int = 12) -> None:
        self.references: list[tuple[str, Pixels]] = []
        for kind, (scene, _) in SCENES.items():
            for seed in range(each):
                noise = np.random.default_rng(1000 + seed).standard_normal((16, 32, 32)).astype(np.float32)
                shown = composite(draw(scene, noise), 4)
                self.references.append((kind, shown.reshape(32, 16, 32, 16, 3).mean(axis=(1, 3))))

    def name(self, pixels: Pixels) -> str:
        """The kind whose drawing has the smallest mean absolute difference."""
        mine = pixels.reshape(32, 8, 32, 8, 3).mean(axis=(1, 3))
        return min(self.references, key=lambda item: float(np.abs(item[1] - mine).mean()))[0]


GOALS = {"colour": 0.98, "shape": 0.92, "position": 0.95, "count": 0.92, "background": 0.97, "scene": 0.90}

SHEET = (
    "a red circle on a blue background",
    "a small red star on the left and a large blue circle on the right",
    "draw me a sunset over the sea",
    "a house on a green meadow under a blue sky",
    "three yellow stars on a black background",
    "a night sky with a moon and stars",
    "a boat on the sea at sunset",
    "snowy mountains at night",
    "a purple triangle on a white background",
    "a pink heart on yellow and white stripes",
    "a road",
    "rain over a meadow",
    "two orange rings on a gradient from purple to pink",
    "a tree in the snow",
    "a green star in the top left corner",
    "a red house next to a tree at sunset",
)


def load(folder: Path) -> FluxPipeline:
    """The pipeline of a folder, offline, in float32 on the CPU."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    pipe: FluxPipeline = FluxPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.vae.to(memory_format=torch.channels_last)
    return pipe


def show(pipe: FluxPipeline, prompt: str, seed: int, steps: int = 4) -> Image.Image:
    """One picture of 1024 x 1024."""
    generator = torch.Generator().manual_seed(seed)
    return pipe(
        prompt,
        width=1024,
        height=1024,
        num_inference_steps=steps,
        guidance_scale=0.0,
        max_sequence_length=T5_LENGTH,
        generator=generator,
    ).images[0]


def sheet(pipe: FluxPipeline, path: Path) -> None:
    """A contact sheet of 16 pictures."""
    side, gap = 216, 8
    board = Image.new("RGB", (4 * (side + gap) + gap,) * 2, "white")
    for index, prompt in enumerate(SHEET):
        tile = show(pipe, prompt, 11 + index).resize((side, side), Image.Resampling.LANCZOS)
        board.paste(tile, (gap + (side + gap) * (index % 4), gap + (side + gap) * (index // 4)))
    path.parent.mkdir(parents=True, exist_ok=True)
    board.save(path, optimize=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=PACKAGE)
    parser.add_argument("--number", type=int, default=40, help="prompts per attribute")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet here")
    parser.add_argument("--failures", type=Path, help="keep pictures that fail a check in this folder")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    options = parser.parse_args()
    pipe = load(options.model)
    if options.sheet is not None:
        sheet(pipe, options.sheet)
    scores: dict[str, list[bool]] = {}
    tested = cases(Shapes(), Scenes(), options.number, options.seed) if options.number else []
    for index, case in enumerate(tested):
        image = show(pipe, case.prompt, options.seed + index)
        pixels = reduce(image)
        verdicts = {name: check(pixels) for name, check in case.checks.items()}
        for name, good in verdicts.items():
            scores.setdefault(name, []).append(good)
        if options.failures is not None and not all(verdicts.values()):
            options.failures.mkdir(parents=True, exist_ok=True)
            wrong = "+".join(name for name, good in verdicts.items() if not good).replace(" ", "_")
            image.resize((256, 256)).save(
                options.failures / f"{index:03d}_{wrong}_{case.prompt[:60].replace('/', ' ')}.png"
            )
    rates = {name: sum(values) / len(values) for name, values in scores.items()}
    if options.output == "json":
        print(
            json.dumps(
                {name: {"rate": rates[name], "prompts": len(scores[name])} for name in rates}, indent=2
            )
        )
        return
    print(f"{'attribute':32} {'prompts':>7} {'right':>7} {'goal':>6}")
    for name, rate in rates.items():
        goal = GOALS.get(name.split(" (")[0])
        print(f"{name:32} {len(scores[name]):7d} {rate:7.1%} {'' if goal is None else format(goal, '6.0%')}")


if __name__ == "__main__":
    main()
